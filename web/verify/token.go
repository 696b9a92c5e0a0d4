package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms below
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
)

// MaxTokenSize is the longest token that is looked at, in bytes. One with a
// certificate of 4096 bits is a fifth of it.
const MaxTokenSize = 32 << 10

// The limits of RSA moduli: NIST SP 800-131A below, the server's time above.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// Minor versions add fields and change nothing that was there (Web eID system
// architecture, "Authentication token specification").
var formats = regexp.MustCompile(`^web-eid:1(\.[0-9]{1,3})?$`)

// wireToken is the token's JSON. Members with other names are ignored: minor
// versions of the format add some, and nothing here depends on them. appVersion
// is the page's word and is not used.
type wireToken struct {
	UnverifiedCertificate string `json:"unverifiedCertificate"`
	Algorithm             string `json:"algorithm"`
	Signature             string `json:"signature"`
	Format                string `json:"format"`
	AppVersion            string `json:"appVersion"`
}

// parsedToken is a token of the right form, with nothing about it verified.
type parsedToken struct {
	certificate *x509.Certificate
	algorithm   string
	signature   []byte
}

// parseToken is strict where two readers could differ: names are
// case-sensitive, duplicate names, trailing data and invalid UTF-8 refused.
func parseToken(text []byte) (parsedToken, error) {
	if len(text) > MaxTokenSize {
		return parsedToken{}, refuseText(CodeTokenMalformed, "the token is too long")
	}
	var wire wireToken
	if err := json.Unmarshal(text, &wire); err != nil {
		return parsedToken{}, refuse(CodeTokenMalformed, err)
	}
	if !formats.MatchString(wire.Format) {
		return parsedToken{}, refuse(CodeFormatUnsupported, fmt.Errorf("format %.40q", wire.Format))
	}
	der, err := decode(wire.UnverifiedCertificate)
	if err != nil {
		return parsedToken{}, refuse(CodeTokenMalformed, fmt.Errorf("unverifiedCertificate: %w", err))
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return parsedToken{}, refuse(CodeTokenMalformed, fmt.Errorf("unverifiedCertificate: %w", err))
	}
	signature, err := decode(wire.Signature)
	if err != nil {
		return parsedToken{}, refuse(CodeTokenMalformed, fmt.Errorf("signature: %w", err))
	}
	return parsedToken{certificate: cert, algorithm: wire.Algorithm, signature: signature}, nil
}

// decode is strict base64: encoding/base64 would skip line breaks.
func decode(text string) ([]byte, error) {
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return nil, base64.CorruptInputError(0)
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

// algorithm is one JWA name (RFC 7518, section 3.1). It belongs to one curve, or
// to RSA with one padding.
type algorithm struct {
	hash  crypto.Hash
	curve elliptic.Curve // nil for RSA
	pss   bool
}

var algorithms = map[string]algorithm{
	"ES256": {hash: crypto.SHA256, curve: elliptic.P256()},
	"ES384": {hash: crypto.SHA384, curve: elliptic.P384()},
	"ES512": {hash: crypto.SHA512, curve: elliptic.P521()},
	"RS256": {hash: crypto.SHA256},
	"RS384": {hash: crypto.SHA384},
	"RS512": {hash: crypto.SHA512},
	"PS256": {hash: crypto.SHA256, pss: true},
	"PS384": {hash: crypto.SHA384, pss: true},
	"PS512": {hash: crypto.SHA512, pss: true},
}

// checkedAlgorithm returns the token's algorithm when it belongs to its key.
func (t parsedToken) checkedAlgorithm() (algorithm, error) {
	alg, ok := algorithms[t.algorithm]
	if !ok {
		return alg, refuse(CodeAlgorithmUnsupported, fmt.Errorf("algorithm %.40q", t.algorithm))
	}
	fits := false
	switch pub := t.certificate.PublicKey.(type) {
	case *ecdsa.PublicKey:
		fits = alg.curve != nil && alg.curve == pub.Curve
	case *rsa.PublicKey:
		bits := pub.N.BitLen()
		fits = alg.curve == nil && minRSABits <= bits && bits <= maxRSABits
	}
	if !fits {
		return alg, refuse(CodeAlgorithmUnsupported, fmt.Errorf("%s does not belong to the certificate's key", t.algorithm))
	}
	return alg, nil
}

// verify reports whether the token's key signed nonce for origin: a signature
// over H(origin) || H(nonce).
func (t parsedToken) verify(alg algorithm, origin, nonce string) bool {
	h := alg.hash.New()
	hashed := func(parts ...[]byte) []byte {
		h.Reset()
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	return t.verifyDigest(alg, hashed(hashed([]byte(origin)), hashed([]byte(nonce))))
}

// verifyDigest reports whether the token's key signed digest.
func (t parsedToken) verifyDigest(alg algorithm, digest []byte) bool {
	switch pub := t.certificate.PublicKey.(type) {
	case *ecdsa.PublicKey:
		// r || s, each as wide as the order (RFC 7518, section 3.4).
		width := (pub.Params().N.BitLen() + 7) / 8
		if len(t.signature) != 2*width {
			return false
		}
		r := new(big.Int).SetBytes(t.signature[:width])
		s := new(big.Int).SetBytes(t.signature[width:])
		return ecdsa.Verify(pub, digest, r, s)
	case *rsa.PublicKey:
		if alg.pss {
			salt := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return rsa.VerifyPSS(pub, alg.hash, digest, t.signature, salt) == nil
		}
		return rsa.VerifyPKCS1v15(pub, alg.hash, digest, t.signature) == nil
	}
	return false
}
