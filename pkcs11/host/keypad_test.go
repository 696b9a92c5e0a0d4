//go:build linux

package host_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// keypad is a token whose PIN is typed on the reader.
func keypad(t *testing.T, kind pkcs11test.Kind) (*pkcs11test.Token, *pkcs11test.Faulty) {
	t.Helper()
	token := pkcs11test.New(t, kind)
	faulty := pkcs11test.NewFaulty(t, token)
	faulty.Always(t, "keypad", 0)
	return token, faulty
}

func TestAPINIsTypedOnTheKeypad(t *testing.T) {
	token, faulty := keypad(t, pkcs11test.Insistent)
	h, _ := newHost(t, &faulty.Token)
	found, err := h.Token(t.Context(), token.Slot, token.Keys[0].Certificate.Raw)
	if err != nil || !found.Keypad {
		t.Fatalf("%+v, %v", found, err)
	}
	r := request(token, 0, 2)
	r.PIN = nil
	var told []bool
	r.Keypad = func(awaited bool) {
		told = append(told, awaited)
		if awaited {
			faulty.Key(t, pkcs11test.PIN)
		}
	}
	signatures, err := h.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, r, signatures, 2)
	// Once for the log-in, and once for each signature.
	if want := []bool{true, false, true, false, true, false}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestTheKeypadsKeyThatCancelsIsHeard(t *testing.T) {
	token, faulty := keypad(t, pkcs11test.P256)
	h, _ := newHost(t, &faulty.Token)
	r := request(token, 0, 1)
	r.PIN = nil
	r.Keypad = func(bool) { faulty.Key(t, "") }
	if _, err := h.Sign(t.Context(), r); !errors.Is(err, host.ErrCancelled) {
		t.Errorf("got %v", err)
	}
}

func TestAKeypadIsNotWaitedForOnceNobodyAsks(t *testing.T) {
	token, faulty := keypad(t, pkcs11test.P256)
	h, _ := newHost(t, &faulty.Token, func(c *host.Config) { c.Keypad = time.Hour })
	ctx, cancel := context.WithCancel(t.Context())
	r := request(token, 0, 1)
	r.PIN = nil
	r.Keypad = func(bool) { cancel() }
	if _, err := h.Sign(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAKeypadHasALimitOfItsOwn(t *testing.T) {
	token, faulty := keypad(t, pkcs11test.P256)
	h, _ := newHost(t, &faulty.Token, func(c *host.Config) { c.Keypad = 100 * time.Millisecond })
	r := request(token, 0, 1)
	r.PIN = nil
	_, err := h.Sign(t.Context(), r)
	if failure := wantFailure(t, err, host.Hung, "C_Login"); !failure.PINGiven {
		t.Error("a PIN may have been typed, and it is not told")
	}
}

// Through OpenSC, pcscd and a driver whose readers ask for the PIN themselves.
func TestOpenSCHasThePINTypedOnTheReader(t *testing.T) {
	b := newBenchOf(t, pcscdtest.StartWithKeypads)
	card := newCard(virtual.P256("Robin"))
	b.put(t, 0, card)
	found, err := b.Token(t.Context(), b.reader(0), card.Certificate(virtual.Authentication).Raw)
	if err != nil || !found.Keypad {
		t.Fatalf("%+v, %v", found, err)
	}
	sign := func(slot virtual.KeySlot, n int, typed string) (told int, err error) {
		t.Helper()
		r := b.request(0, n, card.Certificate(slot))
		r.PIN = nil
		r.Keypad = func(awaited bool) {
			if awaited {
				told++
				b.daemon.Type(t, typed)
			}
		}
		signatures, err := b.Sign(t.Context(), r)
		if err == nil {
			verify(t, r, signatures, n)
		}
		return told, err
	}
	if told, err := sign(virtual.Authentication, 2, virtual.DefaultPIN); err != nil || told != 1 {
		t.Errorf("the keypad was awaited %d times: %v", told, err)
	}
	// Once for the log-in, and once for each signature.
	if told, err := sign(virtual.Signature, 2, virtual.DefaultPIN); err != nil || told != 3 {
		t.Errorf("with a key that insists, the keypad was awaited %d times: %v", told, err)
	}
	before := verifies(card)
	if _, err := sign(virtual.Authentication, 1, ""); !errors.Is(err, host.ErrCancelled) {
		t.Errorf("cancelled on the keypad: %v", err)
	}
	if n := verifies(card) - before; n != 0 {
		t.Errorf("%d PINs were given", n)
	}
	if _, err := sign(virtual.Authentication, 1, "90817263"); !errors.Is(err, host.ErrPINIncorrect) {
		t.Errorf("a wrong PIN: %v", err)
	}
	if left, _ := card.TriesLeft(); left != 2 {
		t.Errorf("%d tries are left, want 2", left)
	}
}
