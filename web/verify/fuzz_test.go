package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// What a revocation service answers is foreign too: none of it panics, and none
// of it, unsigned as the fuzzer's words are, is taken for the issuer's.
func FuzzForgedRevocationAnswersAreRefused(f *testing.F) {
	now := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	newIssuer := func() (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Cards"}, NotBefore: now, NotAfter: now.AddDate(1, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign | x509.KeyUsageCertSign, SubjectKeyId: []byte{1},
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			f.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			f.Fatal(err)
		}
		return cert, key
	}
	issuer, _ := newIssuer()
	forger, key := newIssuer() // of the same name and another key
	update := now.Add(time.Hour)
	answer, err := ocsp.CreateResponse(forger, forger, ocsp.Response{SerialNumber: issuer.SerialNumber, ThisUpdate: now, NextUpdate: update}, key)
	if err != nil {
		f.Fatal(err)
	}
	scope, err := asn1.Marshal(issuingDistributionPoint{OnlyContainsUserCerts: true})
	if err != nil {
		f.Fatal(err)
	}
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: now, NextUpdate: update,
		ExtraExtensions: []pkix.Extension{{Id: oidIssuingDistributionPoint, Critical: true, Value: scope}},
	}, forger, key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(answer)
	f.Add(list)
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, der []byte) {
		if resp, err := ocsp.ParseResponseForCert(der, issuer, nil); err == nil {
			_ = checkCertID(resp, issuer, issuer)
			if checkResponder(resp, issuer, now) == nil {
				t.Fatalf("response %x", der)
			}
		}
		if list, _, err := parseCRL(der, now); err == nil && list.covers(issuer, issuer) == nil {
			t.Fatalf("list %x", der)
		}
	})
}
