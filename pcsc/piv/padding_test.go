package piv

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"testing"
)

var hashes = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

func digestOf(hash crypto.Hash, text string) []byte {
	w := hash.New()
	w.Write([]byte(text))
	return w.Sum(nil)
}

// privateOperation is what a card does to its input.
func privateOperation(key *rsa.PrivateKey, em []byte) []byte {
	m := new(big.Int).SetBytes(em)
	return m.Exp(m, key.D, key.N).FillBytes(make([]byte, key.Size()))
}

func TestPaddedDigestsVerifyWithTheStandardLibrary(t *testing.T) {
	// 1025 bits: the padded message is a byte shorter than the modulus.
	for _, bits := range []int{1024, 1025, 1030, 1031, 2048, 3072} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		for _, hash := range hashes {
			digest := digestOf(hash, "signed")
			t.Run(fmt.Sprintf("PKCS1 %v %d", hash, bits), func(t *testing.T) {
				em, err := padPKCS1(hash, digest, key.Size())
				if err != nil {
					t.Fatal(err)
				}
				if err := rsa.VerifyPKCS1v15(&key.PublicKey, hash, digest, privateOperation(key, em)); err != nil {
					t.Error(err)
				}
			})
			t.Run(fmt.Sprintf("PSS %v %d", hash, bits), func(t *testing.T) {
				opts := &rsa.PSSOptions{Hash: hash, SaltLength: rsa.PSSSaltLengthEqualsHash}
				em, err := padPSS(opts, digest, bits)
				if bits < 8*(2*hash.Size()+2) {
					if !errors.Is(err, ErrUnsupported) {
						t.Errorf("key too short: %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := rsa.VerifyPSS(&key.PublicKey, hash, digest, privateOperation(key, em), opts); err != nil {
					t.Error(err)
				}
				again, _ := padPSS(opts, digest, bits)
				if bytes.Equal(em, again) {
					t.Error("the salt is not fresh")
				}
			})
		}
	}
}

func TestAKeyTooShortForPKCS1IsRefused(t *testing.T) {
	if _, err := padPKCS1(crypto.SHA512, make([]byte, 64), 93); !errors.Is(err, ErrUnsupported) {
		t.Errorf("error %v", err)
	}
	if _, err := padPKCS1(crypto.SHA512, make([]byte, 64), 94); err != nil {
		t.Errorf("RFC 8017 allows it: %v", err)
	}
}

func TestOnlyTheSaltLengthOfJOSEIsMade(t *testing.T) {
	digest := make([]byte, 32)
	for length, ok := range map[int]bool{rsa.PSSSaltLengthEqualsHash: true, 32: true, rsa.PSSSaltLengthAuto: false, 20: false} {
		_, err := padPSS(&rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: length}, digest, 2048)
		if ok != (err == nil) {
			t.Errorf("salt length %d: %v", length, err)
		}
	}
}
