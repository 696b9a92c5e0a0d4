package verify_test

import (
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/verify"
)

func TestACardOfTheConfiguredAuthoritySignsIn(t *testing.T) {
	ca := newCA(t, "Trust")
	card := ca.card(t, nil)
	got, err := signIn(t, newVerifier(t, ca.config()), card)
	if err != nil {
		t.Fatal(err)
	}
	want := verify.Identity{
		Issuer: "CN=Cards,O=Trust", UserID: "123456789012", DisplayName: "123456789012", Origin: origin,
		Expiry: card.cert.NotAfter, Certificate: got.Certificate, Revocation: verify.RevocationNotChecked,
	}
	if got != want || !got.Certificate.Equal(card.cert) {
		t.Errorf("identity %+v, want %+v", got, want)
	}
}

func TestEveryAlgorithmIsAcceptedWithItsOwnKeyAlone(t *testing.T) {
	ca := newCA(t, "Trust")
	v := newVerifier(t, ca.config())
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	cards := map[string]pair{
		"P-224": ca.cardOf(t, newECKey(t, elliptic.P224()), nil), "P-256": ca.cardOf(t, newECKey(t, elliptic.P256()), nil),
		"P-384": ca.cardOf(t, newECKey(t, elliptic.P384()), nil), "P-521": ca.cardOf(t, newECKey(t, elliptic.P521()), nil),
		"RSA-2048": ca.cardOf(t, long, nil), "RSA-1024": ca.cardOf(t, short, nil),
	}
	fits := map[string]string{
		"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "RS256": "RSA-2048", "RS384": "RSA-2048",
		"RS512": "RSA-2048", "PS256": "RSA-2048", "PS384": "RSA-2048", "PS512": "RSA-2048",
		"none": "", "": "", "HS256": "", "es256": "", "ES256 ": "",
	}
	for algorithm, fit := range fits {
		for kind, card := range cards {
			if kind == "RSA-1024" && strings.HasPrefix(algorithm, "PS512") {
				continue // PSS with SHA-512 does not fit into 1024 bits: there is nothing to refuse
			}
			_, err := v.Verify(t.Context(), session, card.token(t, algorithm, origin, challenge(t, v)))
			switch {
			case kind == fit && err != nil:
				t.Errorf("%q with %s: %v", algorithm, kind, err)
			case kind != fit && verify.CodeOf(err) != verify.CodeAlgorithmUnsupported:
				t.Errorf("%q with %s: %v, want it unsupported", algorithm, kind, err)
			}
		}
	}
}

func TestAnotherOriginAndABrokenSignatureAreRefusedAlike(t *testing.T) {
	ca := newCA(t, "Trust")
	v := newVerifier(t, ca.config())
	card, other := ca.card(t, nil), ca.card(t, nil)
	for name, forge := range map[string]func(nonce string) []byte{
		"another origin":      func(n string) []byte { return card.token(t, "ES256", "https://signin.example.evil.test", n) },
		"origin with a slash": func(n string) []byte { return card.token(t, "ES256", origin+"/", n) },
		"origin by http":      func(n string) []byte { return card.token(t, "ES256", "http://signin.example", n) },
		"another nonce":       func(n string) []byte { return card.token(t, "ES256", origin, n[1:]+"A") },
		"moved boundary":      func(n string) []byte { return card.token(t, "ES256", origin+n[:1], n[1:]) },
		"another key":         func(n string) []byte { return pair{card.cert, other.key}.token(t, "ES256", origin, n) },
		"signature cut":       func(n string) []byte { return edit(t, card.token(t, "ES256", origin, n), "signature", "AAAA") },
		"signature of zeros":  func(n string) []byte { return edit(t, card.token(t, "ES256", origin, n), "signature", zeros(64)) },
		"signature in ASN.1":  func(n string) []byte { return edit(t, card.token(t, "ES256", origin, n), "signature", zeros(70)) },
		"signature wide": func(n string) []byte {
			return edit(t, card.token(t, "ES256", origin, n), "signature", wide(t, card, n))
		},
		"another certificate": func(n string) []byte {
			return edit(t, card.token(t, "ES256", origin, n), "unverifiedCertificate", b64(other.cert.Raw))
		},
		"an untrusted forgery": func(n string) []byte { return newCA(t, "Evil").card(t, nil).token(t, "ES256", "https://evil.test", n) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), session, forge(challenge(t, v)))
			wantCode(t, err, verify.CodeSignatureInvalid)
			if err.Error() != "verify: signatureInvalid" {
				t.Errorf("the error tells more: %v", err)
			}
		})
	}
}

// wide is a good signature with a leading zero before s.
func wide(t *testing.T, card pair, nonce string) string {
	t.Helper()
	var fields struct{ Signature []byte }
	if err := json.Unmarshal(card.token(t, "ES256", origin, nonce), &fields); err != nil {
		t.Fatal(err)
	}
	return b64(slices.Insert(fields.Signature, 32, 0))
}

func b64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
func zeros(n int) string     { return b64(make([]byte, n)) }

func TestTheOriginThatWasSignedForIsNamed(t *testing.T) {
	ca := newCA(t, "Trust")
	config := ca.config()
	config.Origins = []string{origin, "https://other.example:8443", "http://localhost:8080", "http://[::1]:8080"}
	v := newVerifier(t, config)
	for _, want := range config.Origins {
		got, err := v.Verify(t.Context(), session, ca.card(t, nil).token(t, "ES256", want, challenge(t, v)))
		if err != nil || got.Origin != want {
			t.Errorf("%s: origin %q, %v", want, got.Origin, err)
		}
	}
}

func TestANonceServesOneAttemptOfItsOwnSession(t *testing.T) {
	ca := newCA(t, "Trust")
	v := newVerifier(t, ca.config())
	card := ca.card(t, nil)

	_, err := v.Verify(t.Context(), session, card.token(t, "ES256", origin, "made up"))
	wantCode(t, err, verify.CodeNonceUnknown)

	good := card.token(t, "ES256", origin, challenge(t, v))
	_, err = v.Verify(t.Context(), "another session", good)
	wantCode(t, err, verify.CodeNonceUnknown)
	if _, err := v.Verify(t.Context(), session, good); err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(t.Context(), session, good)
	wantCode(t, err, verify.CodeNonceUnknown)

	// A failed attempt uses it up too, whatever failed.
	for _, bad := range [][]byte{nil, []byte("{}"), card.token(t, "ES256", "https://other.example", "x")} {
		good := card.token(t, "ES256", origin, challenge(t, v))
		if _, err := v.Verify(t.Context(), session, bad); err == nil {
			t.Fatalf("%q was accepted", bad)
		}
		_, err = v.Verify(t.Context(), session, good)
		wantCode(t, err, verify.CodeNonceUnknown)
	}

	// The second challenge of a session replaces the first.
	first := challenge(t, v)
	challenge(t, v)
	_, err = v.Verify(t.Context(), session, card.token(t, "ES256", origin, first))
	wantCode(t, err, verify.CodeSignatureInvalid)
}

func TestANonceExpiresByTheClock(t *testing.T) {
	ca := newCA(t, "Trust")
	v := newVerifier(t, ca.config())
	card := ca.card(t, nil)
	for age, want := range map[time.Duration]bool{verify.DefaultNonceLife - time.Second: true, verify.DefaultNonceLife: false} {
		token := card.token(t, "ES256", origin, challenge(t, v))
		ca.clock.advance(age)
		_, err := v.Verify(t.Context(), session, token)
		if want && err != nil {
			t.Errorf("after %v: %v", age, err)
		}
		if !want {
			wantCode(t, err, verify.CodeNonceExpired)
		}
	}
}

func TestOneOfManyAttemptsAtOnceTakesTheNonce(t *testing.T) {
	ca := newCA(t, "Trust")
	v := newVerifier(t, ca.config())
	token := ca.card(t, nil).token(t, "ES256", origin, challenge(t, v))
	var accepted atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			switch _, err := v.Verify(t.Context(), session, token); {
			case err == nil:
				accepted.Add(1)
			case verify.CodeOf(err) != verify.CodeNonceUnknown:
				t.Errorf("%v", err)
			}
		})
	}
	group.Wait()
	if accepted.Load() != 1 {
		t.Errorf("%d attempts were accepted", accepted.Load())
	}
}

func TestAChallengeIsFreshAndNeedsASession(t *testing.T) {
	v := newVerifier(t, newCA(t, "Trust").config())
	seen := map[string]bool{}
	for range 100 {
		nonce := challenge(t, v)
		if raw, err := base64.StdEncoding.DecodeString(nonce); err != nil || len(raw) != 32 || seen[nonce] {
			t.Fatalf("nonce %q, seen before: %t", nonce, seen[nonce])
		}
		seen[nonce] = true
	}
	for _, key := range []string{"", strings.Repeat("k", 513)} {
		_, err := v.Challenge(t.Context(), key)
		wantCode(t, err, verify.CodeInternal)
		_, err = v.Verify(t.Context(), key, nil)
		wantCode(t, err, verify.CodeInternal)
	}
}

func TestAFullStoreForgetsTheOldestNonce(t *testing.T) {
	store := verify.NewMemoryStore(2)
	for _, key := range []string{"a", "b", "a", "c"} {
		if err := store.Put(t.Context(), key, "nonce of "+key, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := store.Take(t.Context(), "b"); !errors.Is(err, verify.ErrNoNonce) {
		t.Errorf("b, the oldest: %v", err)
	}
	for _, key := range []string{"a", "c"} {
		if nonce, _, err := store.Take(t.Context(), key); err != nil || nonce != "nonce of "+key {
			t.Errorf("%s: %q, %v", key, nonce, err)
		}
	}
}

// brokenStore is a shared store that is out of reach.
type brokenStore struct{}

func (brokenStore) Put(context.Context, string, string, time.Time) error { return errors.New("down") }
func (brokenStore) Take(context.Context, string) (string, time.Time, error) {
	return "", time.Time{}, errors.New("down")
}

// emptyStore forgets what it was given and does not say so.
type emptyStore struct{ brokenStore }

func (emptyStore) Take(context.Context, string) (string, time.Time, error) {
	return "", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), nil
}

func TestAnEmptyNonceIsNoNonce(t *testing.T) {
	ca := newCA(t, "Trust")
	config := ca.config()
	config.Nonces = emptyStore{}
	_, err := newVerifier(t, config).Verify(t.Context(), session, ca.card(t, nil).token(t, "ES256", origin, ""))
	wantCode(t, err, verify.CodeInternal)
}

func TestAStoreThatIsDownLetsNobodyIn(t *testing.T) {
	ca := newCA(t, "Trust")
	config := ca.config()
	config.Nonces = brokenStore{}
	v := newVerifier(t, config)
	_, err := v.Challenge(t.Context(), session)
	wantCode(t, err, verify.CodeInternal)
	_, err = v.Verify(t.Context(), session, ca.card(t, nil).token(t, "ES256", origin, ""))
	wantCode(t, err, verify.CodeInternal)
}

func TestOnlyTheSameCertificateResumes(t *testing.T) {
	ca := newCA(t, "Trust")
	v := newVerifier(t, ca.config())
	card := ca.card(t, nil)
	began, err := signIn(t, v, card)
	if err != nil {
		t.Fatal(err)
	}
	resume := func(with pair, previous verify.Identity) (verify.Identity, error) {
		return v.Resume(t.Context(), session, with.token(t, "ES256", origin, challenge(t, v)), previous)
	}
	if got, err := resume(card, began); err != nil || got.UserID != began.UserID || got.Issuer != began.Issuer {
		t.Errorf("the same card: %+v, %v", got, err)
	}
	_, err = resume(ca.card(t, nil), began) // the same person's second card
	wantCode(t, err, verify.CodeDifferentCard)
	renewed := ca.cardOf(t, card.key, nil) // the same key, renewed
	_, err = resume(renewed, began)
	wantCode(t, err, verify.CodeDifferentCard)
	_, err = resume(card, verify.Identity{})
	wantCode(t, err, verify.CodeInternal)
	_, err = resume(card, verify.Identity{Certificate: &x509.Certificate{}})
	wantCode(t, err, verify.CodeInternal)
	// Nothing else is let through because it is a resume.
	_, err = v.Resume(t.Context(), session, card.token(t, "ES256", origin, "used up"), began)
	wantCode(t, err, verify.CodeNonceUnknown)
	ca.clock.advance(3 * 365 * 24 * time.Hour)
	_, err = resume(card, began)
	wantCode(t, err, verify.CodeCertificateExpired)
}

func TestAConfigurationThatGuessesIsRefused(t *testing.T) {
	ca := newCA(t, "Trust")
	for name, spoil := range map[string]func(*verify.Config){
		"no origin":            func(c *verify.Config) { c.Origins = nil },
		"no roots":             func(c *verify.Config) { c.Roots = nil },
		"no user id rule":      func(c *verify.Config) { c.UserID = nil },
		"no revocation mode":   func(c *verify.Config) { c.Revocation.Mode = "" },
		"unknown mode":         func(c *verify.Config) { c.Revocation.Mode = "maybe" },
		"off with sources":     func(c *verify.Config) { c.Revocation.OCSP = true },
		"hard without sources": func(c *verify.Config) { c.Revocation.Mode = verify.RevocationHardFail },
		"OCSP address unused":  func(c *verify.Config) { c.Revocation.OCSPURL = "http://127.0.0.1/" },
		"OCSP address by ldap": func(c *verify.Config) {
			c.Revocation = verify.Revocation{Mode: verify.RevocationHardFail, OCSP: true, OCSPURL: "ldap://x"}
		},
		"CRL with a bare name": func(c *verify.Config) {
			c.Revocation = verify.Revocation{Mode: verify.RevocationHardFail, CRLs: []string{"list.crl"}}
		},
		"nonces for ever":       func(c *verify.Config) { c.NonceLife = time.Hour },
		"nonces of the past":    func(c *verify.Config) { c.NonceLife = -1 },
		"origin by http":        func(c *verify.Config) { c.Origins[0] = "http://signin.example" },
		"origin with a slash":   func(c *verify.Config) { c.Origins[0] = origin + "/" },
		"origin with a path":    func(c *verify.Config) { c.Origins[0] = origin + "/login" },
		"origin with a user":    func(c *verify.Config) { c.Origins[0] = "https://a@signin.example" },
		"origin in capitals":    func(c *verify.Config) { c.Origins[0] = "https://Signin.example" },
		"origin not in ASCII":   func(c *verify.Config) { c.Origins[0] = "https://bücher.example" },
		"origin with port 443":  func(c *verify.Config) { c.Origins[0] = origin + ":443" },
		"origin with no port":   func(c *verify.Config) { c.Origins[0] = origin + ":" },
		"origin without a host": func(c *verify.Config) { c.Origins[0] = "https://" },
		"origin null":           func(c *verify.Config) { c.Origins[0] = "null" },
		"origin that is none":   func(c *verify.Config) { c.Origins[0] = "https://a b" },
	} {
		config := ca.config()
		spoil(&config)
		if _, err := verify.New(config); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
