//go:build cgo && unix

package pkcs11_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/pkcs11"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
	p11 "github.com/miekg/pkcs11"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pkcs11test.CleanUp()
	os.Exit(code)
}

func TestNamesAreThoseOfTheBinding(t *testing.T) {
	compared := 0
	for code := uint(1); code <= 0x202; code++ {
		_, name, _ := strings.Cut(p11.Error(code).Error(), ": ")
		_, name, _ = strings.Cut(name, ": ")
		if name == "" {
			continue
		}
		compared++
		if got := pkcs11.Code(code).Error(); got != fmt.Sprintf("%s (%#X)", name, code) {
			t.Errorf("%#x is called %q, and %q by the binding", code, got, name)
		}
	}
	if compared < 80 {
		t.Errorf("%d names were compared", compared)
	}
}

// open loads SoftHSM into the test program itself: it does not crash.
func open(t *testing.T, token *pkcs11test.Token, calls *[]string) *pkcs11.Module {
	t.Helper()
	for _, setting := range token.Env {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	module, err := pkcs11.Open(token.Module, func(call string) { *calls = append(*calls, call) })
	if err != nil {
		t.Fatal(err)
	}
	if err := module.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := module.Finalize(); err != nil {
			t.Error(err)
		}
	})
	return module
}

func TestOneSignatureIsOneLogIn(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	var calls []string
	module := open(t, token, &calls)
	certificate := token.Keys[0].Certificate
	digest := sha256.Sum256([]byte("a sentence"))
	request := pkcs11.Batch{
		Reader: token.Slot, Certificate: certificate.Raw, Mechanism: pkcs11.ECDSA, Hash: crypto.SHA256,
		Digests: [][]byte{digest[:], digest[:]},
	}
	var told []string
	signing := pkcs11.Signing{
		PIN:    func() ([]byte, error) { told = append(told, "PIN"); return []byte(pkcs11test.PIN), nil },
		Keypad: func(bool) { told = append(told, "keypad") },
		Next:   func() error { return nil },
		Signed: func(s []byte) {
			told = append(told, "signed")
			r, half := new(big.Int).SetBytes(s[:len(s)/2]), new(big.Int).SetBytes(s[len(s)/2:])
			if !ecdsa.Verify(certificate.PublicKey.(*ecdsa.PublicKey), digest[:], r, half) {
				t.Error("the signature does not verify")
			}
		},
		Ended: func(err error) { told = append(told, fmt.Sprint("ended ", err)) },
	}
	if err := module.Sign(request, signing); err != nil {
		t.Fatal(err)
	}
	if want := []string{"PIN", "signed", "signed", "ended <nil>"}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	count := func(call string) (n int) {
		for _, c := range calls {
			if c == call {
				n++
			}
		}
		return n
	}
	for call, want := range map[string]int{
		"load": 1, "C_Initialize": 1, "C_Login": 1, "C_Sign": 2, "C_Logout": 1, "C_OpenSession": 1, "C_CloseSession": 1,
	} {
		if n := count(call); n != want {
			t.Errorf("%s was called %d times, want %d", call, n, want)
		}
	}
	// The log-out comes after the outcome, and the session is closed last.
	if tail := calls[len(calls)-2:]; !slices.Equal(tail, []string{"C_Logout", "C_CloseSession"}) {
		t.Errorf("at the end %q", tail)
	}
	stop := errors.New("stop")
	told = nil
	signing.Next = func() error { return stop }
	if err := module.Sign(request, signing); err != stop || !slices.Equal(told, []string{"ended stop"}) {
		t.Errorf("%v, told %q", err, told)
	}
}
