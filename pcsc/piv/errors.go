package piv

import (
	"errors"
	"fmt"

	"github.com/cardea-agent/cardea/pcsc/apdu"
)

// The errors that have no parameters. What the Transaction returned, such as a
// removed card, is wrapped; so is an apdu.StatusWord that no case expects.
var (
	// ErrNotPIV says that the card has no PIV application.
	ErrNotPIV = errors.New("piv: no PIV application")
	// ErrNotFound says that the card has no such object or certificate.
	ErrNotFound = errors.New("piv: object not found")
	// ErrMalformed says that an object or answer of the card cannot be read.
	ErrMalformed = errors.New("piv: malformed object")
	// ErrPINForm says that a PIN or PUK cannot be right by its form. No try
	// was spent.
	ErrPINForm = errors.New("piv: form of the PIN")
	// ErrPINNotSet says that the card has no PIN yet.
	ErrPINNotSet = errors.New("piv: PIN not set")
	// ErrLastTry says that the next wrong PIN would block the card, or that
	// the card does not tell, and that the caller did not allow it.
	ErrLastTry = errors.New("piv: the last try needs a yes")
	// ErrUnsupported says that this key, hash or padding cannot be used.
	ErrUnsupported = errors.New("piv: unsupported key, hash or padding")
)

// Secret is what a person types for a card.
type Secret string

// The secrets.
const (
	PIN Secret = "PIN"
	PUK Secret = "PUK"
)

// WrongPIN says that the card refused a PIN or PUK and how many tries are left,
// 1 or more, or TriesUnknown.
type WrongPIN struct {
	Secret    Secret
	TriesLeft int
}

// Error names the secret and the count.
func (e WrongPIN) Error() string {
	if e.TriesLeft == TriesUnknown {
		return fmt.Sprintf("piv: wrong %s", e.Secret)
	}
	return fmt.Sprintf("piv: wrong %s, tries left: %d", e.Secret, e.TriesLeft)
}

// Blocked says that no tries are left for a PIN or PUK.
type Blocked struct{ Secret Secret }

// Error names the secret.
func (e Blocked) Error() string { return fmt.Sprintf("piv: %s blocked", e.Secret) }

// secretError translates the status word that answers VERIFY, CHANGE REFERENCE
// DATA and RESET RETRY COUNTER (SP 800-73-4 part 2, 3.2.1 to 3.2.3).
func secretError(secret Secret, status apdu.StatusWord) error {
	tries, counted := status.TriesLeft()
	switch {
	case status == apdu.Success:
		return nil
	case status == apdu.MethodBlocked, counted && tries == 0:
		return Blocked{secret}
	case counted:
		return WrongPIN{secret, tries}
	case status == 0x6300:
		return WrongPIN{secret, TriesUnknown}
	case status == apdu.ReferenceNotUsable, status == apdu.ReferenceNotFound:
		return fmt.Errorf("%w: %w", ErrPINNotSet, status)
	case status == apdu.IncorrectData, status == apdu.WrongLength:
		return fmt.Errorf("%w: %w", ErrPINForm, status)
	}
	return fmt.Errorf("piv: %s: %w", secret, status)
}

// refused tells whether err is a card's plain no to a PIN, so that the card
// holds nothing as verified. Every other failure leaves that open.
func refused(err error) bool {
	if _, ok := errors.AsType[WrongPIN](err); ok {
		return true
	}
	if _, ok := errors.AsType[Blocked](err); ok {
		return true
	}
	return errors.Is(err, ErrPINForm) || errors.Is(err, ErrPINNotSet)
}
