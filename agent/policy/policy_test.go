package policy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/weborigin"
)

const full = `
[removal]
action = "lock"
grace = "10m"

[session]
limit = "8h"

[certificate]
policies = ["1.2.826.0.1275.101.0.3.1.1"]
issuers = ["Test CA"]

[[origin]]
url = "https://portal.example"
rights = ["authenticate", "sign"]
group = "ward"

[[origin]]
url = "https://notes.example:8443"
group = "ward"

[[origin]]
url = "https://records.example"
[origin.removal]
action = "signOut"
grace = "0s"
`

func parse(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAnOriginHasTheRightsThatItsEntryGivesAndNoOther(t *testing.T) {
	p := parse(t, full)
	for origin, want := range map[string]string{
		"https://portal.example":      "authenticate sign",
		"https://notes.example:8443":  "authenticate",
		"https://portal.example:443":  "",
		"https://portal.example.":     "",
		"https://PORTAL.example":      "",
		"http://portal.example":       "",
		"https://a.portal.example":    "",
		"https://notes.example":       "",
		"https://portal.example.evil": "",
		"":                            "",
	} {
		rights, known := p.Rights(origin)
		if got := strings.Join(rights, " "); got != want || known != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", origin, got, known, want)
		}
	}
}

func TestAWildcardStandsForWholeLabelsInFrontOfItsNameAlone(t *testing.T) {
	p := parse(t, `
[[origin]]
url = "https://*.hospital.example"
rights = ["authenticate", "sign"]
group = "ward"
[[origin]]
url = "https://*.lab.hospital.example"
[origin.removal]
action = "none"
[[origin]]
url = "https://door.hospital.example"
rights = ["managePIN"]
[[origin]]
url = "https://*.hospital.example:8443"
rights = ["sign"]
`)
	for origin, want := range map[string]string{
		"https://a.hospital.example":           "authenticate sign",
		"https://b.a.hospital.example":         "authenticate sign",
		"https://lab.hospital.example":         "authenticate sign",
		"https://x.lab.hospital.example":       "authenticate", // the more particular entry
		"https://door.hospital.example":        "managePIN",    // its own entry
		"https://a.hospital.example:8443":      "sign",
		"https://hospital.example":             "", // not the name itself
		"https://evilhospital.example":         "",
		"https://a.evilhospital.example":       "",
		"https://a.hospital.example.evil.test": "",
		"https://a.hospital.example:444":       "",
		"http://a.hospital.example":            "",
		"https://.hospital.example":            "authenticate sign", // the door refuses this form before it asks
		"https://example":                      "",
		"null":                                 "",
	} {
		rights, known := p.Rights(origin)
		if got := strings.Join(rights, " "); got != want || known != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", origin, got, known, want)
		}
	}
	if p.Removal("https://x.lab.hospital.example").Action != signin.RemovalNone || p.Removal("https://a.hospital.example").Action != signin.RemovalLock {
		t.Error("the removal is not the matching entry's")
	}
	if !p.SameGroup("https://a.hospital.example", "https://b.hospital.example") || p.SameGroup("https://a.hospital.example", "https://x.lab.hospital.example") {
		t.Error("the group is not the matching entry's")
	}
}

func TestAWildcardCountsOnlyInAFileOfTheAdministrators(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(file, []byte("[[origin]]\nurl = \"https://*.hospital.example\""), 0o600); err != nil {
		t.Fatal(err)
	}
	// The folder is below one that all may write to, so the file is anybody's.
	places := Only(file)
	if _, err := places.Load(); err == nil || !strings.Contains(err.Error(), "may have a wildcard") {
		t.Errorf("got %v", err)
	}
	places.trusted = func(path string) (string, error) { return path, nil } // as if it were theirs
	if p, err := places.Load(); err != nil || len(p.Origins()) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestThePersonIsAskedAboutOriginsOnlyWhereAnAdministratorSaysSo(t *testing.T) {
	if parse(t, "").AskOrigins() || !parse(t, "[origins]\nask = true").AskOrigins() {
		t.Error("asking is not off by default, or cannot be turned on")
	}
}

func TestRemovalIsTheOriginsOwnOrElseTheGeneralOne(t *testing.T) {
	p := parse(t, full)
	if got, want := p.Removal("https://portal.example"), (signin.Removal{Action: "lock", Grace: 10 * time.Minute}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if parse(t, "").Removal("https://x.example").OnLock || !parse(t, "[removal]\nonLock = true").Removal("https://x.example").OnLock {
		t.Error("a lock counts as removal where the policy does not say so, or not where it does")
	}
	if got, want := p.Removal("https://records.example"), (signin.Removal{Action: "signOut"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := parse(t, "").Removal("https://x.example"), (signin.Removal{Action: "lock", Grace: 15 * time.Minute}); got != want {
		t.Errorf("the default is %v, want %v", got, want)
	}
}

func TestSessionsAreSharedWithinAGroupAlone(t *testing.T) {
	p := parse(t, full)
	if !p.SameGroup("https://portal.example", "https://notes.example:8443") {
		t.Error("two origins of a group do not share their sessions")
	}
	if p.SameGroup("https://portal.example", "https://other.example") || p.SameGroup("https://x.example", "https://y.example") {
		t.Error("origins without a common group share their sessions")
	}
	if p.SessionLimit() != 8*time.Hour {
		t.Errorf("the limit is %v", p.SessionLimit())
	}
}

func TestADoubtfulFileIsRefusedWithTheReason(t *testing.T) {
	for text, want := range map[string]string{
		"[[origins]]": "must be a table of settings",
		"[[origin]]\nurl = \"https://a.example\"\ngroup = \"g\"\n[[origin]]\nurl = \"https://b.example\"\ngroup = \"g\"\nremoval = {action = \"none\"}": "differs from that of https://a.example",
		"[removal]\nactions = \"lock\"":                                                    "actions",
		"[[contact]]\nfor = \"boss\"\nname = \"A\"":                                        "contact.for: must be administrator, cardIssuer, software or mail",
		"[[contact]]\nfor = \"mail\"":                                                      "that for mail says neither who nor how",
		"[[contact]]\nfor = \"mail\"\nname = \"\"":                                         "contact.name: is empty",
		"[[contact]]\nfor = \"mail\"\nname = \"a\\u202eb\"":                                "contact.name: has characters that cannot be shown",
		"[[contact]]\nfor = \"mail\"\nurl = \"http://a.example\"":                          "contact.url: must be the address of a page",
		"[[contact]]\nname = \"A\"":                                                        "contact.for: is missing",
		"[removal]\naction = \"shut\"":                                                     "none, lock or signOut",
		"[removal]\ngrace = \"-1s\"":                                                       "at least 0s",
		"[removal]\ngrace = \"soon\"":                                                      "soon",
		"[session]\nlimit = \"0s\"":                                                        "at least 1s",
		"[session]\nlimit = \"25h\"":                                                       "at most 24h",
		"[certificate]\npolicies = [\"1.x\"]":                                              "no object identifier",
		"[certificate]\npolicies = []":                                                     "certificate.policies: names none",
		"[certificate]\nissuers = []":                                                      "certificate.issuers: names none",
		"[certificate]\nissuers = [\"\"]":                                                  "certificate.issuers: has an empty entry",
		"[certificate]\nkeyUsage = [\"signing\"]":                                          "each must be dataEncipherment",
		"[certificate]\nkeyUsage = []":                                                     "certificate.keyUsage: names none",
		"[certificate]\nnotKeyUsage = [\"digitalSignature\"]":                              "excludes what every certificate must have",
		"[certificate]\nextendedKeyUsage = [\"ClientAuth\"]":                               "no object identifier",
		"[certificate]\nvalidFor = \"9000h\"":                                              "at most 8784h",
		"[Certificate]\nissuers = [\"A\"]":                                                 "no setting Certificate: the nearest is certificate",
		"[certificate]\nIssuers = [\"A\"]":                                                 "no setting certificate.Issuers: the nearest is certificate.issuers",
		"[[origin]]\nURL = \"https://a.example\"":                                          "no setting origin.URL: the nearest is origin.url",
		"[cards]\nlist = \"cards.toml\"":                                                   "must be an absolute path",
		"[cards]\nlist = \"\"":                                                             "must be an absolute path",
		"[[origin]]\nurl = \"https://a.example\"\nrights = [\"all\"]":                      "each must be authenticate, sign or managePIN",
		"[[origin]]\nurl = \"https://a.example\"\nrights = []":                             "names none",
		"[[origin]]\nurl = \"https://a.example\"\n[[origin]]\nurl = \"https://a.example\"": "twice",
		"[[origin]]\nurl = \"http://a.example\"":                                           "must begin with https://",
		"[[origin]]\nurl = \"https://a.example/\"":                                         "without a path",
		"[[origin]]\nurl = \"https://a.example?\"":                                         "without a path",
		"[[origin]]\nurl = \"https://u@a.example\"":                                        "without a path",
		"[[origin]]\nurl = \"https://A.example\"":                                          "lower case",
		"[[origin]]\nurl = \"https://a.example.\"":                                         "end in a dot",
		"[[origin]]\nurl = \"https://*.example\"":                                          "a name of two labels behind it",
		"[[origin]]\nurl = \"https://*\"":                                                  "a wildcard may only stand",
		"[[origin]]\nurl = \"https://a.*.example.org\"":                                    "a wildcard may only stand",
		"[[origin]]\nurl = \"https://*.*.example.org\"":                                    "a wildcard may only stand",
		"[[origin]]\nurl = \"https://*a.example.org\"":                                     "a wildcard may only stand",
		"[[origin]]\nurl = \"http://*.localhost\"":                                         "must begin with https://",
		"[[origin]]\nurl = \"https://*.2.3.4\"":                                            "no IPv4 address",
		"[[origin]]\nurl = \"https://*.1.2.3.4\"":                                          "a name of two labels behind it",
		"[[origin]]\nurl = \"https://*.[::1]\"":                                            "no URL",
		"[[origin]]\nurl = \"https://ysbyty-câr.example\"":                                 "ASCII form: xn--ysbyty-cr-i2a.example",
		"[[origin]]\nurl = \"https://xn--a.example\"":                                      "stands for no name",
		"[origins]\nask = \"yes\"":                                                         "origins.ask: must be true or false",
		"[origins]\nasks = true":                                                           "nearest is origins.ask",
		"[[origin]]\nurl = \"https://a..example\"":                                         "ASCII form",
		"[[origin]]\nurl = \"https://-a.example\"":                                         "ASCII form",
		"[[origin]]\nurl = \"https://a-.example\"":                                         "ASCII form",
		"[[origin]]\nurl = \"https://" + strings.Repeat("a", 64) + ".example\"":            "ASCII form",
		"[[origin]]\nurl = \"https://a.example:443\"":                                      "own port",
		"[[origin]]\nurl = \"https://a.example:\"":                                         "as browsers write it",
		"[[origin]]\nurl = \"https://[0:0::1]\"":                                           "short form",
		"[[origin]]\nurl = \"\"":                                                           "must begin with https://",
		"[[origin]]\nurl = \"https://a.example:0443\"":                                     "must have a port",
		"[[origin]]\nurl = \"https://a.example:65536\"":                                    "must have a port",
		"[[origin]]\nurl = \"https://1.2.3\"":                                              "no IPv4 address",
		"[[origin]]\nurl = \"https://a.0x7f\"":                                             "no IPv4 address",
		"[[origin]]\nurl = \"https://300.1.1.1\"":                                          "no IPv4 address",
		"[[origin]]\nurl = \"null\"":                                                       "must begin with https://",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %q in it", text, err, want)
		}
	}
}

func TestALabelMayHave63Characters(t *testing.T) {
	parse(t, "[[origin]]\nurl = \"https://a_b-"+strings.Repeat("c", 59)+".example\"")
}

func TestOriginsOfThisComputerMayBeHTTP(t *testing.T) {
	parse(t, "[[origin]]\nurl = \"https://10.1.2.3\"\n[[origin]]\nurl = \"https://4ward.example\"\n[[origin]]\nurl = \"http://localhost:8080\"\n[[origin]]\nurl = \"http://127.0.0.1:8080\"\n[[origin]]\nurl = \"https://[2001:db8::1]:8443\"\n[[origin]]\nurl=\"https://xn--cr-yka.example\"")
}

func TestACertificateIsUsableByUsagePolicyIssuerAndDates(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	oid, err := x509.ParseOID("1.2.826.0.1275.101.0.3.1.1")
	if err != nil {
		t.Fatal(err)
	}
	good := x509.Certificate{
		KeyUsage: x509.KeyUsageDigitalSignature, Policies: []x509.OID{oid}, Issuer: pkix.Name{CommonName: "Test CA"},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
	}
	p := parse(t, full)
	for name, c := range map[string]struct {
		change func(*x509.Certificate)
		why    signin.Why
	}{
		"as it should be":        {func(*x509.Certificate) {}, ""},
		"for clients":            {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, ""},
		"for mail alone":         {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }, "wrongUsage"},
		"for binding signatures": {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }, "wrongUsage"},
		"of another policy":      {func(c *x509.Certificate) { c.Policies = nil }, "wrongUsage"},
		"of another issuer":      {func(c *x509.Certificate) { c.Issuer.CommonName = "Test CA 2" }, "wrongIssuer"},
		"expired":                {func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, "expired"},
		"not yet valid":          {func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }, "notYetValid"},
	} {
		certificate := good
		c.change(&certificate)
		ok, why := p.Usable(signin.Key{Certificate: &certificate, Algorithm: "ES256"}, now)
		if why != c.why || ok != (c.why == "") {
			t.Errorf("%s: got %v %q, want %q", name, ok, why, c.why)
		}
	}
	if ok, why := p.Usable(signin.Key{Certificate: &good}, now); ok || why != signin.WhyWrongUsage {
		t.Errorf("a key of no known algorithm: got %v, %q", ok, why)
	}
}

func TestEachRuleKeepsOutWhatItNamesAndSaysSo(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	good := x509.Certificate{
		KeyUsage:           x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement,
		ExtKeyUsage:        []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 20, 2, 2}},
		Issuer:             pkix.Name{CommonName: "Test CA"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.Add(48 * time.Hour),
	}
	for text, want := range map[string]struct {
		why  signin.Why
		rule string
	}{
		"": {},
		"keyUsage = [\"digitalSignature\", \"keyAgreement\"]":      {},
		"keyUsage = [\"keyAgreement\", \"keyEncipherment\"]":       {signin.WhyWrongUsage, "certificate.keyUsage"},
		"notKeyUsage = [\"nonRepudiation\"]":                       {},
		"notKeyUsage = [\"keyAgreement\"]":                         {signin.WhyWrongUsage, "certificate.notKeyUsage"},
		"extendedKeyUsage = [\"smartcardLogon\"]":                  {},
		"extendedKeyUsage = [\"emailProtection\", \"clientAuth\"]": {},
		"extendedKeyUsage = [\"1.3.6.1.5.5.7.3.2\"]":               {},
		"extendedKeyUsage = [\"emailProtection\"]":                 {signin.WhyWrongUsage, "certificate.extendedKeyUsage"},
		"policies = [\"1.2.3\"]":                                   {signin.WhyWrongUsage, "certificate.policies"},
		"issuers = [\"Other CA\", \"Test CA\"]":                    {},
		"issuers = [\"Other CA\"]":                                 {signin.WhyWrongIssuer, "certificate.issuers"},
		"validFor = \"48h\"":                                       {},
		"validFor = \"49h\"":                                       {signin.WhyExpired, "certificate.validFor"},
	} {
		p := parse(t, "[certificate]\n"+text)
		key := signin.Key{Certificate: &good, Algorithm: "ES256"}
		ok, why := p.Usable(key, now)
		if rule := p.Excluded(key, now); ok != (want.why == "") || why != want.why || rule != want.rule {
			t.Errorf("%s: got %v, %q, %q", text, ok, why, rule)
		}
	}
	mail := good
	mail.ExtKeyUsage, mail.UnknownExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}, nil
	key := signin.Key{Certificate: &mail, Algorithm: "ES256"}
	if ok, _ := parse(t, "[certificate]\nextendedKeyUsage = [\"emailProtection\"]").Usable(key, now); !ok {
		t.Error("an extended usage that the administrator names is not enough")
	}
	if ok, _ := parse(t, "").Usable(key, now); ok {
		t.Error("a certificate for mail alone may sign people in")
	}
}

func FuzzParseNeverAllowsAnOriginThatIsNotHTTPS(f *testing.F) {
	f.Add(full)
	f.Add("[[origin]]\nurl = \"http://localhost:1\"")
	f.Add("[[origin]]\nurl = \"https://[::1]\"")
	f.Add("[[origin]]\nurl = \"https://*.ward.example:8443\"\n[origins]\nask = true")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse([]byte(text))
		if err != nil {
			return
		}
		for origin := range p.origins {
			if !strings.HasPrefix(origin, "https://") && !strings.HasPrefix(origin, "http://") || origin != strings.ToLower(origin) {
				t.Errorf("allowed %q", origin)
			}
			name, isPattern := strings.CutPrefix(origin, "https://*.")
			if isPattern != weborigin.IsWildcard(origin) || strings.Contains(name, "*") {
				t.Errorf("allowed the wildcard %q", origin)
			}
			if _, known := p.Rights(strings.Replace(origin, "*", "a", 1)); !known {
				t.Errorf("%q allows nothing", origin)
			}
		}
	})
}

// Whatever a certificate says, the rules judge it, and never let one in that is
// not within its own dates.
func FuzzNoCertificateIsUsableAgainstItsOwnDates(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	oid, err := x509.ParseOID("1.2.826.0.1275.101.0.3.1.1")
	if err != nil {
		f.Fatal(err)
	}
	for _, template := range []x509.Certificate{
		{KeyUsage: x509.KeyUsageDigitalSignature, Policies: []x509.OID{oid}},
		{KeyUsage: x509.KeyUsageContentCommitment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
		{Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true},
	} {
		template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(1), now.AddDate(-1, 0, 0), now.AddDate(1, 0, 0)
		der, err := x509.CreateCertificate(rand.Reader, &template, &x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}}, &key.PublicKey, key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der, int64(0))
		f.Add(der, int64(400*24*3600))
	}
	lax, err := Parse(nil)
	if err != nil {
		f.Fatal(err)
	}
	strict, err := Parse([]byte(full))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, der []byte, later int64) {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		at := now.Add(time.Duration(later%(100*365*24*3600)) * time.Second)
		k := signin.Key{Certificate: certificate, Algorithm: "ES256"}
		for _, p := range []*Policy{lax, strict} {
			ok, why := p.Usable(k, at)
			if ok != (why == "") || ok && (at.Before(certificate.NotBefore) || at.After(certificate.NotAfter)) {
				t.Errorf("usable %v, %q at %v, from %v to %v", ok, why, at, certificate.NotBefore, certificate.NotAfter)
			}
			if rule := p.Excluded(k, at); ok && rule != "" {
				t.Errorf("usable, and excluded by %s", rule)
			}
			if ok, why := p.MaySign(k, at); ok != (why == "") {
				t.Errorf("may sign %v, %q", ok, why)
			}
		}
	})
}
