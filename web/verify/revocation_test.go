package verify_test

import (
	"context"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/cardea-agent/cardea/web/verify"
)

// authority is a CA with an OCSP responder and a CRL server on loopback. Each
// test says how they behave.
type authority struct {
	*ca
	url            string
	respond        func(template ocsp.Response) []byte // nil: 503
	list           func() []byte                       // nil: 503
	ocspAsked      atomic.Int32
	listAsked      atomic.Int32
	redirectTarget string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{ca: newCA(t, "Trust")}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ocsp", func(w http.ResponseWriter, r *http.Request) {
		a.ocspAsked.Add(1)
		body, _ := io.ReadAll(r.Body)
		req, err := ocsp.ParseRequest(body)
		if err != nil || r.Header.Get("Content-Type") != "application/ocsp-request" {
			t.Errorf("request %x, %q: %v", body, r.Header.Get("Content-Type"), err)
			return
		}
		if a.redirectTarget != "" {
			http.Redirect(w, r, a.redirectTarget, http.StatusTemporaryRedirect)
			return
		}
		if a.respond == nil {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(a.respond(ocsp.Response{
			Status: ocsp.Good, SerialNumber: req.SerialNumber,
			ThisUpdate: a.clock.Now().Add(-time.Minute), NextUpdate: a.clock.Now().Add(24 * time.Hour),
		}))
	})
	mux.HandleFunc("GET /list.crl", func(w http.ResponseWriter, _ *http.Request) {
		a.listAsked.Add(1)
		if a.list == nil {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(a.list())
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// named is a card whose certificate names the authority's services.
func (a *authority) named(t *testing.T) pair {
	return a.card(t, func(c *x509.Certificate) {
		c.OCSPServer = []string{"ldap://unused.example", a.url + "/ocsp"}
		c.CRLDistributionPoints = []string{"ldap://unused.example", a.url + "/list.crl"}
	})
}

func (a *authority) with(t *testing.T, r verify.Revocation) *verify.Verifier {
	config := a.config()
	config.Revocation = r
	return newVerifier(t, config)
}

// signedBy signs the template with the responder's key. embed is the certificate
// that goes along, if any.
func (a *authority) signedBy(t *testing.T, responder pair, embed *x509.Certificate, template ocsp.Response) []byte {
	template.Certificate = embed
	der, err := ocsp.CreateResponse(a.issuing.cert, responder.cert, template, responder.key)
	if err != nil {
		t.Error(err)
	}
	return der
}

// responder is a key that the issuer lets answer for it, changed by change.
func (a *authority) responder(t *testing.T, issuer *pair, change func(*x509.Certificate)) pair {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Responder"}, NotBefore: a.clock.Now().Add(-time.Hour), NotAfter: a.clock.Now().AddDate(0, 1, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
	}
	if change != nil {
		change(template)
	}
	return certify(t, template, newECKey(t, elliptic.P256()), issuer)
}

// outcome is what one source's answer leads to. An empty code means accepted.
type outcome struct {
	hard, soft verify.Code
	status     verify.RevocationStatus // when accepted softly
}

var (
	good      = outcome{status: verify.RevocationGood}
	revoked   = outcome{hard: verify.CodeCertificateRevoked, soft: verify.CodeCertificateRevoked}
	notIssued = outcome{hard: verify.CodeRevocationUnknown, soft: verify.CodeRevocationUnknown}
	silence   = outcome{hard: verify.CodeRevocationUnknown, status: verify.RevocationUnknown}
)

// check signs in with both modes and compares.
func (a *authority) check(t *testing.T, r verify.Revocation, card pair, want outcome) {
	t.Helper()
	for mode, code := range map[verify.RevocationMode]verify.Code{verify.RevocationHardFail: want.hard, verify.RevocationSoftFail: want.soft} {
		r.Mode = mode
		got, err := signIn(t, a.with(t, r), card)
		switch {
		case code != "":
			wantCode(t, err, code)
			if got.Certificate != nil {
				t.Errorf("%s: an identity came with the error: %+v", mode, got)
			}
		case err != nil || got.Revocation != want.status:
			t.Errorf("%s: status %q, %v, want %q", mode, got.Revocation, err, want.status)
		}
	}
}

func TestAListAnswersWhereTheResponderCannot(t *testing.T) {
	a := newAuthority(t)
	card := a.named(t)
	a.list = func() []byte { return a.makeList(t, a.issuing, nil, card.cert.SerialNumber) }
	both := verify.Revocation{OCSP: true, CRLFromCertificate: true}
	a.check(t, both, card, revoked)
	a.check(t, both, a.named(t), good)
	// A good answer of the responder needs no list.
	before := a.listAsked.Load()
	a.respond = func(r ocsp.Response) []byte { return a.signedBy(t, a.issuing, nil, r) }
	a.check(t, both, card, good)
	if a.listAsked.Load() != before {
		t.Error("the list was fetched all the same")
	}
}

func TestOneOfSeveralListsIsTheIssuers(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	card := a.named(t)
	other.list = func() []byte { return other.makeList(t, other.root, nil) }
	a.list = func() []byte { return a.makeList(t, a.issuing, nil, card.cert.SerialNumber) }
	lists := []string{other.url + "/list.crl", a.url + "/list.crl"}
	a.check(t, verify.Revocation{CRLs: lists}, card, revoked)
	a.check(t, verify.Revocation{CRLs: lists}, a.named(t), good)
}

func TestAListIsFetchedOnceForAll(t *testing.T) {
	a := newAuthority(t)
	a.list = func() []byte { return a.makeList(t, a.issuing, nil) }
	v := a.with(t, verify.Revocation{Mode: verify.RevocationHardFail, CRLFromCertificate: true})
	for range 3 {
		if _, err := signIn(t, v, a.named(t)); err != nil {
			t.Fatal(err)
		}
	}
	if a.listAsked.Load() != 1 {
		t.Errorf("fetched %d times", a.listAsked.Load())
	}
}

func TestGivingUpIsNoReasonToAccept(t *testing.T) {
	a := newAuthority(t)
	ctx, cancel := context.WithCancel(t.Context())
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel() // the person's browser went away while the responder was thinking
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hanging.Close()
	v := a.with(t, verify.Revocation{Mode: verify.RevocationSoftFail, OCSP: true, OCSPURL: hanging.URL})
	_, err := v.Verify(ctx, session, a.named(t).token(t, "ES256", origin, challenge(t, v)))
	wantCode(t, err, verify.CodeInternal)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not the context's error", err)
	}
}

func TestCallersAtOnceShareOneFetch(t *testing.T) {
	a := newAuthority(t)
	a.list = func() []byte { return a.makeList(t, a.issuing, nil) }
	config := a.config()
	config.Revocation = verify.Revocation{Mode: verify.RevocationHardFail, CRLFromCertificate: true}
	v := newVerifier(t, config)
	card := a.named(t)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			key := fmt.Sprint(session, i)
			nonce, err := v.Challenge(t.Context(), key)
			if err == nil {
				_, err = v.Verify(t.Context(), key, card.token(t, "ES256", origin, nonce))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if a.listAsked.Load() != 1 {
		t.Errorf("fetched %d times", a.listAsked.Load())
	}
}
