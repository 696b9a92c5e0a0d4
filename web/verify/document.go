package verify

import (
	"context"
	"crypto"
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
	return v.verifySignature(ctx, s, func(hash crypto.Hash) ([]byte, error) {
		h := hash.New()
		if _, err := io.Copy(h, document); err != nil {
			return nil, refuse(CodeInternal, fmt.Errorf("reading the document: %w", err))
		}
		return h.Sum(nil), nil
	})
}

// VerifyDigest is VerifyDocument for a document that never left the person's
// computer: digest is its hash by the algorithm's hash function, in the page's
// word. It says who signed this digest, and nothing of what the document is.
func (v *Verifier) VerifyDigest(ctx context.Context, digest []byte, s Signature) (Identity, error) {
	return v.verifySignature(ctx, s, func(hash crypto.Hash) ([]byte, error) {
		if len(digest) != hash.Size() {
			return nil, refuse(CodeSignatureInvalid, fmt.Errorf("a digest of %d bytes, %v has %d", len(digest), hash, hash.Size()))
		}
		return digest, nil
	})
}

func (v *Verifier) verifySignature(ctx context.Context, s Signature, digestBy func(crypto.Hash) ([]byte, error)) (Identity, error) {
	cert, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return Identity{}, refuse(CodeTokenMalformed, err)
	}
	signed := parsedToken{certificate: cert, algorithm: s.Algorithm, signature: s.Signature}
	alg, err := signed.checkedAlgorithm()
	if err != nil {
		return Identity{}, err
	}
	digest, err := digestBy(alg.hash)
	if err != nil {
		return Identity{}, err
	}
	if !signed.verifyDigest(alg, digest) {
		return Identity{}, refuse(CodeSignatureInvalid, nil)
	}
	return v.signer(ctx, cert)
}

// CheckSigner says whose signing certificate (DER) this is, and refuses one whose
// signatures VerifyDocument would refuse: to be asked before a person types a
// PIN in vain. It says nothing about who is there.
func (v *Verifier) CheckSigner(ctx context.Context, certificate []byte) (Identity, error) {
	cert, err := x509.ParseCertificate(certificate)
	if err != nil {
		return Identity{}, refuse(CodeTokenMalformed, err)
	}
	return v.signer(ctx, cert)
}

// signer is who holds a certificate that has made a signature.
func (v *Verifier) signer(ctx context.Context, cert *x509.Certificate) (Identity, error) {
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
