package piv

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestECDSASignaturesBecomeRAndSOfFixedWidth(t *testing.T) {
	for _, c := range []struct{ der, raw string }{
		{"3006 020101 020102", "0001 0002"},
		{"3008 02020080 02020102", "0080 0102"},
		{"300A 020300FFFF 02030080FF", "FFFF 80FF"},
	} {
		raw, err := rawECDSA(unhex(t, c.der), 2)
		if err != nil || !bytes.Equal(raw, unhex(t, c.raw)) {
			t.Errorf("%s: %X, %v", c.der, raw, err)
		}
	}
}

func TestWhatIsNoDERSignatureIsRefused(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":               "",
		"cut off":               "3006 020101 0201",
		"one number":            "3003 020101",
		"three numbers":         "3009 020101 020102 020103",
		"bytes after it":        "3006 020101 020102 00",
		"bytes inside after it": "3008 020101 020102 0500",
		"longer length":         "308106 020101 020102",
		"number not minimal":    "3007 02020001 020102",
		"negative":              "3006 0201FF 020102",
		"zero":                  "3006 020100 020102",
		"too large":             "3008 0203010000 020102",
		"set instead":           "3106 020101 020102",
	} {
		if raw, err := rawECDSA(unhex(t, s), 2); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %X, %v", name, raw, err)
		}
	}
}

func TestDigestsAreFittedToTheCurve(t *testing.T) {
	for _, c := range []struct {
		curve elliptic.Curve
		hash  crypto.Hash
		want  func(digest []byte) []byte
	}{
		{elliptic.P256(), crypto.SHA256, func(d []byte) []byte { return d }},
		{elliptic.P256(), crypto.SHA512, func(d []byte) []byte { return d[:32] }},
		{elliptic.P384(), crypto.SHA384, func(d []byte) []byte { return d }},
		{elliptic.P384(), crypto.SHA256, func(d []byte) []byte { return append(make([]byte, 16), d...) }},
	} {
		digest := digestOf(c.hash, "fitted")
		key := &ecdsa.PublicKey{Curve: c.curve}
		o, err := newOperation(Authentication, key, c.hash, digest)
		if err != nil || !bytes.Equal(o.input, c.want(digest)) {
			t.Errorf("%v with %s: %X, %v", c.hash, c.curve.Params().Name, o.input, err)
		}
	}
}

func TestWhatACardCannotSignIsRefusedBeforeItIsAsked(t *testing.T) {
	p256 := &ecdsa.PublicKey{Curve: elliptic.P256()}
	rsaKey := func(bits uint) *rsa.PublicKey {
		return &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}
	}
	digest := make([]byte, 32)
	for name, c := range map[string]struct {
		slot   Slot
		public crypto.PublicKey
		opts   crypto.SignerOpts
		digest []byte
	}{
		"unknown slot":     {0x82, p256, crypto.SHA256, digest},
		"SHA-1":            {Authentication, p256, crypto.SHA1, make([]byte, 20)},
		"no hash":          {Authentication, rsaKey(2048), crypto.Hash(0), digest},
		"digest too short": {Authentication, p256, crypto.SHA256, digest[:31]},
		"P-521":            {Authentication, &ecdsa.PublicKey{Curve: elliptic.P521()}, crypto.SHA256, digest},
		"RSA-4096":         {Authentication, rsaKey(4096), crypto.SHA256, digest},
		"RSA-2047":         {Authentication, rsaKey(2047), crypto.SHA256, digest},
		"Ed25519":          {Authentication, ed25519.PublicKey{}, crypto.SHA256, digest},
		"no key":           {Authentication, nil, crypto.SHA256, digest},
		"PSS with ECDSA":   {Authentication, p256, &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 32}, digest},
		"PSS-SHA-512 with RSA-1024": {Authentication, rsaKey(1024),
			&rsa.PSSOptions{Hash: crypto.SHA512, SaltLength: 64}, make([]byte, 64)},
	} {
		if _, err := newOperation(c.slot, c.public, c.opts, c.digest); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for bits, algorithm := range map[uint]byte{1024: 0x06, 2048: 0x07, 3072: 0x05} {
		o, err := newOperation(Authentication, rsaKey(bits), crypto.SHA256, digest)
		if err != nil || o.algorithm != algorithm || len(o.input) != int(bits/8) {
			t.Errorf("RSA-%d: algorithm %02X, %d bytes, %v", bits, o.algorithm, len(o.input), err)
		}
		if _, err := o.finish(make([]byte, bits/8-1)); !errors.Is(err, ErrMalformed) {
			t.Errorf("RSA-%d signature too short: %v", bits, err)
		}
	}
}

func FuzzECDSASignature(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 3 {
		der, err := ecdsa.SignASN1(rand.Reader, key, digestOf(crypto.SHA256, fmt.Sprint(i)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Add(unhex(f, "3006020101020102"))
	f.Add(unhex(f, "3006020100020102"))
	f.Fuzz(func(t *testing.T, der []byte) {
		raw, err := rawECDSA(der, 32)
		if err != nil {
			return
		}
		r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
		again, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil || len(raw) != 64 || !bytes.Equal(again, der) {
			t.Fatalf("%X became %X, which is %X, %v", der, raw, again, err)
		}
	})
}

func FuzzSignatureTemplate(f *testing.F) {
	f.Add(unhex(f, "7C0A 8208 3006020101020102"))
	f.Add(unhex(f, "7C02 8200"))
	f.Add(unhex(f, "7C820104 82820100"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if answer, err := parseSignature(b); err == nil && !bytes.Contains(b, answer) {
			t.Fatalf("%X is not in %X", answer, b)
		}
	})
}
