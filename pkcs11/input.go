package pkcs11

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // crypto.SHA256
	_ "crypto/sha512" // crypto.SHA384, crypto.SHA512
	"crypto/x509"
	"fmt"
	"slices"
)

// digestInfo is what stands before a digest in PKCS #1 v1.5: the hash's name in
// DER (RFC 8017, 9.2, note 1). It is also the list of hashes that can be used.
var digestInfo = map[crypto.Hash]string{
	crypto.SHA256: "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
	crypto.SHA384: "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
	crypto.SHA512: "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
}

// mechanismsFor are those that fit a public key.
func mechanismsFor(public crypto.PublicKey) []Mechanism {
	switch public.(type) {
	case *rsa.PublicKey:
		return []Mechanism{RSAPKCS1, RSAPSS}
	case *ecdsa.PublicKey:
		return []Mechanism{ECDSA}
	}
	return nil
}

// Check refuses a request that no token could fulfil, so that no token is asked.
// What it returns names the fault and is no *Error.
func (r Batch) Check() error {
	_, err := r.prepare()
	return err
}

// prepared is what has to be known of a request before a token is asked.
type prepared struct {
	inputs [][]byte // what the mechanism is applied to
	size   int      // of each signature
	public crypto.PublicKey
}

func (r Batch) prepare() (prepared, error) {
	p := prepared{}
	if trim(r.Reader) == "" {
		return p, fmt.Errorf("pkcs11: no reader is named")
	}
	certificate, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return p, fmt.Errorf("pkcs11: the certificate: %w", err)
	}
	p.public = certificate.PublicKey
	if !slices.Contains(mechanismsFor(p.public), r.Mechanism) {
		return p, fmt.Errorf("pkcs11: %q does not fit a key of type %T", r.Mechanism, p.public)
	}
	if _, known := digestInfo[r.Hash]; !known {
		return p, fmt.Errorf("pkcs11: the hash %v is not supported", r.Hash)
	}
	if len(r.Digests) == 0 {
		return p, fmt.Errorf("pkcs11: there is nothing to sign")
	}
	for i, digest := range r.Digests {
		if len(digest) != r.Hash.Size() {
			return p, fmt.Errorf("pkcs11: digest %d has %d bytes, %v has %d", i, len(digest), r.Hash, r.Hash.Size())
		}
	}
	switch key := p.public.(type) {
	case *rsa.PublicKey:
		p.size = key.Size()
	case *ecdsa.PublicKey:
		p.size = 2 * ((key.Curve.Params().BitSize + 7) / 8)
	}
	for _, digest := range r.Digests {
		p.inputs = append(p.inputs, r.input(digest, p.size))
	}
	return p, nil
}

// input is what a token is given for a digest.
func (r Batch) input(digest []byte, signatureSize int) []byte {
	switch r.Mechanism {
	case RSAPKCS1:
		return append([]byte(digestInfo[r.Hash]), digest...)
	case ECDSA:
		// The leftmost bits of a digest that is longer than the key (FIPS 186-5,
		// 6.4.1). Modules should do it; some refuse instead.
		return digest[:min(len(digest), signatureSize/2)]
	}
	return digest
}
