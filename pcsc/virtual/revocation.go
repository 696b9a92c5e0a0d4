package virtual

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"golang.org/x/crypto/ocsp"
)

// revocation is when a certificate was revoked, by its serial number.
type revocation struct {
	serial *big.Int
	at     time.Time
}

// answerLife is how long a CRL or an OCSP answer stays current.
const answerLife = time.Hour

// Revoke puts a certificate on the list, from now on.
func (ca *CA) Revoke(certificate *x509.Certificate) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.revoked[certificate.SerialNumber.String()] = revocation{certificate.SerialNumber, time.Now()}
}

// CRL returns the certificate revocation list as of now, in DER (RFC 5280).
func (ca *CA) CRL() []byte {
	now := time.Now()
	list := &x509.RevocationList{Number: big.NewInt(now.UnixNano()), ThisUpdate: now, NextUpdate: now.Add(answerLife)}
	ca.mu.Lock()
	for _, r := range ca.revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: r.serial, RevocationTime: r.at})
	}
	ca.mu.Unlock()
	der, err := x509.CreateRevocationList(rand.Reader, list, ca.Certificate, ca.key)
	if err != nil {
		panic(fmt.Sprintf("virtual: CRL: %v", err))
	}
	return der
}

// CRLHandler serves the list over HTTP.
func (ca *CA) CRLHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/pkix-crl")
		_, _ = w.Write(ca.CRL()) // a client that has gone needs no list
	})
}

// OCSPHandler answers OCSP requests by POST (RFC 6960, appendix A.1): good,
// revoked, or unknown for a certificate that this authority never issued. The
// authority signs the answers itself.
func (ca *CA) OCSPHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/ocsp-response")
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
		if err != nil {
			return
		}
		_, _ = w.Write(ca.OCSP(body)) // a client that has gone needs no answer
	})
}

// OCSP answers one OCSP request, both in DER.
func (ca *CA) OCSP(request []byte) []byte {
	asked, err := ocsp.ParseRequest(request)
	if err != nil {
		return ocsp.MalformedRequestErrorResponse
	}
	now := time.Now()
	answer := ocsp.Response{
		Status:       ocsp.Unknown,
		SerialNumber: asked.SerialNumber,
		IssuerHash:   asked.HashAlgorithm,
		ThisUpdate:   now,
	}
	if !ca.Momentary {
		answer.NextUpdate = now.Add(answerLife)
	}
	ca.mu.Lock()
	if ca.isIssuer(asked) && asked.SerialNumber.IsInt64() && asked.SerialNumber.Int64() > 0 && asked.SerialNumber.Int64() <= ca.serial {
		answer.Status = ocsp.Good
		if r, ok := ca.revoked[asked.SerialNumber.String()]; ok {
			answer.Status, answer.RevokedAt = ocsp.Revoked, r.at
		}
	}
	ca.mu.Unlock()
	der, err := ocsp.CreateResponse(ca.Certificate, ca.Certificate, answer, ca.key)
	if err != nil {
		return ocsp.InternalErrorErrorResponse
	}
	return der
}

// isIssuer says whether a request is about this authority: serial numbers of two
// authorities may be alike (RFC 6960, 4.1.1, issuerKeyHash).
func (ca *CA) isIssuer(asked *ocsp.Request) bool {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(ca.Certificate.RawSubjectPublicKeyInfo, &info); err != nil || !asked.HashAlgorithm.Available() {
		return false
	}
	hash := asked.HashAlgorithm.New()
	hash.Write(info.PublicKey.Bytes)
	return bytes.Equal(hash.Sum(nil), asked.IssuerKeyHash)
}
