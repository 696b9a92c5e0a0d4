package cards

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pattern is an ATR with a mask of the bits that count.
type Pattern struct {
	atr, mask []byte // of one length; bits of atr that do not count are zero
}

// The bounds of an ATR (ISO 7816-3:2006, 8.1 and 8.2.1): TS and T0, and 31
// bytes more at most.
const (
	minATR = 2
	maxATR = 33
)

// leastBytes is how many bytes of a pattern must count whole. Fewer would take
// cards of other kinds for this one.
const leastBytes = 4

// ParsePattern reads an ATR and its mask, both in hexadecimal digits with a
// space between two bytes. Without a mask every bit counts.
func ParsePattern(atr, mask string) (Pattern, error) {
	a, err := parseBytes(atr)
	if err != nil {
		return Pattern{}, fmt.Errorf("atr: %w", err)
	}
	switch {
	case len(a) < minATR || len(a) > maxATR:
		return Pattern{}, fmt.Errorf("atr: must have %d to %d bytes, not %d", minATR, maxATR, len(a))
	case a[0] != 0x3B && a[0] != 0x3F:
		return Pattern{}, errors.New("atr: must begin with 3B or 3F")
	}
	m := bytes.Repeat([]byte{0xFF}, len(a))
	if mask != "" {
		if m, err = parseBytes(mask); err != nil {
			return Pattern{}, fmt.Errorf("mask: %w", err)
		}
	}
	whole := 0
	for _, b := range m {
		if b == 0xFF {
			whole++
		}
	}
	switch {
	case len(m) != len(a):
		return Pattern{}, fmt.Errorf("mask: has %d bytes, and the ATR %d", len(m), len(a))
	case m[0] != 0xFF || whole < min(leastBytes, len(a)):
		return Pattern{}, fmt.Errorf("mask: the first byte must count whole, and %d in all", leastBytes)
	}
	for i := range a {
		a[i] &= m[i]
	}
	return Pattern{a, m}, nil
}

// parseBytes reads two digits for each byte, with one space between two bytes.
func parseBytes(s string) ([]byte, error) {
	var all []byte
	for text := range strings.SplitSeq(s, " ") {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) != 1 {
			return nil, fmt.Errorf("%q is no byte in two hexadecimal digits", text)
		}
		all = append(all, b[0])
	}
	return all, nil
}

// Matches reports whether an ATR has the pattern's length and all of its bits
// that count.
func (p Pattern) Matches(atr []byte) bool {
	if len(atr) != len(p.atr) {
		return false
	}
	for i, b := range atr {
		if b&p.mask[i] != p.atr[i] {
			return false
		}
	}
	return true
}

// String returns the ATR and, if not every bit counts, the mask, as ParsePattern
// reads them, with a slash between the two.
func (p Pattern) String() string {
	s := fmt.Sprintf("% X", p.atr)
	if slices.ContainsFunc(p.mask, func(b byte) bool { return b != 0xFF }) {
		s += fmt.Sprintf("/% X", p.mask)
	}
	return s
}
