package verify_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/cardea-agent/cardea/web/verify"
)

func TestAnOCSPAnswerDecides(t *testing.T) {
	type answer = func(*testing.T, *authority) func(ocsp.Response) []byte
	byIssuer := func(change func(*authority, *ocsp.Response)) answer {
		return func(t *testing.T, a *authority) func(ocsp.Response) []byte {
			return func(r ocsp.Response) []byte {
				change(a, &r)
				return a.signedBy(t, a.issuing, nil, r)
			}
		}
	}
	delegated := func(byIssuing bool, change func(*authority, *x509.Certificate)) answer {
		return func(t *testing.T, a *authority) func(ocsp.Response) []byte {
			issuer := &a.root
			if byIssuing {
				issuer = &a.issuing
			}
			responder := a.responder(t, issuer, func(c *x509.Certificate) { change(a, c) })
			return func(r ocsp.Response) []byte { return a.signedBy(t, responder, responder.cert, r) }
		}
	}
	raw := func(body []byte) answer {
		return func(*testing.T, *authority) func(ocsp.Response) []byte {
			return func(ocsp.Response) []byte { return body }
		}
	}
	for name, test := range map[string]struct {
		answer answer
		want   outcome
	}{
		"good":                      {byIssuer(func(*authority, *ocsp.Response) {}), good},
		"revoked":                   {byIssuer(func(a *authority, r *ocsp.Response) { r.Status, r.RevokedAt = ocsp.Revoked, a.clock.Now() }), revoked},
		"unknown":                   {byIssuer(func(_ *authority, r *ocsp.Response) { r.Status = ocsp.Unknown }), notIssued},
		"stale":                     {byIssuer(func(a *authority, r *ocsp.Response) { r.NextUpdate = a.clock.Now() }), silence},
		"of the future":             {byIssuer(func(a *authority, r *ocsp.Response) { r.ThisUpdate = a.clock.Now().Add(time.Hour) }), silence},
		"of a clock a little ahead": {byIssuer(func(a *authority, r *ocsp.Response) { r.ThisUpdate = a.clock.Now().Add(time.Minute) }), good},
		"of this moment":            {byIssuer(func(_ *authority, r *ocsp.Response) { r.NextUpdate = time.Time{} }), good},
		"old without nextUpdate": {byIssuer(func(a *authority, r *ocsp.Response) {
			r.NextUpdate, r.ThisUpdate = time.Time{}, a.clock.Now().Add(-2*time.Hour)
		}), silence},
		"of another certificate": {byIssuer(func(_ *authority, r *ocsp.Response) { r.SerialNumber = big.NewInt(1) }), silence},
		"with the issuer's certificate": {func(t *testing.T, a *authority) func(ocsp.Response) []byte {
			return func(r ocsp.Response) []byte { return a.signedBy(t, a.issuing, a.issuing.cert, r) }
		}, good},
		"of another issuer's certificate": {func(t *testing.T, a *authority) func(ocsp.Response) []byte {
			return func(r ocsp.Response) []byte {
				der, err := ocsp.CreateResponse(a.root.cert, a.issuing.cert, r, a.issuing.key)
				if err != nil {
					t.Error(err)
				}
				return der
			}
		}, silence},
		"by a responder of the issuer": {delegated(true, func(*authority, *x509.Certificate) {}), good},
		"by a responder of the root":   {delegated(false, func(*authority, *x509.Certificate) {}), silence},
		"by another card": {delegated(true, func(_ *authority, c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), silence},
		"by an expired responder": {delegated(true, func(a *authority, c *x509.Certificate) { c.NotAfter = a.clock.Now().Add(-time.Minute) }), silence},
		"by a responder with an unknown limit": {delegated(true, func(_ *authority, c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 9}, Critical: true, Value: []byte{5, 0}}}
		}), silence},
		"by nobody's key": {func(t *testing.T, a *authority) func(ocsp.Response) []byte {
			other := newCA(t, "Trust")
			return func(r ocsp.Response) []byte { return a.signedBy(t, other.issuing, nil, r) }
		}, silence},
		"by nobody's responder": {func(t *testing.T, a *authority) func(ocsp.Response) []byte {
			responder := a.responder(t, nil, nil)
			return func(r ocsp.Response) []byte { return a.signedBy(t, responder, responder.cert, r) }
		}, silence},
		"with a borrowed certificate": {func(t *testing.T, a *authority) func(ocsp.Response) []byte {
			honest, other := a.responder(t, &a.issuing, nil), a.responder(t, nil, nil)
			return func(r ocsp.Response) []byte { return a.signedBy(t, other, honest.cert, r) }
		}, silence},
		"try later": {raw(ocsp.TryLaterErrorResponse), silence},
		"garbage":   {raw([]byte("<html>sign in to the hotel's network</html>")), silence},
		"too long":  {raw(make([]byte, 65<<10)), silence},
		"nothing":   {raw(nil), silence},
		"down":      {nil, silence},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			if test.answer != nil {
				a.respond = test.answer(t, a)
			}
			a.check(t, verify.Revocation{OCSP: true}, a.named(t), test.want)
			if a.ocspAsked.Load() == 0 {
				t.Error("the responder was not asked")
			}
		})
	}
}

func TestAResponderThatIsGoneIsNoAnswer(t *testing.T) {
	a := newAuthority(t)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	a.check(t, verify.Revocation{OCSP: true, OCSPURL: closed.URL}, a.named(t), silence)
	// A card that names nobody to ask.
	a.check(t, verify.Revocation{OCSP: true, CRLFromCertificate: true}, a.card(t, nil), silence)
}

func TestAResponderThatHangsIsGivenUp(t *testing.T) {
	a := newAuthority(t)
	stop := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer hanging.Close()
	defer close(stop)
	client := &http.Client{Timeout: 50 * time.Millisecond}
	a.check(t, verify.Revocation{OCSP: true, OCSPURL: hanging.URL, HTTPClient: client}, a.named(t), silence)
}

func TestTheConfiguredResponderReplacesTheNamedOne(t *testing.T) {
	a := newAuthority(t)
	a.respond = func(r ocsp.Response) []byte { return a.signedBy(t, a.issuing, nil, r) }
	card := a.card(t, func(c *x509.Certificate) { c.OCSPServer = []string{"http://127.0.0.1:1/"} })
	a.check(t, verify.Revocation{OCSP: true, OCSPURL: a.url + "/ocsp"}, card, good)
}

func TestARedirectOfAResponderIsNotFollowed(t *testing.T) {
	a := newAuthority(t)
	var reached atomic.Bool
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer inner.Close()
	a.redirectTarget = inner.URL
	a.check(t, verify.Revocation{OCSP: true}, a.named(t), silence)
	if reached.Load() {
		t.Error("the redirect was followed")
	}
}

func TestNobodyIsAskedAboutACertificateThatIsNotTrusted(t *testing.T) {
	a := newAuthority(t)
	v := a.with(t, verify.Revocation{Mode: verify.RevocationSoftFail, OCSP: true, CRLFromCertificate: true})
	stranger := &authority{ca: newCA(t, "Trust"), url: a.url}
	_, err := signIn(t, v, stranger.named(t))
	wantCode(t, err, verify.CodeCertificateUntrusted)
	challenge(t, v)
	_, err = v.Verify(t.Context(), session, a.named(t).token(t, "ES256", origin, "not the nonce"))
	wantCode(t, err, verify.CodeSignatureInvalid)
	if n := a.ocspAsked.Load() + a.listAsked.Load(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestAnOCSPAnswerIsKeptUntilItIsOld(t *testing.T) {
	a := newAuthority(t)
	status := ocsp.Good
	a.respond = func(r ocsp.Response) []byte {
		r.Status, r.RevokedAt = status, a.clock.Now()
		return a.signedBy(t, a.issuing, nil, r)
	}
	v := a.with(t, verify.Revocation{Mode: verify.RevocationHardFail, OCSP: true})
	card := a.named(t)
	step := func(wait time.Duration, asked int32, want verify.Code) {
		t.Helper()
		a.clock.advance(wait)
		_, err := signIn(t, v, card)
		if want == "" && err != nil {
			t.Error(err)
		}
		if want != "" {
			wantCode(t, err, want)
		}
		if got := a.ocspAsked.Load(); got != asked {
			t.Errorf("asked %d times, want %d", got, asked)
		}
	}
	step(0, 1, "")
	step(59*time.Minute, 1, "")
	step(time.Minute, 2, "") // after an hour it is asked again
	works := a.respond
	a.respond = nil
	step(time.Hour, 3, "") // down: the answer of before is valid for a day
	step(time.Second, 3, "")
	step(22*time.Hour, 4, "")
	step(time.Hour, 5, verify.CodeRevocationUnknown) // it is old now
	step(time.Second, 5, verify.CodeRevocationUnknown)
	a.respond, status = works, ocsp.Revoked
	step(time.Minute, 6, verify.CodeCertificateRevoked)
}

func TestAnAnswerOfItsMomentIsNotKept(t *testing.T) {
	a := newAuthority(t)
	a.respond = func(r ocsp.Response) []byte {
		r.NextUpdate = time.Time{}
		return a.signedBy(t, a.issuing, nil, r)
	}
	v := a.with(t, verify.Revocation{Mode: verify.RevocationHardFail, OCSP: true})
	card := a.named(t)
	for want := range int32(3) {
		if _, err := signIn(t, v, card); err != nil || a.ocspAsked.Load() != want+1 {
			t.Errorf("asked %d times, %v", a.ocspAsked.Load(), err)
		}
	}
}
