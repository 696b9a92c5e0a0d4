package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/token"
)

const (
	origin  = "https://signin.example:8443"
	nonce   = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	release = "https://example.org/releases/1.0.0"
)

type vectors struct {
	Origin, Nonce string
	Vectors       []struct {
		Algorithm, Certificate, Digest, Signature string
	}
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Vectors) == 0 {
		t.Fatal("testdata/vectors.json is empty")
	}
	return v
}

// The vectors were made without this package: the digests by Python's hashlib,
// the signatures by OpenSSL over H(origin)||H(nonce).
func TestADigestAndASignatureOfAnotherProgramMakeTheToken(t *testing.T) {
	v := readVectors(t)
	composer := token.New(release)
	for _, vector := range v.Vectors {
		t.Run(vector.Algorithm, func(t *testing.T) {
			der, err := base64.StdEncoding.DecodeString(vector.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			key := signin.Key{Certificate: cert, Algorithm: vector.Algorithm}
			hash, digest, err := composer.Compose(key, v.Origin, v.Nonce)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(digest); got != vector.Digest {
				t.Fatalf("digest %s, want %s", got, vector.Digest)
			}
			signature, err := base64.StdEncoding.DecodeString(vector.Signature)
			if err != nil {
				t.Fatal(err)
			}
			got, err := composer.Finish(key, hash, digest, signature)
			if err != nil {
				t.Fatal(err)
			}
			want := signin.Token{
				UnverifiedCertificate: vector.Certificate, Algorithm: vector.Algorithm,
				Signature: vector.Signature, Format: "web-eid:1.0", AppVersion: release,
			}
			if got != want {
				t.Errorf("token %+v, want %+v", got, want)
			}
		})
	}
}

// signers are made once: RSA keys take a while.
var signers = sync.OnceValue(func() map[string]crypto.Signer {
	made := map[string]crypto.Signer{}
	for name, curve := range map[string]elliptic.Curve{
		"P-224": elliptic.P224(), "P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521(),
	} {
		made[name], _ = ecdsa.GenerateKey(curve, rand.Reader)
	}
	made["RSA-1024"], _ = rsa.GenerateKey(rand.Reader, 1024)
	made["RSA-2048"], _ = rsa.GenerateKey(rand.Reader, 2048)
	_, made["Ed25519"], _ = ed25519.GenerateKey(rand.Reader)
	return made
})

// authority issues the certificates of the tests.
var authority = sync.OnceValue(func() *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Cards"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	signer := signers()["P-256"]
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return cert
})

// certify returns a card's certificate for the named key.
func certify(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "000000000001"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority(), signers()[name].Public(), signers()["P-256"])
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// sign does what a card does: it is told the algorithm's padding and gets the
// digest alone.
func sign(t testing.TB, signer crypto.Signer, algorithm string, hash crypto.Hash, digest []byte) []byte {
	t.Helper()
	switch key := signer.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			t.Fatal(err)
		}
		raw := make([]byte, 2*((key.Params().BitSize+7)/8))
		r.FillBytes(raw[:len(raw)/2])
		s.FillBytes(raw[len(raw)/2:])
		return raw
	default:
		var opts crypto.SignerOpts = hash
		if algorithm[0] == 'P' {
			opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		}
		signature, err := signer.Sign(rand.Reader, digest, opts)
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
}

var kinds = map[string]string{
	"ES256": "P-256", "ES384": "P-384", "ES512": "P-521",
	"RS256": "RSA-2048", "RS384": "RSA-2048", "RS512": "RSA-2048",
	"PS256": "RSA-2048", "PS384": "RSA-2048", "PS512": "RSA-2048",
}

func TestEachAlgorithmServesItsOwnKeysAlone(t *testing.T) {
	composer := token.New(release)
	for algorithm, kind := range kinds {
		for _, other := range []string{"P-224", "P-256", "P-384", "P-521", "RSA-1024", "RSA-2048", "Ed25519"} {
			key := signin.Key{Certificate: certify(t, other), Algorithm: algorithm}
			_, _, err := composer.Compose(key, origin, nonce)
			if other == kind && err != nil {
				t.Errorf("%s with %s: %v", algorithm, other, err)
			}
			if other != kind && !errors.Is(err, token.ErrAlgorithm) {
				t.Errorf("%s with %s: %v, want ErrAlgorithm", algorithm, other, err)
			}
		}
	}
}

func TestTheAlgorithmIsChosenByTheKey(t *testing.T) {
	for kind, want := range map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "RSA-2048": "RS256"} {
		if got, err := token.AlgorithmFor(certify(t, kind)); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %s", kind, got, err, want)
		}
	}
	for kind, want := range map[string]token.KeyError{
		"RSA-1024": {Kind: "RSA", Bits: 1024}, "P-224": {Kind: "P-224"}, "Ed25519": {Kind: "Ed25519"},
	} {
		_, err := token.AlgorithmFor(certify(t, kind))
		if got, ok := errors.AsType[*token.KeyError](err); !ok || *got != want {
			t.Errorf("%s: %v, want %v", kind, err, &want)
		}
	}
}

func TestANameThatIsNoAlgorithmIsRefused(t *testing.T) {
	for _, name := range []string{"", "none", "HS256", "es256", "EdDSA"} {
		key := signin.Key{Certificate: certify(t, "P-256"), Algorithm: name}
		if _, _, err := token.New(release).Compose(key, origin, nonce); !errors.Is(err, token.ErrAlgorithm) {
			t.Errorf("Compose with %q: %v", name, err)
		}
		if _, err := token.New(release).Finish(key, crypto.SHA256, make([]byte, 32), make([]byte, 64)); !errors.Is(err, token.ErrAlgorithm) {
			t.Errorf("Finish with %q: %v", name, err)
		}
	}
	if _, _, err := token.New(release).Compose(signin.Key{Algorithm: "ES256"}, origin, nonce); !errors.Is(err, token.ErrAlgorithm) {
		t.Errorf("a key without a certificate: %v", err)
	}
}

func TestNothingIsComposedWithoutAnOriginOrANonce(t *testing.T) {
	key := signin.Key{Certificate: certify(t, "P-256"), Algorithm: "ES256"}
	for _, in := range [][2]string{{"", nonce}, {origin, ""}} {
		if _, digest, err := token.New(release).Compose(key, in[0], in[1]); err == nil {
			t.Errorf("%q: digest %x", in, digest)
		}
	}
}

func TestEveryAlgorithmMakesATokenOfItsOwnSignatureOnly(t *testing.T) {
	composer := token.New(release)
	for algorithm, kind := range kinds {
		t.Run(algorithm, func(t *testing.T) {
			key := signin.Key{Certificate: certify(t, kind), Algorithm: algorithm}
			hash, digest, err := composer.Compose(key, origin, nonce)
			if err != nil {
				t.Fatal(err)
			}
			good := sign(t, signers()[kind], algorithm, hash, digest)
			if _, err := composer.Finish(key, hash, digest, good); err != nil {
				t.Fatal(err)
			}
			_, foreign, err := composer.Compose(key, origin+"1", nonce)
			if err != nil {
				t.Fatal(err)
			}
			flipped := slices.Clone(good)
			flipped[len(flipped)/3] ^= 1
			for name, bad := range map[string][]byte{
				"nothing": nil, "zeros": make([]byte, len(good)), "short": good[1:], "long": append([]byte{0}, good...),
				"wide s":  slices.Insert(slices.Clone(good), len(good)/2, 0),
				"flipped": flipped, "another origin": sign(t, signers()[kind], algorithm, hash, foreign),
			} {
				if got, err := composer.Finish(key, hash, digest, bad); !errors.Is(err, token.ErrSignature) || got != (signin.Token{}) {
					t.Errorf("%s: %+v, %v", name, got, err)
				}
			}
			for name, wrong := range map[string]struct {
				hash   crypto.Hash
				digest []byte
			}{
				"another hash": {crypto.SHA1, digest}, "short digest": {hash, digest[1:]}, "no digest": {hash, nil},
			} {
				if _, err := composer.Finish(key, wrong.hash, wrong.digest, good); !errors.Is(err, token.ErrAlgorithm) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func TestASignatureWithTheOtherPaddingIsRefused(t *testing.T) {
	composer := token.New(release)
	for signed, claimed := range map[string]string{"RS256": "PS256", "PS256": "RS256"} {
		key := signin.Key{Certificate: certify(t, "RSA-2048"), Algorithm: claimed}
		hash, digest, err := composer.Compose(key, origin, nonce)
		if err != nil {
			t.Fatal(err)
		}
		signature := sign(t, signers()["RSA-2048"], signed, hash, digest)
		if _, err := composer.Finish(key, hash, digest, signature); !errors.Is(err, token.ErrSignature) {
			t.Errorf("%s claimed as %s: %v", signed, claimed, err)
		}
	}
}

// A signature of a fixed certificate whose private key is gone: what the fuzzer
// finds can only be wrong.
func FuzzFinishNeverMakesATokenOfGarbage(f *testing.F) {
	f.Add("ES256", make([]byte, 64))
	composer := token.New(release)
	keys := map[string]signin.Key{}
	digests := map[string][]byte{}
	for _, v := range readVectors(f).Vectors {
		der, _ := base64.StdEncoding.DecodeString(v.Certificate)
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			f.Fatal(err)
		}
		keys[v.Algorithm] = signin.Key{Certificate: cert, Algorithm: v.Algorithm}
		// Another origin than the vectors' own: their signatures are garbage too.
		_, digests[v.Algorithm], err = composer.Compose(keys[v.Algorithm], "https://other.example", nonce)
		if err != nil {
			f.Fatal(err)
		}
		signature, _ := base64.StdEncoding.DecodeString(v.Signature)
		f.Add(v.Algorithm, signature)
		f.Add(v.Algorithm, make([]byte, len(signature)))
	}
	f.Fuzz(func(t *testing.T, algorithm string, signature []byte) {
		key, ok := keys[algorithm]
		digest := digests[algorithm]
		if !ok {
			key = signin.Key{Certificate: keys["ES256"].Certificate, Algorithm: algorithm}
			digest = digests["ES256"]
		}
		for _, hash := range []crypto.Hash{0, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
			if got, err := composer.Finish(key, hash, digest, signature); err == nil || got != (signin.Token{}) {
				t.Fatalf("%s made %+v of %x", algorithm, got, signature)
			}
		}
	})
}
