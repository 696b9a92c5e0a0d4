//go:build cgo

package pkcs11

import (
	"crypto"
	"errors"
	"fmt"
	"unsafe"

	p11 "github.com/miekg/pkcs11"
)

// Sign finds the token, logs in, signs and logs out.
func (m *Module) Sign(r Batch, s Signing) error {
	p, err := r.prepare()
	if err != nil {
		s.Ended(err)
		return err
	}
	ended := false
	s.Ended = func(tell func(error)) func(error) {
		return func(err error) { ended = true; tell(err) }
	}(s.Ended)
	err = m.holding(r.Reader, r.Certificate, func(on slot, session p11.SessionHandle, id []byte) error {
		l := login{Module: m, Signing: s, session: session}
		err := l.sign(r, p, on, id)
		l.Ended(err)
		if l.in {
			_ = m.call("C_Logout", func() error { return m.lib.Logout(session) })
		}
		return err
	})
	if !ended {
		s.Ended(err)
	}
	return err
}

// login is one log-in and what is done with it.
type login struct {
	*Module
	Signing
	session p11.SessionHandle
	in      bool
	pin     string // a view of the bytes that Signing.PIN returned
	keypad  bool
}

func (l *login) sign(r Batch, p prepared, on slot, id []byte) error {
	if err := l.check(r, on); err != nil {
		return err
	}
	if err := l.Next(); err != nil {
		return err
	}
	if l.keypad = on.token.Keypad; !l.keypad {
		pin, err := l.PIN()
		if err != nil {
			return err
		}
		if len(pin) == 0 {
			// The binding would make of it the sign that a keypad is to be used.
			return found(ErrPINForm)
		}
		// No copy of the runtime's: the bytes are the caller's to wipe. The
		// binding's own copy for C ends with the process.
		l.pin = unsafe.String(&pin[0], len(pin))
	}
	if err := l.logIn(); err != nil {
		return l.countTries(err, on)
	}
	return l.signAll(r, p, id)
}

// check is what can be found out before anyone is asked for a PIN.
func (l *login) check(r Batch, on slot) error {
	switch {
	case on.token.Tries == TriesLocked:
		return found(ErrPINLocked)
	case on.token.Tries == TriesFinal && !r.AllowLastTry:
		return found(ErrLastTry)
	}
	var info p11.MechanismInfo
	number := p11.NewMechanism(mechanismNumbers[r.Mechanism], nil)
	err := l.call("C_GetMechanismInfo", func() (err error) {
		info, err = l.lib.GetMechanismInfo(on.id, []*p11.Mechanism{number})
		return err
	})
	if err == nil && info.Flags&p11.CKF_SIGN == 0 {
		err = &Error{Call: "C_GetMechanismInfo", Code: mechanismInvalid, Kind: ErrMechanism}
	}
	return err
}

func (l *login) logIn() error {
	err := l.authenticate(p11.CKU_USER)
	if codeOf(err) == alreadyLoggedIn {
		// By no one in this process, and no PIN was looked at. Without this one
		// being right there is no signature.
		_ = l.call("C_Logout", func() error { return l.lib.Logout(l.session) })
		err = l.authenticate(p11.CKU_USER)
	}
	l.in = err == nil
	return err
}

// countTries adds to a wrong PIN what the token tells of its tries now. The code
// for the last one is often that of every wrong PIN.
func (l *login) countTries(err error, on slot) error {
	e, is := errors.AsType[*Error](err)
	if !is || e.Kind != ErrPINIncorrect || l.readToken(&on) != nil { //nolint:errorlint // a kind, as it was set
		return err
	}
	if e.Tries = on.token.Tries; e.Tries == TriesLocked {
		e.Kind = ErrPINLocked
	}
	return e
}

// authenticate gives the PIN to the module, or lets it ask on the keypad.
func (l *login) authenticate(user uint) error {
	if l.keypad {
		l.Keypad(true)
		defer l.Keypad(false)
	}
	return l.call("C_Login", func() error { return l.lib.Login(l.session, user, l.pin) })
}

// signAll signs one input after the other, to the first refusal.
func (l *login) signAll(r Batch, p prepared, id []byte) error {
	key, has, err := l.findPrivate(l.session, id, p.public)
	if err == nil && !has {
		err = found(ErrKeyGone)
	}
	if err != nil {
		return err
	}
	insists, err := l.alwaysAuthenticate(l.session, key)
	if err != nil {
		return err
	}
	mechanism := []*p11.Mechanism{mechanism(r.Mechanism, r.Hash)}
	for _, input := range p.inputs {
		if err := l.Next(); err != nil {
			return err
		}
		signature, err := l.signOne(mechanism, key, input, insists)
		if codeOf(err) == notLoggedIn && !insists {
			// Some modules do not tell that the key insists.
			insists = true
			signature, err = l.signOne(mechanism, key, input, insists)
		}
		if err == nil && len(signature) != p.size {
			err = fmt.Errorf("%w: %d bytes are no signature by this key", &Error{Call: "C_Sign", Kind: ErrFailed}, len(signature))
		}
		if err != nil {
			return err
		}
		l.Signed(signature)
	}
	return nil
}

func (l *login) signOne(mechanism []*p11.Mechanism, key p11.ObjectHandle, input []byte, insists bool) (signature []byte, err error) {
	err = l.call("C_SignInit", func() error { return l.lib.SignInit(l.session, mechanism, key) })
	if err == nil && insists {
		err = l.authenticate(p11.CKU_CONTEXT_SPECIFIC)
	}
	if err != nil {
		return nil, err
	}
	err = l.call("C_Sign", func() (err error) {
		signature, err = l.lib.Sign(l.session, input)
		return err
	})
	return signature, err
}

// mechanism is what C_SignInit is given.
func mechanism(m Mechanism, hash crypto.Hash) *p11.Mechanism {
	if m != RSAPSS {
		return p11.NewMechanism(mechanismNumbers[m], nil)
	}
	numbers := map[crypto.Hash][2]uint{
		crypto.SHA256: {p11.CKM_SHA256, p11.CKG_MGF1_SHA256},
		crypto.SHA384: {p11.CKM_SHA384, p11.CKG_MGF1_SHA384},
		crypto.SHA512: {p11.CKM_SHA512, p11.CKG_MGF1_SHA512},
	}[hash]
	// The salt is as long as the hash (RFC 7518, 3.5).
	size := uint(hash.Size()) // #nosec G115 -- 32 to 64
	return p11.NewMechanism(p11.CKM_RSA_PKCS_PSS, p11.NewPSSParams(numbers[0], numbers[1], size))
}
