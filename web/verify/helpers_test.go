package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/verify"
)

const (
	origin  = "https://signin.example"
	session = "the value of a cookie"
)

// clock stands still until it is moved.
type clock struct{ now atomic.Pointer[time.Time] }

func newClock() *clock {
	c := &clock{}
	start := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	c.now.Store(&start)
	return c
}

func (c *clock) Now() time.Time { return *c.now.Load() }

func (c *clock) advance(d time.Duration) {
	next := c.Now().Add(d)
	c.now.Store(&next)
}

// pair is a certificate and its private key.
type pair struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newECKey(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// certify makes a certificate of key by the issuer, or a self-signed one.
func certify(t testing.TB, template *x509.Certificate, key crypto.Signer, issuer *pair) pair {
	t.Helper()
	made := pair{key: key}
	if issuer == nil {
		issuer = &pair{template, key}
	}
	if template.SerialNumber == nil {
		template.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	if made.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return made
}

// ca is a root and an issuing authority below it.
type ca struct {
	root, issuing pair
	clock         *clock
}

func newCA(t testing.TB, name string) *ca {
	t.Helper()
	c := &ca{clock: newClock()}
	template := func(cn string) *x509.Certificate {
		return &x509.Certificate{
			Subject:   pkix.Name{Organization: []string{name}, CommonName: cn},
			NotBefore: c.clock.Now().AddDate(-1, 0, 0), NotAfter: c.clock.Now().AddDate(9, 0, 0),
			IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		}
	}
	c.root = certify(t, template("Root"), newECKey(t, elliptic.P256()), nil)
	c.issuing = certify(t, template("Cards"), newECKey(t, elliptic.P256()), &c.root)
	return c
}

// card returns a card's key and certificate, changed by change.
func (c *ca) card(t testing.TB, change func(*x509.Certificate)) pair {
	t.Helper()
	return c.cardOf(t, newECKey(t, elliptic.P256()), change)
}

func (c *ca) cardOf(t testing.TB, key crypto.Signer, change func(*x509.Certificate)) pair {
	t.Helper()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "123456789012"},
		NotBefore: c.clock.Now().AddDate(0, -1, 0), NotAfter: c.clock.Now().AddDate(2, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	return certify(t, template, key, &c.issuing)
}

// config is the plainest that New accepts.
func (c *ca) config() verify.Config {
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(c.root.cert)
	intermediates.AddCert(c.issuing.cert)
	return verify.Config{
		Origins: []string{origin}, Roots: roots, Intermediates: intermediates,
		UserID:     verify.CommonName,
		Revocation: verify.Revocation{Mode: verify.RevocationOff},
		Clock:      c.clock.Now,
	}
}

func newVerifier(t testing.TB, config verify.Config) *verify.Verifier {
	t.Helper()
	v, err := verify.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func challenge(t testing.TB, v *verify.Verifier) string {
	t.Helper()
	nonce, err := v.Challenge(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	return nonce
}

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// token makes what the agent would, with the algorithm named.
func (p pair) token(t testing.TB, algorithm, origin, nonce string) []byte {
	t.Helper()
	hash := crypto.SHA256
	if len(algorithm) == 5 && hashes[algorithm[2:]] != 0 {
		hash = hashes[algorithm[2:]]
	}
	hashed := func(data []byte) []byte {
		h := hash.New()
		h.Write(data)
		return h.Sum(nil)
	}
	digest := hashed(append(hashed([]byte(origin)), hashed([]byte(nonce))...))
	var signature []byte
	var err error
	switch key := p.key.(type) {
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, key, digest)
		if signErr != nil {
			t.Fatal(signErr)
		}
		signature = make([]byte, 2*((key.Params().BitSize+7)/8))
		r.FillBytes(signature[:len(signature)/2])
		s.FillBytes(signature[len(signature)/2:])
	default:
		var opts crypto.SignerOpts = hash
		if strings.HasPrefix(algorithm, "PS") {
			opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		}
		if signature, err = key.Sign(rand.Reader, digest, opts); err != nil {
			t.Fatal(err)
		}
	}
	return wire(t, map[string]any{
		"unverifiedCertificate": base64.StdEncoding.EncodeToString(p.cert.Raw),
		"algorithm":             algorithm,
		"signature":             base64.StdEncoding.EncodeToString(signature),
		"format":                "web-eid:1.0",
		"appVersion":            "https://example.org/releases/1.0.0",
	})
}

func wire(t testing.TB, fields map[string]any) []byte {
	t.Helper()
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// edit returns the token with one field changed.
func edit(t testing.TB, token []byte, field string, value any) []byte {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(token, &fields); err != nil {
		t.Fatal(err)
	}
	fields[field] = value
	return wire(t, fields)
}

// signIn is one whole attempt with an ES256 card.
func signIn(t testing.TB, v *verify.Verifier, card pair) (verify.Identity, error) {
	t.Helper()
	return v.Verify(t.Context(), session, card.token(t, "ES256", origin, challenge(t, v)))
}

func wantCode(t testing.TB, err error, code verify.Code) {
	t.Helper()
	if err == nil || verify.CodeOf(err) != code {
		t.Errorf("error %v, want the code %s", err, code)
	}
}

func fingerprint(cert *x509.Certificate) [32]byte { return sha256.Sum256(cert.Raw) }
