package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

const maxOCSPResponse = 64 << 10

// ocspAnswer is a verified status: ocsp.Good, ocsp.Revoked or ocsp.Unknown.
type ocspAnswer struct {
	status    int
	revokedAt time.Time
}

// askOCSP asks one responder by POST (RFC 6960, appendix A.1). No nonce is sent:
// the large responders ignore it, and freshness is bounded by nextUpdate.
func (c *checker) askOCSP(url string) source {
	return func(ctx context.Context, cert, issuer *x509.Certificate) error {
		sum := sha256.Sum256(cert.Raw)
		answer, err := c.ocsp.get(ctx, url+"\x00"+string(sum[:]), func(ctx context.Context) (ocspAnswer, time.Time, error) {
			return c.fetchOCSP(ctx, url, cert, issuer)
		})
		switch {
		case err != nil:
			return fmt.Errorf("OCSP: %w", err)
		case answer.status == ocsp.Good:
			return nil
		case answer.status == ocsp.Revoked:
			return fmt.Errorf("%w at %v", errRevoked, answer.revokedAt)
		}
		return errNotIssued
	}
}

func (c *checker) fetchOCSP(ctx context.Context, url string, cert, issuer *x509.Certificate) (ocspAnswer, time.Time, error) {
	question, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		return ocspAnswer{}, time.Time{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(question))
	if err != nil {
		return ocspAnswer{}, time.Time{}, err
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	req.Header.Set("Accept", "application/ocsp-response")
	body, err := fetch(c.client, req, maxOCSPResponse)
	if err != nil {
		return ocspAnswer{}, time.Time{}, err
	}
	now := c.clock()
	// No issuer is passed: the package would refuse a response that carries the
	// issuer's own certificate. checkResponder does all of it.
	resp, err := ocsp.ParseResponseForCert(body, cert, nil)
	if err != nil {
		return ocspAnswer{}, time.Time{}, err
	}
	if err := checkResponder(resp, issuer, now); err != nil {
		return ocspAnswer{}, time.Time{}, err
	}
	if err := checkCertID(resp, cert, issuer); err != nil {
		return ocspAnswer{}, time.Time{}, err
	}
	until, err := fresh(now, resp.ThisUpdate, resp.NextUpdate)
	return ocspAnswer{resp.Status, resp.RevokedAt}, until, err
}

// checkResponder checks who signed the response (RFC 6960, section 4.2.2.2): the
// issuer itself, or a responder to whom the issuer gave a certificate for that.
// Revocation of the responder is not looked up.
func checkResponder(resp *ocsp.Response, issuer *x509.Certificate, now time.Time) error {
	responder := resp.Certificate
	if responder == nil || responder.Equal(issuer) {
		return resp.CheckSignatureFrom(issuer)
	}
	// The package has done this already, as it documents; it costs little.
	if err := resp.CheckSignatureFrom(responder); err != nil {
		return err
	}
	if err := responder.CheckSignatureFrom(issuer); err != nil {
		return fmt.Errorf("the responder's certificate is not by the issuer: %w", err)
	}
	if !slices.Contains(responder.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return errors.New("the responder's certificate has no extended usage OCSPSigning")
	}
	if now.Before(responder.NotBefore) || now.After(responder.NotAfter) {
		return errors.New("the responder's certificate is not valid now")
	}
	if len(responder.UnhandledCriticalExtensions) > 0 {
		return errors.New("the responder's certificate has an unknown critical extension")
	}
	return nil
}

// checkCertID checks that the response is about a certificate of this issuer.
// golang.org/x/crypto/ocsp compares the serial number alone.
func checkCertID(resp *ocsp.Response, cert, issuer *x509.Certificate) error {
	encoded, err := ocsp.CreateRequest(cert, issuer, &ocsp.RequestOptions{Hash: resp.IssuerHash})
	if err != nil {
		return err
	}
	want, err := ocsp.ParseRequest(encoded)
	if err != nil {
		return err
	}
	// ResponseData and SingleResponse as far as they are needed (RFC 6960,
	// section 4.2.1): encoding/asn1 lets a sequence have more.
	var data struct {
		Version     int `asn1:"optional,default:0,explicit,tag:0"`
		ResponderID asn1.RawValue
		ProducedAt  time.Time `asn1:"generalized"`
		Responses   []struct {
			CertID struct {
				HashAlgorithm pkix.AlgorithmIdentifier
				NameHash      []byte
				KeyHash       []byte
				SerialNumber  *big.Int
			}
		}
	}
	if _, err := asn1.Unmarshal(resp.TBSResponseData, &data); err != nil {
		return err
	}
	for _, single := range data.Responses {
		if id := single.CertID; id.SerialNumber.Cmp(cert.SerialNumber) == 0 {
			// The package used the first with this serial number.
			if bytes.Equal(id.NameHash, want.IssuerNameHash) && bytes.Equal(id.KeyHash, want.IssuerKeyHash) {
				return nil
			}
			break
		}
	}
	return errors.New("the response is about a certificate of another issuer")
}
