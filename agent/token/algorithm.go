package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms below
	_ "crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
)

// MinRSABits is the shortest RSA modulus that signs people in. Cards with
// 1024 bits are still in use for tests; NIST SP 800-131A disallows them.
const MinRSABits = 2048

// ErrAlgorithm is the cause of every refusal of an algorithm: its name is
// unknown, or it does not belong to the certificate's key.
var ErrAlgorithm = errors.New("token: the algorithm does not fit the key")

// KeyError says that no algorithm exists for a certificate's public key.
type KeyError struct {
	Kind string // of the public key, such as RSA, P-224 or Ed25519
	Bits int    // of an RSA modulus, else 0
}

// Error names the key's kind and, for RSA, its length.
func (e *KeyError) Error() string {
	if e.Bits != 0 {
		return fmt.Sprintf("token: %s keys of %d bits cannot sign in, %d are the least", e.Kind, e.Bits, MinRSABits)
	}
	return fmt.Sprintf("token: %s keys cannot sign in", e.Kind)
}

type scheme int

const (
	ecdsaRaw scheme = iota
	rsaPKCS1
	rsaPSS
)

// algorithm is one JWA name (RFC 7518, section 3.1).
type algorithm struct {
	hash   crypto.Hash
	scheme scheme
	curve  elliptic.Curve // with ecdsaRaw: JWA binds each to one curve
}

var algorithms = map[string]algorithm{
	"ES256": {crypto.SHA256, ecdsaRaw, elliptic.P256()},
	"ES384": {crypto.SHA384, ecdsaRaw, elliptic.P384()},
	"ES512": {crypto.SHA512, ecdsaRaw, elliptic.P521()},
	"RS256": {crypto.SHA256, rsaPKCS1, nil},
	"RS384": {crypto.SHA384, rsaPKCS1, nil},
	"RS512": {crypto.SHA512, rsaPKCS1, nil},
	"PS256": {crypto.SHA256, rsaPSS, nil},
	"PS384": {crypto.SHA384, rsaPSS, nil},
	"PS512": {crypto.SHA512, rsaPSS, nil},
}

// AlgorithmFor chooses the JWA algorithm for a certificate's key: the one that
// belongs to its curve, or RS256, which every RSA card can do. The error is a
// *KeyError.
func AlgorithmFor(cert *x509.Certificate) (string, error) {
	switch pub := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		for _, name := range []string{"ES256", "ES384", "ES512"} {
			if algorithms[name].curve == pub.Curve {
				return name, nil
			}
		}
		return "", &KeyError{Kind: pub.Params().Name}
	case *rsa.PublicKey:
		if bits := pub.N.BitLen(); bits < MinRSABits {
			return "", &KeyError{Kind: "RSA", Bits: bits}
		}
		return "RS256", nil
	}
	return "", &KeyError{Kind: cert.PublicKeyAlgorithm.String()}
}

// lookUp returns the named algorithm when it belongs to the certificate's key.
func lookUp(name string, cert *x509.Certificate) (algorithm, error) {
	alg, ok := algorithms[name]
	if !ok {
		return algorithm{}, fmt.Errorf("%w: unknown algorithm %q", ErrAlgorithm, name)
	}
	if cert == nil {
		return algorithm{}, fmt.Errorf("%w: the key has no certificate", ErrAlgorithm)
	}
	natural, err := AlgorithmFor(cert)
	if err != nil {
		return algorithm{}, fmt.Errorf("%w: %w", ErrAlgorithm, err)
	}
	if natural != name && (alg.scheme == ecdsaRaw || algorithms[natural].scheme == ecdsaRaw) {
		return algorithm{}, fmt.Errorf("%w: %s for a key of %s", ErrAlgorithm, name, natural)
	}
	return alg, nil
}
