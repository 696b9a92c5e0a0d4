package virtual_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/cardea-agent/cardea/pcsc/virtual"
)

func TestTheFieldPairIsAsInHospitals(t *testing.T) {
	ca := virtual.NewCA("Test CA")
	card := virtual.NewCard(ca, virtual.Field("555000000001", "Anna Example"))
	for _, want := range []struct {
		slot   virtual.KeySlot
		name   string
		usage  x509.KeyUsage
		policy string
	}{
		{virtual.Authentication, "555000000001", x509.KeyUsageDigitalSignature, "1.2.826.0.1275.101.0.3.1.1"},
		{virtual.Signature, "555000000001_ANNA_EXAMPLE", x509.KeyUsageContentCommitment, "1.2.826.0.1275.102.0.3.2.0"},
	} {
		c := card.Certificate(want.slot)
		if c.Subject.CommonName != want.name || c.KeyUsage != want.usage || len(c.Policies) != 1 || c.Policies[0].String() != want.policy {
			t.Errorf("%X: %q, usage %d, policies %v", want.slot, c.Subject.CommonName, c.KeyUsage, c.Policies)
		}
		if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage)+len(c.DNSNames)+len(c.EmailAddresses) != 0 {
			t.Errorf("%X: has extended usages or alternative names", want.slot)
		}
		i := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "2.5.29.15" })
		if i < 0 || !c.Extensions[i].Critical {
			t.Errorf("%X: the key usage is not critical", want.slot)
		}
		if key, ok := c.PublicKey.(*rsa.PublicKey); !ok || key.Size() != 256 {
			t.Errorf("%X: %T", want.slot, c.PublicKey)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Error(err)
		}
	}
}

func TestNoTwoKeysOfAnAuthorityAreAlike(t *testing.T) {
	ca := virtual.NewCA("Test CA")
	seen := map[string]bool{}
	for range 5 { // more RSA keys than are kept ready
		card := virtual.NewCard(ca, virtual.RSA2048("Robin Example"))
		for _, slot := range []virtual.KeySlot{virtual.Authentication, virtual.Signature, virtual.KeyManagement, virtual.CardAuthentication} {
			der := string(card.Certificate(slot).RawSubjectPublicKeyInfo)
			if seen[der] {
				t.Fatal("one public key behind two certificates")
			}
			seen[der] = true
		}
	}
}

func TestVariantsOfACardDifferInOneThing(t *testing.T) {
	ca, stranger := virtual.NewCA("Test CA"), virtual.NewCA("Another CA")
	p256 := virtual.P256("Robin Example")
	certificate := func(changes ...func(*virtual.Profile)) *x509.Certificate {
		return virtual.NewCard(ca, p256.With(changes...)).Certificate(virtual.Authentication)
	}
	now := time.Now()
	for name, ok := range map[string]bool{
		"expired":       certificate(virtual.Expired).NotAfter.Before(now),
		"not yet valid": certificate(virtual.NotYetValid).NotBefore.After(now),
		"expires soon":  certificate(virtual.ExpiresIn(48 * time.Hour)).NotAfter.Before(now.Add(49 * time.Hour)),
		"wrong usage":   certificate(virtual.WrongUsage).KeyUsage == x509.KeyUsageKeyEncipherment,
		"both usages":   certificate(virtual.BothUsages).KeyUsage == x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment,
		"wrong issuer":  certificate(virtual.IssuedBy(stranger)).CheckSignatureFrom(stranger.Certificate) == nil,
		"unchanged":     p256.Keys[0].Usage == x509.KeyUsageDigitalSignature && certificate().CheckSignatureFrom(ca.Certificate) == nil,
		"client auth": slices.Equal(virtual.NewCard(ca, virtual.ClientAuth("Robin Example")).Certificate(virtual.Authentication).ExtKeyUsage,
			[]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}),
	} {
		if !ok {
			t.Errorf("%s: not so", name)
		}
	}
	if pin, puk := virtual.NewCard(ca, p256.With(virtual.OneTryLeft, virtual.BlockedPUK)).TriesLeft(); pin != 1 || puk != 0 {
		t.Errorf("%d tries of the PIN, %d of the PUK", pin, puk)
	}
}

func TestARenewedCertificateIsForTheSamePersonAndAnotherKey(t *testing.T) {
	ca := virtual.NewCA("Test CA")
	card := virtual.NewCard(ca, virtual.Field("555000000001", "Anna Example").With(virtual.Expired))
	before := card.Certificate(virtual.Authentication)
	after := card.Renew(virtual.Authentication)
	if after.Subject.String() != before.Subject.String() || !bytes.Equal(after.RawIssuer, before.RawIssuer) {
		t.Errorf("%v of %v", after.Subject, after.Issuer)
	}
	if bytes.Equal(after.RawSubjectPublicKeyInfo, before.RawSubjectPublicKeyInfo) || after.SerialNumber.Cmp(before.SerialNumber) == 0 {
		t.Error("same key or same serial number")
	}
	if now := time.Now(); now.Before(after.NotBefore) || now.After(after.NotAfter) || after.KeyUsage != before.KeyUsage {
		t.Error("not valid now, or of another usage")
	}
	if onCard := container(t, card, "5FC105", 0x70); !bytes.Equal(onCard, after.Raw) {
		t.Error("the card still gives the old certificate")
	}
}

func TestAnIntermediateAuthorityIsInTheChain(t *testing.T) {
	root := virtual.NewCA("Test root")
	sub := root.Intermediate("Test issuing CA")
	c := virtual.NewCard(sub, virtual.P256("Robin Example")).Certificate(virtual.Authentication)
	options := x509.VerifyOptions{Roots: root.Pool(), Intermediates: sub.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if chains, err := c.Verify(options); err != nil || len(chains[0]) != 3 {
		t.Errorf("%v, %v", chains, err)
	}
	options.Intermediates = nil
	if _, err := c.Verify(options); err == nil {
		t.Error("verified without the intermediate")
	}
}

func TestOCSPSaysGoodRevokedAndUnknown(t *testing.T) {
	ca, stranger := virtual.NewCA("Test CA"), virtual.NewCA("Another CA")
	server := httptest.NewServer(ca.OCSPHandler())
	defer server.Close()
	ca.OCSPServer = server.URL
	good := virtual.NewCard(ca, virtual.P256("Robin Example")).Certificate(virtual.Authentication)
	revoked := virtual.NewCard(ca, virtual.P256("Sam Sample")).Certificate(virtual.Authentication)
	ca.Revoke(revoked)
	foreign := virtual.NewCard(stranger, virtual.P256("Kim Muster")).Certificate(virtual.Authentication)
	neverIssued := *good
	neverIssued.SerialNumber = big.NewInt(1 << 40)
	if !slices.Equal(good.OCSPServer, []string{server.URL}) {
		t.Errorf("the certificate names %v", good.OCSPServer)
	}
	for name, test := range map[string]struct {
		certificate, issuer *x509.Certificate
		want                int
		hash                crypto.Hash
	}{
		"good":         {good, ca.Certificate, ocsp.Good, crypto.SHA1},
		"by SHA-256":   {good, ca.Certificate, ocsp.Good, crypto.SHA256},
		"revoked":      {revoked, ca.Certificate, ocsp.Revoked, crypto.SHA1},
		"never issued": {&neverIssued, ca.Certificate, ocsp.Unknown, crypto.SHA1},
		"of another":   {foreign, stranger.Certificate, ocsp.Unknown, crypto.SHA1},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := ocsp.CreateRequest(test.certificate, test.issuer, &ocsp.RequestOptions{Hash: test.hash})
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.Post(server.URL, "application/ocsp-request", bytes.NewReader(request))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := ocsp.ParseResponseForCert(body, test.certificate, ca.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != test.want {
				t.Errorf("status %d, want %d", answer.Status, test.want)
			}
		})
	}
	if _, err := ocsp.ParseResponse(ca.OCSP([]byte("no request")), ca.Certificate); err == nil {
		t.Error("garbage was answered")
	}
}

func TestTheRevocationListNamesWhatIsRevoked(t *testing.T) {
	ca := virtual.NewCA("Test CA")
	server := httptest.NewServer(ca.CRLHandler())
	defer server.Close()
	c := virtual.NewCard(ca, virtual.P256("Robin Example")).Certificate(virtual.Authentication)
	list := func() *x509.RevocationList {
		response, err := http.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(body)
		if err != nil {
			t.Fatal(err)
		}
		if err := list.CheckSignatureFrom(ca.Certificate); err != nil {
			t.Fatal(err)
		}
		return list
	}
	if entries := list().RevokedCertificateEntries; len(entries) != 0 {
		t.Errorf("%v before anything was revoked", entries)
	}
	ca.Revoke(c)
	if entries := list().RevokedCertificateEntries; len(entries) != 1 || entries[0].SerialNumber.Cmp(c.SerialNumber) != 0 {
		t.Errorf("%v", entries)
	}
}
