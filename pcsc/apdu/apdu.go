// Package apdu speaks ISO 7816-4: it builds and reads command APDUs, sends
// them over a link that carries one APDU at a time, names status words, and
// reads and writes BER-TLV data objects.
//
// Send hides what a caller need not know: command chaining for long data,
// GET RESPONSE after 61xx, and the repetition that 6Cxx asks for. A status
// word that says no is an answer, not an error of Send.
//
// The package never keeps a command. Send builds each APDU in a buffer of its
// exact size and clears it before it returns, because some carry a PIN.
// Printing a Command never shows the data of VERIFY, CHANGE REFERENCE DATA
// and RESET RETRY COUNTER. It knows no application, no reader and no PC/SC.
//
// Nothing here trusts a card: lengths are checked, answers are capped at
// MaxResponse, nothing recurses, and no input makes it panic. It is tested by
// tables, by scripted links, and by fuzzing of every reader: what was read and
// written again is the same bytes.
package apdu

import (
	"errors"
	"fmt"
)

// The instructions that Cardea sends (ISO 7816-4:2013, table 4.2).
const (
	InsVerify              = 0x20
	InsChangeReferenceData = 0x24
	InsResetRetryCounter   = 0x2C
	InsGeneralAuthenticate = 0x87
	InsSelect              = 0xA4
	InsGetResponse         = 0xC0
	InsGetData             = 0xCB
)

// claChaining marks a command that is not the last of a chain (ISO
// 7816-4:2013, 5.1.1.1).
const claChaining = 0x10

// The limits of the two encodings (ISO 7816-4:2013, 5.1).
const (
	maxShortData    = 255
	maxShortLe      = 256
	maxExtendedData = 65535
	maxExtendedLe   = 65536
)

// Encoding is how the length fields of a command APDU are written.
type Encoding int

// The two encodings. An APDU without length fields is Short.
const (
	Short    Encoding = iota // one byte: up to 255 bytes of data, 256 expected
	Extended                 // up to 65535 bytes of data, 65536 expected
)

// The errors of this package. Others wrap what the Transmitter returned.
var (
	// ErrCommand says that bytes are no command APDU, or that a Command has
	// no encoding of the kind asked for.
	ErrCommand = errors.New("apdu: malformed command")
	// ErrResponse says that an answer breaks ISO 7816-4 or is too long.
	ErrResponse = errors.New("apdu: malformed response")
)

// Command is one command APDU.
type Command struct {
	CLA, INS, P1, P2 byte
	Data             []byte
	// Le is the number of bytes expected, 1 to 65536, and 0 for none.
	Le int
}

// Marshal writes c in the given encoding, into a buffer of the exact size. It
// returns ErrCommand when c does not fit.
func (c Command) Marshal(e Encoding) ([]byte, error) {
	maxData, maxLe := maxShortData, maxShortLe
	if e == Extended {
		maxData, maxLe = maxExtendedData, maxExtendedLe
	}
	if len(c.Data) > maxData || c.Le < 0 || c.Le > maxLe {
		return nil, fmt.Errorf("%w: %d bytes of data, %d expected", ErrCommand, len(c.Data), c.Le)
	}
	b := make([]byte, 0, c.size(e))
	b = append(b, c.CLA, c.INS, c.P1, c.P2)
	if e == Extended && (len(c.Data) > 0 || c.Le > 0) {
		b = append(b, 0)
	}
	if len(c.Data) > 0 {
		b = appendLength(b, e, len(c.Data))
		b = append(b, c.Data...)
	}
	if c.Le > 0 {
		b = appendLength(b, e, c.Le)
	}
	return b, nil
}

// size is the number of bytes that Marshal writes.
func (c Command) size(e Encoding) int {
	field := 1
	if e == Extended {
		field = 2
	}
	n := 4
	if e == Extended && (len(c.Data) > 0 || c.Le > 0) {
		n++
	}
	if len(c.Data) > 0 {
		n += field + len(c.Data)
	}
	if c.Le > 0 {
		n += field
	}
	return n
}

// appendLength writes Lc or Le. The highest Le is written as zero, which is
// what cutting off the upper bits does.
func appendLength(b []byte, e Encoding, n int) []byte {
	if e == Extended {
		b = append(b, byte(n>>8)) // #nosec G115 -- 65536 is written as 0000
	}
	return append(b, byte(n)) // #nosec G115 -- 256 is written as 00
}

// Parse reads a command APDU and tells its encoding. Data is a part of b, not
// a copy. Marshal with that encoding gives b again.
func Parse(b []byte) (Command, Encoding, error) {
	if len(b) < 4 {
		return Command{}, Short, fmt.Errorf("%w: %d bytes", ErrCommand, len(b))
	}
	c := Command{CLA: b[0], INS: b[1], P1: b[2], P2: b[3]}
	body := b[4:]
	switch {
	case len(body) == 0: // case 1
		return c, Short, nil
	case len(body) == 1: // case 2
		c.Le = expected(int(body[0]), maxShortLe)
		return c, Short, nil
	case body[0] != 0: // cases 3 and 4
		n := int(body[0])
		return c.parseBody(Short, body[1:], n)
	case len(body) == 3: // case 2, extended
		c.Le = expected(int(body[1])<<8|int(body[2]), maxExtendedLe)
		return c, Extended, nil
	case len(body) > 3: // cases 3 and 4, extended
		n := int(body[1])<<8 | int(body[2])
		return c.parseBody(Extended, body[3:], n)
	}
	return Command{}, Short, fmt.Errorf("%w: cut-off length", ErrCommand)
}

// parseBody reads n bytes of data and the Le that may follow.
func (c Command) parseBody(e Encoding, body []byte, n int) (Command, Encoding, error) {
	field := 1
	if e == Extended {
		field = 2
	}
	switch {
	case n == 0 || len(body) < n:
	case len(body) == n:
		c.Data = body
		return c, e, nil
	case len(body) == n+field && e == Short:
		c.Data, c.Le = body[:n], expected(int(body[n]), maxShortLe)
		return c, e, nil
	case len(body) == n+field:
		c.Data, c.Le = body[:n], expected(int(body[n])<<8|int(body[n+1]), maxExtendedLe)
		return c, e, nil
	}
	return Command{}, Short, fmt.Errorf("%w: length %d, %d bytes follow", ErrCommand, n, len(body))
}

// expected turns an Le field into a number of bytes: zero stands for most.
func expected(field, most int) int {
	if field == 0 {
		return most
	}
	return field
}
