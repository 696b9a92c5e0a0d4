package verify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
)

// Signature is one that a person made of a document, as the client library's
// sign returns it, with its base64 undone.
type Signature struct {
	Certificate []byte // DER
	Algorithm   string // JWA name
	Signature   []byte // ECDSA as r||s
}

// VerifyDocument checks the binding signature of a document and returns who made
// it. The document is read to its end; what the page had signed must be its hash
// by the algorithm's hash function.
//
// The signing certificate must be meant for binding signatures (key usage
// nonRepudiation), be of a configured root, valid now, and not revoked. A site
// that keeps signatures for years puts them into a format with a timestamp, such
// as PAdES or CAdES, which this is not.
//
// Every error is a *Error; one of reading the document is CodeInternal.
func (v *Verifier) VerifyDocument(ctx context.Context, document io.Reader, s Signature) (Identity, error) {
	cert, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return Identity{}, refuse(CodeTokenMalformed, err)
	}
	signed := parsedToken{certificate: cert, algorithm: s.Algorithm, signature: s.Signature}
	alg, err := signed.checkedAlgorithm()
	if err != nil {
		return Identity{}, err
	}
	h := alg.hash.New()
	if _, err := io.Copy(h, document); err != nil {
		return Identity{}, refuse(CodeInternal, fmt.Errorf("reading the document: %w", err))
	}
	if !signed.verifyDigest(alg, h.Sum(nil)) {
		return Identity{}, refuse(CodeSignatureInvalid, nil)
	}
	issuer, err := v.checkTrust(cert, v.clock(), x509.ExtKeyUsageAny)
	if err != nil {
		return Identity{}, err
	}
	switch {
	case cert.IsCA:
		err = errors.New("the certificate is an authority's")
	case cert.KeyUsage&x509.KeyUsageContentCommitment == 0:
		err = errors.New("no key usage nonRepudiation")
	}
	if err != nil {
		return Identity{}, refuse(CodeWrongUsage, err)
	}
	if err := checkPolicies(cert, v.config.DocumentPolicies); err != nil {
		return Identity{}, err
	}
	identity, err := v.identify(cert, v.config.DocumentUserID)
	if err != nil {
		return Identity{}, err
	}
	identity.Revocation, err = v.revocation.check(ctx, cert, issuer)
	if err != nil {
		return Identity{}, err
	}
	return identity, nil
}
