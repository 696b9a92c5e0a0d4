package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cardea-agent/cardea/web/verify"
)

const document = "Prescription: rest."

// sign makes what the agent would of the document.
func (p pair) sign(t testing.TB, algorithm string) verify.Signature {
	t.Helper()
	hash := hashes[algorithm[2:]]
	h := hash.New()
	h.Write([]byte(document))
	digest := h.Sum(nil)
	s := verify.Signature{Certificate: p.cert.Raw, Algorithm: algorithm}
	if key, ok := p.key.(*ecdsa.PrivateKey); ok {
		x, y, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			t.Fatal(err)
		}
		width := (key.Params().BitSize + 7) / 8
		s.Signature = append(x.FillBytes(make([]byte, width)), y.FillBytes(make([]byte, width))...)
		return s
	}
	var opts crypto.SignerOpts = hash
	if strings.HasPrefix(algorithm, "PS") {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	var err error
	if s.Signature, err = p.key.Sign(rand.Reader, digest, opts); err != nil {
		t.Fatal(err)
	}
	return s
}

func forDocuments(c *x509.Certificate) {
	c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageContentCommitment, nil
	c.Subject = pkix.Name{CommonName: "123456789012_ANNA"}
}

func signer(cert *x509.Certificate) (string, error) {
	id, _, found := strings.Cut(cert.Subject.CommonName, "_")
	if !found {
		return "", errors.New("no user id")
	}
	return id, nil
}

func TestADocumentsSignatureSaysWhoSigned(t *testing.T) {
	authority := newCA(t, "Test")
	config := authority.config()
	config.DocumentUserID = signer
	v := newVerifier(t, config)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, key := range map[string]crypto.Signer{
		"ES256": newECKey(t, elliptic.P256()), "ES384": newECKey(t, elliptic.P384()),
		"RS256": rsaKey, "RS512": rsaKey, "PS384": rsaKey,
	} {
		identity, err := v.VerifyDocument(t.Context(), strings.NewReader(document), authority.cardOf(t, key, forDocuments).sign(t, algorithm))
		if err != nil || identity.UserID != "123456789012" || identity.Origin != "" {
			t.Errorf("%s: %+v, %v", algorithm, identity, err)
		}
	}
}

func TestADocumentsSignatureIsRefusedForItsReason(t *testing.T) {
	authority, other := newCA(t, "Test"), newCA(t, "Other")
	policy, err := x509.ParseOID("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		certificate func(*x509.Certificate)
		issuer      *ca
		signature   func(*verify.Signature)
		document    string
		config      func(*verify.Config)
		code        verify.Code
	}{
		"another document": {document: "Prescription: work.", code: verify.CodeSignatureInvalid},
		"another hash":     {signature: func(s *verify.Signature) { s.Algorithm = "ES384" }, code: verify.CodeAlgorithmUnsupported},
		"cut signature":    {signature: func(s *verify.Signature) { s.Signature = s.Signature[1:] }, code: verify.CodeSignatureInvalid},
		"no certificate":   {signature: func(s *verify.Signature) { s.Certificate = nil }, code: verify.CodeTokenMalformed},
		"sign-in's key":    {certificate: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }, code: verify.CodeWrongUsage},
		"other issuer":     {issuer: other, code: verify.CodeCertificateUntrusted},
		"expired":          {certificate: func(c *x509.Certificate) { c.NotAfter = c.NotBefore.AddDate(0, 0, 1) }, code: verify.CodeCertificateExpired},
		"no policy":        {config: func(c *verify.Config) { c.DocumentPolicies = []x509.OID{policy} }, code: verify.CodeWrongPolicy},
		"no user id":       {certificate: func(c *x509.Certificate) { c.Subject.CommonName = "Anna" }, code: verify.CodeUserIDMissing},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := authority
			if c.issuer != nil {
				issuer = c.issuer
			}
			s := issuer.card(t, func(cert *x509.Certificate) {
				forDocuments(cert)
				if c.certificate != nil {
					c.certificate(cert)
				}
			}).sign(t, "ES256")
			if c.signature != nil {
				c.signature(&s)
			}
			config := authority.config()
			config.DocumentUserID = signer
			if c.config != nil {
				c.config(&config)
			}
			text := document
			if c.document != "" {
				text = c.document
			}
			_, err := newVerifier(t, config).VerifyDocument(t.Context(), strings.NewReader(text), s)
			wantCode(t, err, c.code)
		})
	}
	s := authority.card(t, forDocuments).sign(t, "ES256")
	_, err = newVerifier(t, authority.config()).VerifyDocument(t.Context(), iotest.ErrReader(errors.New("disk")), s)
	wantCode(t, err, verify.CodeInternal)
}

func TestADigestsSignatureSaysWhoSignedIt(t *testing.T) {
	authority := newCA(t, "Test")
	config := authority.config()
	config.DocumentUserID = signer
	v := newVerifier(t, config)
	s := authority.card(t, forDocuments).sign(t, "ES256")
	digest := sha256.Sum256([]byte(document))
	identity, err := v.VerifyDigest(t.Context(), digest[:], s)
	if err != nil || identity.UserID != "123456789012" {
		t.Errorf("%+v, %v", identity, err)
	}
	other, long := sha256.Sum256([]byte("another")), sha512.Sum384([]byte(document))
	for name, digest := range map[string][]byte{"another": other[:], "cut": digest[:31], "of another hash": long[:], "none": nil} {
		t.Run(name, func(t *testing.T) {
			_, err := v.VerifyDigest(t.Context(), digest, s)
			wantCode(t, err, verify.CodeSignatureInvalid)
		})
	}
	s = authority.card(t, func(c *x509.Certificate) {
		forDocuments(c)
		c.KeyUsage = x509.KeyUsageDigitalSignature
	}).sign(t, "ES256")
	_, err = v.VerifyDigest(t.Context(), digest[:], s)
	wantCode(t, err, verify.CodeWrongUsage)
}

func TestASignerIsCheckedBeforeAnythingIsSigned(t *testing.T) {
	authority := newCA(t, "Test")
	config := authority.config()
	config.DocumentUserID = signer
	v := newVerifier(t, config)
	identity, err := v.CheckSigner(t.Context(), authority.card(t, forDocuments).cert.Raw)
	if err != nil || identity.UserID != "123456789012" {
		t.Errorf("%+v, %v", identity, err)
	}
	_, err = v.CheckSigner(t.Context(), newCA(t, "Other").card(t, forDocuments).cert.Raw)
	wantCode(t, err, verify.CodeCertificateUntrusted)
	_, err = v.CheckSigner(t.Context(), authority.card(t, nil).cert.Raw)
	wantCode(t, err, verify.CodeWrongUsage)
	_, err = v.CheckSigner(t.Context(), nil)
	wantCode(t, err, verify.CodeTokenMalformed)
}
