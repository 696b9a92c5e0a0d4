package apdu

import (
	"fmt"
	"io"
)

// Format prints the command for a trace, with any verb: header, data in
// hexadecimal and Le. The data of commands that carry a PIN or PUK is left
// out. It is a Formatter, not a Stringer, so that no verb goes round it.
func (c Command) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, c.trace())
}

// MarshalText is Format for loggers that encode to JSON.
func (c Command) MarshalText() ([]byte, error) {
	return []byte(c.trace()), nil
}

func (c Command) trace() string {
	s := fmt.Sprintf("%02X %02X %02X %02X", c.CLA, c.INS, c.P1, c.P2)
	switch {
	case len(c.Data) == 0:
	case secret(c.INS):
		s += " (redacted)"
	default:
		s += fmt.Sprintf(" (%d) %X", len(c.Data), c.Data)
	}
	if c.Le > 0 {
		s += fmt.Sprintf(" Le %d", c.Le)
	}
	return s
}

// secret tells whether an instruction's data holds a PIN or a PUK.
func secret(ins byte) bool {
	return ins == InsVerify || ins == InsChangeReferenceData || ins == InsResetRetryCounter
}
