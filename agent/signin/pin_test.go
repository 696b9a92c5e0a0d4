package signin

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "73519264"

func TestAPINCannotBePrintedLoggedOrMarshalled(t *testing.T) {
	pin := NewPIN([]byte(canary))
	var out strings.Builder
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("x", "pin", pin, "answer", PINAnswer{PIN: pin}, "answers", []any{pin})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb, pin)
		fmt.Fprintf(&out, verb, PINAnswer{PIN: pin})
		fmt.Fprintf(&out, verb, []*PIN{pin})
	}
	for _, v := range []any{pin, PINAnswer{PIN: pin}} {
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("%T was marshalled: %s", v, b)
		}
	}
	for _, secret := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprint([]byte(canary))} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s is in %s", secret, out.String())
		}
	}
}

func TestAPINIsUsedOnceAndWipedAlsoWhenItsUserPanics(t *testing.T) {
	b := []byte(canary)
	pin := NewPIN(b)
	func() {
		defer func() { _ = recover() }()
		_ = pin.Use(func([]byte) error { panic("x") })
	}()
	if string(b) != strings.Repeat("\x00", len(canary)) {
		t.Errorf("the PIN is still there: %q", b)
	}
	if err := pin.Use(func([]byte) error { return nil }); !errors.Is(err, ErrPINUsed) {
		t.Errorf("a second use gives %v", err)
	}
	b = []byte(canary)
	pin = NewPIN(b)
	pin.Wipe()
	pin.Wipe()
	if string(b) != strings.Repeat("\x00", len(canary)) {
		t.Errorf("the PIN is still there: %q", b)
	}
	(*PIN)(nil).Wipe()
}
