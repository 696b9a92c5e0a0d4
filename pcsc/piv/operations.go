package piv

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/cardea-agent/cardea/pcsc/apdu"
)

// Card is what Inspect found. Settings of it go into every later operation on
// the same card.
type Card struct {
	Settings
	CHUID        CHUID // zero when the card has none that can be read
	TriesLeft    int   // of the PIN: 0 is blocked; TriesUnknown also when PINNotSet
	PINNotSet    bool
	Certificates map[Slot]*x509.Certificate
	// Failures are the slots whose certificate is there and cannot be read.
	Failures map[Slot]error
}

// Settings is how a card is spoken to.
type Settings struct {
	Mode apdu.Mode
	PIN  PINReference
	// CanForget says that the card is known to know the command to forget a
	// PIN. If not, Sign and ChangePIN find out again, which is one APDU more.
	CanForget bool
}

// Inspect reads a card that has just been put in. It sends no PIN and leaves
// the card as it is. It fails with ErrNotPIV, and when the transaction does; an
// object that cannot be read is left out.
func Inspect(ctx context.Context, tx Transaction, mode apdu.Mode) (Card, error) {
	a, err := selectApplication(tx, mode)
	if err != nil {
		return Card{}, err
	}
	card := Card{
		Settings:     Settings{Mode: mode},
		TriesLeft:    TriesUnknown,
		Certificates: map[Slot]*x509.Certificate{},
		Failures:     map[Slot]error{},
	}
	if card.PIN, err = a.pinReference(); lost(err) {
		return Card{}, err
	}
	if card.CHUID, err = a.chuid(); lost(err) {
		return Card{}, err
	}
	now, err := a.tries(card.PIN)
	switch {
	case errors.Is(err, ErrPINNotSet):
		card.PINNotSet = true
	case err != nil:
		return Card{}, err
	default:
		card.TriesLeft = now.left
		if !now.verified { // else the answer would say nothing, and log others out
			if card.CanForget, err = a.forget(card.PIN); err != nil {
				return Card{}, err
			}
		}
	}
	for _, slot := range slots {
		if err := ctx.Err(); err != nil {
			return Card{}, err
		}
		certificate, err := a.certificate(slot)
		switch {
		case lost(err):
			return Card{}, err
		case err == nil:
			card.Certificates[slot] = certificate
		case !errors.Is(err, ErrNotFound):
			card.Failures[slot] = err
		}
	}
	return card, nil
}

// lost tells whether an error is about the connection and not about an object:
// neither the card's no nor something malformed.
func lost(err error) bool {
	if _, ok := errors.AsType[apdu.StatusWord](err); ok {
		return false
	}
	return err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrMalformed)
}

// TriesLeft asks how many wrong PINs the card still takes, without spending a
// try: 0 when blocked, TriesUnknown when the card does not tell, which it does
// not while some program has the PIN verified. ErrPINNotSet when it has no PIN.
func TriesLeft(tx Transaction, settings Settings) (int, error) {
	a, err := selectApplication(tx, settings.Mode)
	if err != nil {
		return TriesUnknown, err
	}
	now, err := a.tries(settings.PIN)
	if err != nil {
		return TriesUnknown, err
	}
	return now.left, nil
}

// SignRequest asks for signatures by one key.
type SignRequest struct {
	Settings Settings
	Slot     Slot
	// Public is the public key in the slot's certificate: RSA with 1024, 2048
	// or 3072 bits, P-256 or P-384.
	Public crypto.PublicKey
	// Opts is a crypto.Hash, SHA-256, SHA-384 or SHA-512, for ECDSA and PKCS #1
	// v1.5, or a *rsa.PSSOptions whose salt is as long as the hash.
	Opts    crypto.SignerOpts
	Digests [][]byte // one or more, signed in this order
	// Signed is given each signature as soon as it is made.
	Signed func(signature []byte) `json:"-"`
	// PIN is 4 to 8 bytes. It is not kept and not changed: wiping it is the
	// caller's.
	PIN Typed
	// AllowLastTry is the person's extra yes to spending the last try.
	AllowLastTry bool
}

// Sign verifies the PIN, signs and makes the card forget the PIN: SELECT, the
// query of the tries, VERIFY, GENERAL AUTHENTICATE, and the forgetting, which
// happens on every path once VERIFY was sent. Before each further digest the
// PIN is verified again where the key insists on it (SP 800-73-4 part 1, table
// 4b), and never after the card has refused it. ECDSA signatures are r || s.
// The signatures are not checked.
//
// Before a try is spent it fails with ErrUnsupported, ErrPINForm, ErrNotPIV,
// ErrPINNotSet, Blocked or ErrLastTry; then with WrongPIN or Blocked. When ctx
// ends between two commands it fails with the context's error.
func Sign(ctx context.Context, tx Transaction, req SignRequest) error {
	if err := checkTyped(PIN, req.PIN); err != nil {
		return err
	}
	if len(req.Digests) == 0 {
		return fmt.Errorf("%w: no digest", ErrUnsupported)
	}
	operations := make([]operation, len(req.Digests))
	for i, digest := range req.Digests {
		var err error
		if operations[i], err = newOperation(req.Slot, req.Public, req.Opts, digest); err != nil {
			return err
		}
	}
	a, err := selectApplication(tx, req.Settings.Mode)
	if err != nil {
		return err
	}
	ref := req.Settings.PIN
	canForget, err := a.readyForPIN(ref, req.Settings.CanForget, req.AllowLastTry)
	if err != nil {
		return err
	}
	verify := func() error { return a.sendSecrets(apdu.InsVerify, byte(ref), PIN, req.PIN) }
	return a.withSecret(ctx, ref, canForget, verify, func() error {
		for i, o := range operations {
			if i > 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				if req.Slot == Signature {
					if err := verify(); err != nil {
						return err
					}
				}
			}
			signature, err := o.do(a)
			if err != nil {
				return err
			}
			req.Signed(signature)
		}
		return nil
	})
}

// ChangePINRequest asks for a new PIN in place of one that is known. The slices
// are not kept and not changed.
type ChangePINRequest struct {
	Settings     Settings
	Old          Typed // 4 to 8 bytes
	New          Typed // 6 to 8 digits
	AllowLastTry bool  // as in SignRequest
}

// ChangePIN sets a new PIN and makes the card forget it. It fails as Sign does;
// ErrPINForm also when the card itself refuses the new PIN's form.
func ChangePIN(ctx context.Context, tx Transaction, req ChangePINRequest) error {
	if err := errors.Join(checkTyped(PIN, req.Old), checkNew(req.New)); err != nil {
		return err
	}
	a, err := selectApplication(tx, req.Settings.Mode)
	if err != nil {
		return err
	}
	ref := req.Settings.PIN
	canForget, err := a.readyForPIN(ref, req.Settings.CanForget, req.AllowLastTry)
	if err != nil {
		return err
	}
	return a.withSecret(ctx, ref, canForget, func() error {
		return a.sendSecrets(apdu.InsChangeReferenceData, byte(ref), PIN, req.Old, req.New)
	}, nothing)
}

// UnblockPINRequest asks for a new PIN by the PUK. The slices are not kept and
// not changed.
type UnblockPINRequest struct {
	Settings Settings
	PUK      Typed // 4 to 8 bytes
	New      Typed // 6 to 8 digits
	// AllowLastTry is the person's extra yes. It is always needed: no card
	// tells the PUK's tries before a wrong one, except that TriesLeft of the
	// WrongPIN before may be given.
	AllowLastTry bool
	TriesLeft    int // of the WrongPIN that the PUK got before; 0 when there was none
}

// UnblockPIN sets a new PIN by RESET RETRY COUNTER, which works for the
// application's PIN alone, and makes the card forget it. It fails with
// WrongPIN or Blocked of the PUK, ErrPINForm, or ErrLastTry.
func UnblockPIN(ctx context.Context, tx Transaction, req UnblockPINRequest) error {
	if err := errors.Join(checkTyped(PUK, req.PUK), checkNew(req.New)); err != nil {
		return err
	}
	if req.Settings.PIN != ApplicationPIN {
		return fmt.Errorf("%w: the global PIN cannot be unblocked", ErrUnsupported)
	}
	if !req.AllowLastTry && req.TriesLeft < 2 {
		return ErrLastTry
	}
	a, err := selectApplication(tx, req.Settings.Mode)
	if err != nil {
		return err
	}
	return a.withSecret(ctx, ApplicationPIN, req.Settings.CanForget, func() error {
		return a.sendSecrets(apdu.InsResetRetryCounter, byte(ApplicationPIN), PUK, req.PUK, req.New)
	}, nothing)
}

// nothing follows a command that was the whole operation.
func nothing() error { return nil }
