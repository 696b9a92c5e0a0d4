package piv

import (
	"context"
	"fmt"
	"io"

	"github.com/cardea-agent/cardea/pcsc/apdu"
)

// TriesUnknown is the count of tries of a card that does not tell.
const TriesUnknown = -1

// Typed is a PIN or PUK as a person typed it. It is a []byte that no verb of
// fmt and no encoder shows.
type Typed []byte

const hidden = "[PIN]"

// Format hides the bytes.
func (Typed) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, hidden) }

// MarshalText hides the bytes.
func (Typed) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// pinBytes is the length of a PIN or PUK on the wire; shorter ones are filled
// up with FF (SP 800-73-4 part 2, 2.4.3).
const pinBytes = 8

// p1Forget in P1 of VERIFY resets the security status of a PIN (SP 800-73-4
// part 2, 3.2.1).
const p1Forget = 0xFF

// tries is what a card tells about a PIN without one being sent.
type tries struct {
	left     int  // 0: blocked; or TriesUnknown
	verified bool // some program left the PIN verified; the count is unknown then
}

// tries asks with an empty VERIFY, which spends no try.
func (a *application) tries(ref PINReference) (tries, error) {
	r, err := a.send(apdu.Command{INS: apdu.InsVerify, P2: byte(ref)})
	if err != nil {
		return tries{}, err
	}
	left, counted := r.Status.TriesLeft()
	switch {
	case counted:
		return tries{left: left}, nil
	case r.Status == apdu.MethodBlocked:
		return tries{left: 0}, nil
	case r.Status == apdu.Success:
		return tries{left: TriesUnknown, verified: true}, nil
	case r.Status == 0x6300:
		return tries{left: TriesUnknown}, nil
	}
	return tries{}, secretError(PIN, r.Status)
}

// forget resets the security status of a PIN and tells whether the card said
// yes. An older card does not know the command.
func (a *application) forget(ref PINReference) (bool, error) {
	r, err := a.send(apdu.Command{INS: apdu.InsVerify, P1: p1Forget, P2: byte(ref)})
	return err == nil && r.Status == apdu.Success, err
}

// readyForPIN asks the counter and stops where a PIN must not be sent: blocked,
// or the last try without a yes. A PIN that another program left verified hides
// the counter, so it is forgotten first.
//
// It also finds out whether the card knows the command to forget, unless that
// is known, while nothing is verified: a card that ignores P1 takes the command
// for a query, and would answer 9000 when there is something to forget.
func (a *application) readyForPIN(ref PINReference, known, allowLastTry bool) (canForget bool, err error) {
	now, err := a.tries(ref)
	if err != nil {
		return false, err
	}
	if now.verified {
		if _, err := a.forget(ref); err != nil {
			return false, err
		}
		if now, err = a.tries(ref); err != nil {
			return false, err
		}
		known = !now.verified
	}
	switch {
	case now.left == 0:
		return known, Blocked{PIN}
	case !allowLastTry && (now.left == 1 || now.left == TriesUnknown):
		return known, ErrLastTry
	}
	if known || now.verified {
		return known, nil
	}
	return a.forget(ref)
}

// sendSecrets sends one command whose data is PINs or PUKs, each filled up.
func (a *application) sendSecrets(ins, p2 byte, secret Secret, secrets ...Typed) error {
	data := make([]byte, 0, len(secrets)*pinBytes)
	defer func() { clear(data[:cap(data)]) }()
	for _, s := range secrets {
		data = append(data, s...)
		for range pinBytes - len(s) {
			data = append(data, 0xFF)
		}
	}
	r, err := a.send(apdu.Command{INS: ins, P2: p2, Data: data})
	if err != nil {
		return err
	}
	return secretError(secret, r.Status)
}

// checkTyped refuses what cannot be a PIN or PUK on any card. Older PINs may be
// 4 to 8 characters of any kind; the card judges the rest. FF is the filler.
func checkTyped(secret Secret, b Typed) error {
	if len(b) < 4 || len(b) > pinBytes {
		return fmt.Errorf("%w: a %s has 4 to 8 characters", ErrPINForm, secret)
	}
	for _, c := range b {
		if c == 0xFF {
			return fmt.Errorf("%w: a %s has no byte FF", ErrPINForm, secret)
		}
	}
	return nil
}

// checkNew holds a new PIN to 6 to 8 digits (SP 800-73-4 part 2, 2.4.3), so
// that it can be typed on every keypad.
func checkNew(b Typed) error {
	if len(b) < 6 || len(b) > pinBytes {
		return fmt.Errorf("%w: a new PIN has 6 to 8 digits", ErrPINForm)
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return fmt.Errorf("%w: a new PIN has digits only", ErrPINForm)
		}
	}
	return nil
}

// withSecret runs present, which sends a PIN or PUK, then use, and makes the
// card forget the PIN on every path from there: refusal, failure, the end of
// ctx, a panic.
func (a *application) withSecret(ctx context.Context, ref PINReference, canForget bool, present, use func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mayBeVerified := true // until the card says no
	defer func() {
		forgotten := !mayBeVerified
		defer func() { // deferred, because sending can panic too
			if !forgotten {
				a.tx.ResetAtEnd()
			}
		}()
		if canForget {
			done, err := a.forget(ref)
			forgotten = forgotten || err == nil && done
		}
	}()
	if err := present(); err != nil {
		mayBeVerified = !refused(err)
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return use()
}
