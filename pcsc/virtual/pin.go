package virtual

import (
	"bytes"
	"crypto/subtle"
	"fmt"
)

// Key references of the card holder's secrets (SP 800-73-4 part 1, table 4a).
const (
	referencePIN = 0x80
	referencePUK = 0x81
)

// secretLength is how long every PIN and PUK is on its way to the card, padded with FF.
const secretLength = 8

// secret is a PIN or a PUK with its counter.
type secret struct {
	value     [secretLength]byte
	left, max int
	notSet    bool
}

func newSecret(text string, tries, wrong int) secret {
	if len(text) < 4 || len(text) > secretLength || tries < 1 || tries > 15 || wrong < 0 || wrong > tries {
		panic(fmt.Sprintf("virtual: no such PIN or PUK: %d characters, %d of %d tries spent", len(text), wrong, tries))
	}
	s := secret{left: tries - wrong, max: tries}
	copy(s.value[:], padded(text))
	return s
}

func padded(text string) []byte {
	value := bytes.Repeat([]byte{0xFF}, secretLength)
	copy(value, text)
	return value
}

// check compares and counts: 9000, 63Cx, 6983 or 6984.
func (s *secret) check(value []byte, quirks Quirks) uint16 {
	switch {
	case s.notSet:
		return swReferenceNotUsable
	case s.left == 0:
		return swBlocked
	case subtle.ConstantTimeCompare(s.value[:], value) == 1:
		s.left = s.max
		return swOK
	}
	s.left--
	if s.left == 0 && quirks.LastWrongIsBlocked {
		return swBlocked
	}
	return swWrongPIN | uint16(s.left)
}

// set gives the secret a new value and all its tries.
func (s *secret) set(value []byte) {
	copy(s.value[:], value)
	s.left, s.notSet = s.max, false
}

// goodPIN is the form of a PIN: 6 to 8 digits, padded with FF to 8 bytes (SP
// 800-73-4 part 2, 2.4.3). legacy: 4 to 8 characters of any kind.
func goodPIN(value []byte, legacy bool) bool {
	text, ok := unpadded(value)
	if legacy {
		return ok && len(text) >= 4
	}
	return ok && len(text) >= 6 && !bytes.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// goodPUK is the form of a PUK: like a PIN's, but of any characters.
func goodPUK(value []byte) bool {
	text, ok := unpadded(value)
	return ok && len(text) >= 6
}

// unpadded cuts the padding off. ok is false when there are FF bytes elsewhere.
func unpadded(value []byte) (text []byte, ok bool) {
	if len(value) != secretLength {
		return nil, false
	}
	text = bytes.TrimRight(value, "\xFF")
	return text, !bytes.Contains(text, []byte{0xFF})
}

// verify is VERIFY (SP 800-73-4 part 2, 3.2.1).
func (c *Card) verify(cmd command) uint16 {
	if cmd.p2 != referencePIN {
		return swReferenceNotFound
	}
	switch {
	case cmd.p1 == 0xFF && len(cmd.data) == 0:
		if sw := c.profile.Quirks.ForgetStatus; sw != 0 {
			return sw
		}
		c.verified = false
		return swOK
	case cmd.p1 == 0xFF && c.profile.Quirks.ForgetStatus != 0:
		return c.profile.Quirks.ForgetStatus
	case cmd.p1 == 0xFF:
		return swWrongData
	case cmd.p1 != 0:
		return swWrongP1P2
	case len(cmd.data) == 0:
		return c.pinStatus()
	case !goodPIN(cmd.data, c.profile.LegacyPIN):
		return swWrongData
	}
	sw := c.pin.check(cmd.data, c.profile.Quirks)
	c.verified = sw == swOK
	c.fresh = c.verified
	return sw
}

// pinStatus answers an empty VERIFY, which spends no try.
func (c *Card) pinStatus() uint16 {
	switch {
	case c.pin.notSet:
		return swReferenceNotUsable
	case c.pin.left == 0:
		return swBlocked
	case c.verified:
		return swOK
	}
	return swWrongPIN | uint16(c.pin.left)
}

// changeReferenceData is CHANGE REFERENCE DATA of the PIN or the PUK (3.2.2).
// Success leaves the PIN verified, as the standard says.
func (c *Card) changeReferenceData(cmd command) uint16 {
	if cmd.p1 != 0 {
		return swWrongP1P2
	}
	if cmd.p2 != referencePIN && cmd.p2 != referencePUK {
		return swReferenceNotFound
	}
	if len(cmd.data) != 2*secretLength {
		return swWrongData
	}
	old, replacement := cmd.data[:secretLength], cmd.data[secretLength:]
	if cmd.p2 == referencePUK {
		if !goodPUK(old) || !goodPUK(replacement) {
			return swWrongData
		}
		sw := c.puk.check(old, c.profile.Quirks)
		if sw == swOK {
			c.puk.set(replacement)
		}
		return sw
	}
	if !goodPIN(old, c.profile.LegacyPIN) || !goodPIN(replacement, false) {
		return swWrongData
	}
	sw := c.pin.check(old, c.profile.Quirks)
	c.verified = sw == swOK
	if sw == swOK {
		c.pin.set(replacement)
	}
	return sw
}

// resetRetryCounter is RESET RETRY COUNTER: a new PIN by the PUK (3.2.3). It
// does not verify the PIN; a wrong PUK makes the card forget it.
func (c *Card) resetRetryCounter(cmd command) uint16 {
	if cmd.p1 != 0 {
		return swWrongP1P2
	}
	if cmd.p2 != referencePIN {
		return swReferenceNotFound
	}
	if len(cmd.data) != 2*secretLength {
		return swWrongData
	}
	puk, replacement := cmd.data[:secretLength], cmd.data[secretLength:]
	if !goodPUK(puk) || !goodPIN(replacement, false) {
		return swWrongData
	}
	blocked := c.puk.left == 0
	sw := c.puk.check(puk, c.profile.Quirks)
	switch {
	case sw == swOK:
		c.pin.set(replacement)
	case !blocked:
		c.verified = false
	}
	return sw
}
