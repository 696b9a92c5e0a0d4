package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/cardea-agent/cardea/agent/signin"
)

// Format is the name of the token's format.
const Format = "web-eid:1.0"

// ErrSignature says that a signature does not verify with the certificate's
// public key. There is no token then.
var ErrSignature = errors.New("token: the card's signature does not verify")

// Composer makes tokens. It has no state and may be used by many at once.
type Composer struct {
	appVersion string
}

var _ signin.Tokens = (*Composer)(nil)

// New returns a Composer. appVersion goes into every token as it is; the format
// wants the address of the release, such as "https://example.org/releases/1.2.0".
func New(appVersion string) *Composer {
	return &Composer{appVersion: appVersion}
}

// Compose returns the hash of the key's algorithm and the digest that the key
// must sign to bind nonce to origin. origin is the browser's own ASCII
// serialisation, nonce the base64 text as the page sent it. The error wraps
// ErrAlgorithm when key.Algorithm does not belong to the certificate's key.
func (c *Composer) Compose(key signin.Key, origin, nonce string) (crypto.Hash, []byte, error) {
	alg, err := lookUp(key.Algorithm, key.Certificate)
	if err != nil {
		return 0, nil, err
	}
	if origin == "" || nonce == "" {
		return 0, nil, errors.New("token: an origin and a nonce are needed")
	}
	message := append(sum(alg.hash, []byte(origin)), sum(alg.hash, []byte(nonce))...)
	return alg.hash, sum(alg.hash, message), nil
}

// Finish checks the signature over digest and returns the token. ECDSA
// signatures are r||s, each as wide as the curve's order (RFC 7518, section
// 3.4). hash and digest are those of Compose. The error wraps ErrSignature or
// ErrAlgorithm.
func (c *Composer) Finish(key signin.Key, hash crypto.Hash, digest, signature []byte) (signin.Token, error) {
	alg, err := lookUp(key.Algorithm, key.Certificate)
	if err != nil {
		return signin.Token{}, err
	}
	if hash != alg.hash || len(digest) != hash.Size() {
		return signin.Token{}, fmt.Errorf("%w: the digest is not of %s", ErrAlgorithm, key.Algorithm)
	}
	if err := alg.verify(key.Certificate.PublicKey, digest, signature); err != nil {
		return signin.Token{}, err
	}
	return signin.Token{
		UnverifiedCertificate: base64.StdEncoding.EncodeToString(key.Certificate.Raw),
		Algorithm:             key.Algorithm,
		Signature:             base64.StdEncoding.EncodeToString(signature),
		Format:                Format,
		AppVersion:            c.appVersion,
	}, nil
}

// Algorithms are those that a key can sign documents with: the one that JWA
// binds to its curve, or the key's RSA scheme with each hash.
func (c *Composer) Algorithms(key signin.Key) []signin.Algorithm {
	names := []string{key.Algorithm}
	if scheme, _, rsa := strings.Cut(key.Algorithm, "S256"); rsa && scheme != "E" {
		names = []string{scheme + "S256", scheme + "S384", scheme + "S512"}
	}
	var found []signin.Algorithm
	for _, name := range names {
		if alg, err := lookUp(name, key.Certificate); err == nil {
			found = append(found, signin.Algorithm{Name: name, Hash: alg.hash})
		}
	}
	return found
}

// Verify checks the signature of a document's digest with the certificate's
// public key. The error wraps ErrSignature or ErrAlgorithm.
func (c *Composer) Verify(key signin.Key, a signin.Algorithm, digest, signature []byte) error {
	alg, err := lookUp(a.Name, key.Certificate)
	if err != nil {
		return err
	}
	if a.Hash != alg.hash || len(digest) != alg.hash.Size() {
		return fmt.Errorf("%w: the digest is not of %s", ErrAlgorithm, a.Name)
	}
	return alg.verify(key.Certificate.PublicKey, digest, signature)
}

func (a algorithm) verify(public crypto.PublicKey, digest, signature []byte) error {
	var ok bool
	switch pub := public.(type) {
	case *ecdsa.PublicKey:
		if width := (pub.Params().N.BitLen() + 7) / 8; len(signature) == 2*width {
			r := new(big.Int).SetBytes(signature[:width])
			s := new(big.Int).SetBytes(signature[width:])
			ok = ecdsa.Verify(pub, digest, r, s)
		}
	case *rsa.PublicKey:
		if a.scheme == rsaPSS {
			// RFC 7518, section 3.5: the salt is as long as the hash.
			salt := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			ok = rsa.VerifyPSS(pub, a.hash, digest, signature, salt) == nil
		} else {
			ok = rsa.VerifyPKCS1v15(pub, a.hash, digest, signature) == nil
		}
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

func sum(hash crypto.Hash, data []byte) []byte {
	h := hash.New()
	h.Write(data)
	return h.Sum(nil)
}
