//go:build linux

package host_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"testing"

	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

func TestTokensAreReadWithoutALogIn(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256, pkcs11test.RSA2048)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token)
	tokens, err := h.Tokens(t.Context(), token.Slot)
	if err != nil {
		t.Fatal(err)
	}
	if len(tokens) != 1 || tokens[0].Label != "test" || !tokens[0].InReader(token.Slot) || tokens[0].Keypad || tokens[0].PINNotSet {
		t.Fatalf("tokens: %+v", tokens)
	}
	if len(tokens[0].Keys) != len(token.Keys) {
		t.Fatalf("%d keys, want %d", len(tokens[0].Keys), len(token.Keys))
	}
	want := map[pkcs11test.Kind][]host.Mechanism{
		pkcs11test.P256: {host.ECDSA}, pkcs11test.RSA2048: {host.RSAPKCS1, host.RSAPSS},
	}
	for _, key := range token.Keys {
		if !slices.ContainsFunc(tokens[0].Keys, func(k host.Key) bool {
			return bytes.Equal(k.Certificate, key.Certificate.Raw) && bytes.Equal(k.ID, []byte{key.ID}) &&
				k.Label == string(key.Kind) && slices.Equal(k.Mechanisms, want[key.Kind])
		}) {
			t.Errorf("no %s in %+v", key.Kind, tokens[0].Keys)
		}
	}
	if n := faulty.Count(t, "C_Login"); n != 0 {
		t.Errorf("%d log-ins", n)
	}
}

func TestEveryKindOfKeySigns(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256, pkcs11test.P384, pkcs11test.RSA2048)
	h, _ := newHost(t, token)
	for place := range token.Keys {
		for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			r := request(token, place, 0)
			r.Hash = hash
			for i := range 3 {
				w := hash.New()
				w.Write([]byte{byte(i)})
				r.Digests = append(r.Digests, w.Sum(nil))
			}
			mechanisms := []host.Mechanism{r.Mechanism}
			if r.Mechanism == host.RSAPKCS1 {
				mechanisms = append(mechanisms, host.RSAPSS)
			}
			for _, r.Mechanism = range mechanisms {
				told := 0
				r.Signed = func(place int, signature []byte) {
					if place != told {
						t.Errorf("signature %d is told after %d", place, told)
					}
					told++
				}
				signatures, err := h.Sign(t.Context(), r)
				if err != nil {
					t.Fatalf("%s %v: %v", r.Mechanism, hash, err)
				}
				verify(t, r, signatures, 3)
				if told != 3 {
					t.Errorf("%d signatures were told", told)
				}
			}
		}
	}
}

func TestAWrongPINIsToldAndTriedOnce(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token)
	r := request(token, 0, 2)
	r.PIN = []byte("314159")
	signatures, err := h.Sign(t.Context(), r)
	if !errors.Is(err, host.ErrPINIncorrect) || len(signatures) != 0 {
		t.Errorf("%d signatures, %v", len(signatures), err)
	}
	if e, is := errors.AsType[*host.Error](err); !is || e.Call != "C_Login" || e.Code != 0xA0 {
		t.Errorf("got %#v", err)
	}
	if n := faulty.Count(t, "C_Login"); n != 1 {
		t.Errorf("%d log-ins, want 1", n)
	}
	signs(t, h, token)
}

func TestNoPINIsGivenToATokenThatMayNotHaveIt(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	other := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token)
	for _, test := range []struct {
		name   string
		flag   string
		change func(*host.SignRequest)
		want   error
	}{
		{"locked", "locked", func(*host.SignRequest) {}, host.ErrPINLocked},
		{"locked, with leave", "locked", func(r *host.SignRequest) { r.AllowLastTry = true }, host.ErrPINLocked},
		{"last try", "final", func(*host.SignRequest) {}, host.ErrLastTry},
		{"another card", "", func(r *host.SignRequest) { r.Certificate = other.Keys[0].Certificate.Raw }, host.ErrKeyGone},
		{"another reader", "", func(r *host.SignRequest) { r.Reader = "Reader 2" }, host.ErrTokenGone},
		{"no PIN", "", func(r *host.SignRequest) { r.PIN = nil }, host.ErrPINForm},
		{"a PIN that is too long", "", func(r *host.SignRequest) { r.PIN = make([]byte, 65) }, host.ErrPINForm},
	} {
		if test.flag != "" {
			faulty.Always(t, test.flag, 0)
		}
		r := request(token, 0, 1)
		test.change(&r)
		if signatures, err := h.Sign(t.Context(), r); !errors.Is(err, test.want) || signatures != nil {
			t.Errorf("%s: %d signatures, %v", test.name, len(signatures), err)
		}
		if test.flag != "" {
			faulty.Never(t, test.flag)
		}
	}
	if n := faulty.Count(t, "C_Login"); n != 0 {
		t.Errorf("%d log-ins, want none", n)
	}
}

func TestTheLastTryIsSpentWithLeave(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	faulty.Always(t, "final", 0)
	h, _ := newHost(t, &faulty.Token)
	r := request(token, 0, 1)
	r.AllowLastTry = true
	signatures, err := h.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, r, signatures, 1)
}

func TestTheStateOfThePINIsRead(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token)
	certificate := token.Keys[0].Certificate.Raw
	for flag, want := range map[string]host.Tries{
		"": host.TriesUnknown, "low": host.TriesLow, "final": host.TriesFinal, "locked": host.TriesLocked,
	} {
		if flag != "" {
			faulty.At(t, 1, flag, 0)
		}
		got, err := h.Token(t.Context(), token.Slot, certificate)
		if err != nil || got.Tries != want || got.Keys != nil {
			t.Errorf("%q: %+v, %v", flag, got, err)
		}
	}
	if _, err := h.Token(t.Context(), "Reader 2", certificate); !errors.Is(err, host.ErrTokenGone) {
		t.Errorf("without a card: %v", err)
	}
	strange := pkcs11test.New(t, pkcs11test.P256).Keys[0].Certificate.Raw
	if _, err := h.Token(t.Context(), token.Slot, strange); !errors.Is(err, host.ErrKeyGone) {
		t.Errorf("with another card: %v", err)
	}
}

func TestAKeyThatInsistsHasThePINForEachSignature(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.Insistent, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token)
	for place, times := range []int{3, 0} {
		before := faulty.Count(t, "for one signature")
		r := request(token, place, 3)
		signatures, err := h.Sign(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, r, signatures, 3)
		if n := faulty.Count(t, "for one signature") - before; n != times {
			t.Errorf("%s: the PIN was given %d times for one signature, want %d", token.Keys[place].Kind, n, times)
		}
	}
}

func TestAKeyThatInsistsWithoutTellingHasThePINAsWell(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.Insistent)
	faulty := pkcs11test.NewFaulty(t, token)
	faulty.Always(t, "hides that a key insists", 0)
	h, _ := newHost(t, &faulty.Token)
	r := request(token, 0, 3)
	signatures, err := h.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, r, signatures, 3)
	if n := faulty.Count(t, "for one signature"); n != 3 {
		t.Errorf("the PIN was given %d times for one signature, want 3", n)
	}
}

func TestALogInOfOthersIsNotTakenForThePIN(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token)
	r := request(token, 0, 1)
	r.PIN = []byte("314159")
	faulty.At(t, 1, "login result", 0x100) // CKR_USER_ALREADY_LOGGED_IN
	if signatures, err := h.Sign(t.Context(), r); !errors.Is(err, host.ErrPINIncorrect) || len(signatures) > 0 {
		t.Errorf("a wrong PIN: %d signatures, %v", len(signatures), err)
	}
	faulty.At(t, 1, "login result", 0x100)
	signs(t, h, &faulty.Token)
	faulty.Always(t, "login result", 0x100)
	signatures, err := h.Sign(t.Context(), request(token, 0, 1))
	if !errors.Is(err, host.Code(0x100)) || len(signatures) > 0 {
		t.Errorf("%d signatures, %v", len(signatures), err)
	}
}

func TestABatchStopsAtTheFirstRefusal(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	faulty := pkcs11test.NewFaulty(t, token)
	h, _ := newHost(t, &faulty.Token)
	faulty.At(t, 3, "sign result", 0x32) // CKR_DEVICE_REMOVED
	r := request(token, 0, 5)
	signatures, err := h.Sign(t.Context(), r)
	if !errors.Is(err, host.ErrTokenGone) {
		t.Errorf("got %v", err)
	}
	verify(t, r, signatures, 2)
	if n := faulty.Count(t, "C_Sign"); n != 3 {
		t.Errorf("%d signatures were tried", n)
	}
	signs(t, h, token)
}

func TestImpossibleRequestsReachNoModule(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	h, _ := newHost(t, token, func(c *host.Config) { c.Command = []string{"/nonexistent"} })
	for name, change := range map[string]func(*host.SignRequest){
		"no reader":              func(r *host.SignRequest) { r.Reader = "" },
		"no certificate":         func(r *host.SignRequest) { r.Certificate = nil },
		"nothing to sign":        func(r *host.SignRequest) { r.Digests = nil },
		"another length":         func(r *host.SignRequest) { r.Digests[0] = r.Digests[0][1:] },
		"another hash":           func(r *host.SignRequest) { r.Hash = crypto.SHA1 },
		"another kind of key":    func(r *host.SignRequest) { r.Mechanism = host.RSAPSS },
		"an unknown mechanism":   func(r *host.SignRequest) { r.Mechanism = "CKM_RSA_X_509" },
		"a damaged certificate":  func(r *host.SignRequest) { r.Certificate = r.Certificate[:100] },
		"a digest that is empty": func(r *host.SignRequest) { r.Digests = append(r.Digests, nil) },
	} {
		r := request(token, 0, 1)
		change(&r)
		_, err := h.Sign(t.Context(), r)
		if _, failed := errors.AsType[*host.Failure](err); err == nil || failed {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := h.Sign(t.Context(), request(token, 0, 1))
	wantFailure(t, err, host.Refused, "")
}

func TestAFileThatIsNoModuleIsRefused(t *testing.T) {
	token := pkcs11test.New(t)
	for _, file := range []string{"/etc/passwd", "/nonexistent.so"} {
		h, _ := newHost(t, token, func(c *host.Config) { c.Module = file })
		_, err := h.Tokens(t.Context(), "")
		wantFailure(t, err, host.Refused, "load")
	}
}

func TestThePINIsTheCallersAlone(t *testing.T) {
	token := pkcs11test.New(t, pkcs11test.P256)
	h, _ := newHost(t, token)
	r := request(token, 0, 1)
	if _, err := h.Sign(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if string(r.PIN) != pkcs11test.PIN {
		t.Error("the PIN was changed")
	}
	clear(r.PIN)
	if _, err := x509.ParseCertificate(r.Certificate); err != nil {
		t.Error(err)
	}
}
