package verify_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/verify"
)

// makeList signs a list of the serial numbers, changed by change.
func (a *authority) makeList(t *testing.T, issuer pair, change func(*x509.RevocationList), serials ...*big.Int) []byte {
	template := &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: a.clock.Now().Add(-time.Minute), NextUpdate: a.clock.Now().Add(24 * time.Hour),
	}
	for _, serial := range serials {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: serial, RevocationTime: a.clock.Now().Add(-time.Hour), ReasonCode: 6})
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, issuer.cert, issuer.key)
	if err != nil {
		t.Error(err)
	}
	return der
}

// scope is the issuing distribution point extension.
func scope(t *testing.T, value any) func(*x509.RevocationList) {
	der, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: der}}
	}
}

type point struct {
	Name struct {
		FullName []asn1.RawValue `asn1:"tag:0"`
	} `asn1:"tag:0"`
}

func pointAt(url string) point {
	var p point
	p.Name.FullName = []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(url)}}
	return p
}

func TestARevocationListDecides(t *testing.T) {
	other := newCA(t, "Trust")
	for name, test := range map[string]struct {
		list func(*testing.T, *authority, *big.Int) []byte
		want outcome
	}{
		"empty": {func(t *testing.T, a *authority, _ *big.Int) []byte { return a.makeList(t, a.issuing, nil) }, good},
		"others": {func(t *testing.T, a *authority, _ *big.Int) []byte {
			return a.makeList(t, a.issuing, nil, big.NewInt(5))
		}, good},
		"revoked": {func(t *testing.T, a *authority, n *big.Int) []byte {
			return a.makeList(t, a.issuing, nil, big.NewInt(5), n)
		}, revoked},
		"stale": {func(t *testing.T, a *authority, _ *big.Int) []byte {
			return a.makeList(t, a.issuing, func(l *x509.RevocationList) { l.NextUpdate = a.clock.Now() })
		}, silence},
		"of the future": {func(t *testing.T, a *authority, _ *big.Int) []byte {
			return a.makeList(t, a.issuing, func(l *x509.RevocationList) { l.ThisUpdate = a.clock.Now().Add(time.Hour) })
		}, silence},
		"of the root": {func(t *testing.T, a *authority, _ *big.Int) []byte { return a.makeList(t, a.root, nil) }, silence},
		"of the issuer's key by another name": {func(t *testing.T, a *authority, _ *big.Int) []byte {
			template := *a.issuing.cert
			template.RawSubject, template.Subject = nil, pkix.Name{CommonName: "Other cards"}
			return a.makeList(t, certify(t, &template, a.issuing.key, &a.root), nil)
		}, silence},
		"by another's key": {func(t *testing.T, a *authority, _ *big.Int) []byte { return a.makeList(t, other.issuing, nil) }, silence},
		"a list of additions": {func(t *testing.T, a *authority, _ *big.Int) []byte {
			return a.makeList(t, a.issuing, func(l *x509.RevocationList) {
				l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
			})
		}, silence},
		"entry of another issuer": {func(t *testing.T, a *authority, n *big.Int) []byte {
			return a.makeList(t, a.issuing, func(l *x509.RevocationList) {
				l.RevokedCertificateEntries[0].ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}}
			}, n)
		}, silence},
		"of people's certificates": {func(t *testing.T, a *authority, n *big.Int) []byte {
			return a.makeList(t, a.issuing, scope(t, struct {
				Users bool `asn1:"tag:1"`
			}{true}), n)
		}, revoked},
		"of authorities": {func(t *testing.T, a *authority, _ *big.Int) []byte {
			return a.makeList(t, a.issuing, scope(t, struct {
				CAs bool `asn1:"tag:2"`
			}{true}))
		}, silence},
		"of some reasons": {func(t *testing.T, a *authority, _ *big.Int) []byte {
			return a.makeList(t, a.issuing, scope(t, struct {
				Some asn1.BitString `asn1:"tag:3"`
			}{asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}}))
		}, silence},
		"indirect": {func(t *testing.T, a *authority, _ *big.Int) []byte {
			return a.makeList(t, a.issuing, scope(t, struct {
				Indirect bool `asn1:"tag:4"`
			}{true}))
		}, silence},
		"of this part": {func(t *testing.T, a *authority, n *big.Int) []byte {
			return a.makeList(t, a.issuing, scope(t, pointAt(a.url+"/list.crl")), n)
		}, revoked},
		"of this part, good": {func(t *testing.T, a *authority, _ *big.Int) []byte {
			return a.makeList(t, a.issuing, scope(t, pointAt(a.url+"/list.crl")))
		}, good},
		"of another part": {func(t *testing.T, a *authority, _ *big.Int) []byte {
			return a.makeList(t, a.issuing, scope(t, pointAt(a.url+"/list2.crl")))
		}, silence},
		"garbage": {func(*testing.T, *authority, *big.Int) []byte { return []byte("no list") }, silence},
		"down":    {nil, silence},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			card := a.named(t)
			if test.list != nil {
				a.list = func() []byte { return test.list(t, a, card.cert.SerialNumber) }
			}
			a.check(t, verify.Revocation{CRLFromCertificate: true}, card, test.want)
			a.check(t, verify.Revocation{CRLs: []string{a.url + "/list.crl"}}, card, test.want)
			if a.listAsked.Load() != 4 {
				t.Errorf("the list was fetched %d times, want once for each verifier", a.listAsked.Load())
			}
			file := filepath.Join(t.TempDir(), "list.crl")
			if a.list != nil {
				if err := os.WriteFile(file, a.list(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			a.check(t, verify.Revocation{CRLs: []string{file}}, card, test.want)
		})
	}
}
