package verify_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"regexp"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/verify"
)

func oid(t *testing.T, ints ...uint64) x509.OID {
	t.Helper()
	made, err := x509.OIDFromInts(ints)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestACertificateThatMayNotSignInIsRefusedByName(t *testing.T) {
	authentication, signing := oid(t, 1, 3, 6, 1, 4, 1, 99999, 1), oid(t, 1, 3, 6, 1, 4, 1, 99999, 2)
	none := func(*verify.Config) {}
	withPolicy := func(c *verify.Config) { c.Policies = []x509.OID{authentication} }
	noEKU := func(c *verify.Config) { c.NoExtendedUsage = true }
	for name, test := range map[string]struct {
		config func(*verify.Config)
		card   func(*x509.Certificate)
		want   verify.Code // "" means accepted
	}{
		"expired":             {none, func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(time.Hour) }, verify.CodeCertificateExpired},
		"not yet valid":       {none, func(c *x509.Certificate) { c.NotBefore = c.NotBefore.AddDate(0, 2, 0) }, verify.CodeCertificateNotYetValid},
		"no key usage":        {none, func(c *x509.Certificate) { c.KeyUsage = 0 }, verify.CodeWrongUsage},
		"key agreement only":  {none, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }, verify.CodeWrongUsage},
		"signing certificate": {none, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }, verify.CodeWrongUsage},
		"both usages":         {none, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageContentCommitment }, verify.CodeWrongUsage},
		"both usages allowed": {
			func(c *verify.Config) { c.NonRepudiation = true },
			func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageContentCommitment }, "",
		},
		"signing certificate where both are allowed": {
			func(c *verify.Config) { c.NonRepudiation = true },
			func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }, verify.CodeWrongUsage,
		},
		"no extended usage":                {none, func(c *x509.Certificate) { c.ExtKeyUsage = nil }, verify.CodeWrongUsage},
		"no extended usage allowed":        {noEKU, func(c *x509.Certificate) { c.ExtKeyUsage = nil }, ""},
		"a server's":                       {none, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, verify.CodeWrongUsage},
		"a server's where none is allowed": {noEKU, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, verify.CodeWrongUsage},
		"any extended usage":               {none, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, ""},
		"an authority":                     {none, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }, verify.CodeWrongUsage},
		"no policy":                        {withPolicy, func(*x509.Certificate) {}, verify.CodeWrongPolicy},
		"another policy":                   {withPolicy, func(c *x509.Certificate) { c.Policies = []x509.OID{signing} }, verify.CodeWrongPolicy},
		"the policy among others":          {withPolicy, func(c *x509.Certificate) { c.Policies = []x509.OID{signing, authentication} }, ""},
		"an unknown critical extension": {none, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 9}, Critical: true, Value: []byte{5, 0}}}
		}, verify.CodeCertificateUntrusted},
		"no user id": {none, func(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{"Trust"}} }, verify.CodeUserIDMissing},
		"two common names": {none, func(c *x509.Certificate) {
			c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{
				{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "111111111111"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "222222222222"},
			}
		}, verify.CodeUserIDMissing},
		"a user id of blanks":         {none, func(c *x509.Certificate) { c.Subject.CommonName = "  " }, verify.CodeUserIDMissing},
		"a user id with a line break": {none, func(c *x509.Certificate) { c.Subject.CommonName = "1\n2" }, verify.CodeUserIDMissing},
	} {
		t.Run(name, func(t *testing.T) {
			ca := newCA(t, "Trust")
			config := ca.config()
			test.config(&config)
			_, err := signIn(t, newVerifier(t, config), ca.card(t, test.card))
			if test.want == "" && err != nil {
				t.Error(err)
			}
			if test.want != "" {
				wantCode(t, err, test.want)
			}
		})
	}
}

func TestAChainThatDoesNotHoldIsUntrusted(t *testing.T) {
	ca, evil := newCA(t, "Trust"), newCA(t, "Trust") // of the same names
	v := newVerifier(t, ca.config())

	_, err := signIn(t, v, evil.card(t, nil))
	wantCode(t, err, verify.CodeCertificateUntrusted)

	lone := certify(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "123456789012"}, NotBefore: ca.clock.Now(), NotAfter: ca.clock.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, newECKey(t, elliptic.P256()), nil)
	_, err = signIn(t, v, lone)
	wantCode(t, err, verify.CodeCertificateUntrusted)

	// A card's certificate that someone put among the roots.
	config := ca.config()
	config.Roots.AddCert(lone.cert)
	_, err = signIn(t, newVerifier(t, config), lone)
	wantCode(t, err, verify.CodeCertificateUntrusted)

	// A card cannot issue cards.
	holder := ca.card(t, nil)
	below := certify(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "999999999999"}, NotBefore: ca.clock.Now(), NotAfter: ca.clock.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, newECKey(t, elliptic.P256()), &holder)
	config = ca.config()
	config.Intermediates.AddCert(holder.cert)
	_, err = signIn(t, newVerifier(t, config), below)
	wantCode(t, err, verify.CodeCertificateUntrusted)

	// Without the intermediate there is no way to the root.
	config = ca.config()
	config.Intermediates = nil
	_, err = signIn(t, newVerifier(t, config), ca.card(t, nil))
	wantCode(t, err, verify.CodeCertificateUntrusted)
}

func TestAPersonStaysWhoTheyAreWithTheNextCard(t *testing.T) {
	old, next := newCA(t, "Trust 2A"), newCA(t, "Trust 3")
	config := old.config()
	config.Roots.AddCert(next.root.cert)
	config.Intermediates.AddCert(next.issuing.cert)
	config.IssuerNames = map[string]string{"CN=Cards,O=Trust 2A": "Trust", "CN=Cards,O=Trust 3": "Trust"}
	v := newVerifier(t, config)
	seen := map[[2]string]int{}
	certificates := map[[32]byte]bool{}
	for _, ca := range []*ca{old, old, next} {
		got, err := signIn(t, v, ca.card(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		seen[[2]string{got.Issuer, got.UserID}]++
		certificates[fingerprint(got.Certificate)] = true
	}
	if len(certificates) != 3 || seen[[2]string{"Trust", "123456789012"}] != 3 {
		t.Errorf("%d cards became %v", len(certificates), seen)
	}
}

func TestTheUserIDIsReadByTheRuleOfTheSite(t *testing.T) {
	subject := pkix.Name{CommonName: "DOE,JANE,38001085718", SerialNumber: "PNOEE-38001085718", ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{2, 5, 4, 4}, Value: "Doe"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 42}, Value: "Jane"},
	}}
	for name, test := range map[string]struct {
		rule verify.UserID
		want string
	}{
		"common name":         {verify.CommonName, "DOE,JANE,38001085718"},
		"serialNumber":        {verify.SubjectSerialNumber, "PNOEE-38001085718"},
		"group of a pattern":  {verify.CommonNameMatching(regexp.MustCompile(`.*,(\d{11})`)), "38001085718"},
		"pattern, no group":   {verify.CommonNameMatching(regexp.MustCompile(`[A-Z,]+\d+`)), "DOE,JANE,38001085718"},
		"part of the name":    {verify.CommonNameMatching(regexp.MustCompile(`\d{11}`)), ""},
		"either alternative":  {verify.CommonNameMatching(regexp.MustCompile(`DOE|JANE`)), ""},
		"an empty group":      {verify.CommonNameMatching(regexp.MustCompile(`.*()`)), ""},
		"group did not match": {verify.CommonNameMatching(regexp.MustCompile(`(X)?.*`)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			ca := newCA(t, "Trust")
			config := ca.config()
			config.UserID = test.rule
			got, err := signIn(t, newVerifier(t, config), ca.card(t, func(c *x509.Certificate) { c.Subject = subject }))
			if test.want == "" {
				wantCode(t, err, verify.CodeUserIDMissing)
				return
			}
			if err != nil || got.UserID != test.want || got.DisplayName != "Jane Doe" {
				t.Errorf("%q, %q, %v", got.UserID, got.DisplayName, err)
			}
		})
	}
}
