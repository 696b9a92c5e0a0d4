//go:build linux

package host_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

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
