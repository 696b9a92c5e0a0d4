package policy

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// certificateRules narrow which certificates may sign people in. Those that the
// administrator did not write allow any.
type certificateRules struct {
	must, mustNot x509.KeyUsage
	extended      []x509.OID // one of these
	policies      []x509.OID // one of these
	issuers       []string   // one of these common names
	validFor      time.Duration
}

// keyUsages are the names of RFC 5280 section 4.2.1.3 that can be told apart on
// cards for people.
var keyUsages = map[string]x509.KeyUsage{
	"digitalSignature": x509.KeyUsageDigitalSignature,
	"nonRepudiation":   x509.KeyUsageContentCommitment,
	"keyEncipherment":  x509.KeyUsageKeyEncipherment,
	"dataEncipherment": x509.KeyUsageDataEncipherment,
	"keyAgreement":     x509.KeyUsageKeyAgreement,
}

// extendedKeyUsages may be written by name; any other by its object identifier.
var extendedKeyUsages = map[string]string{
	"clientAuth":      "1.3.6.1.5.5.7.3.2",      // RFC 5280 section 4.2.1.12
	"emailProtection": "1.3.6.1.5.5.7.3.4",      // the same
	"smartcardLogon":  "1.3.6.1.4.1.311.20.2.2", // MS-PKCA section 3.1.5.2.1.1
}

// longestAhead bounds certificate.validFor: nobody's card is renewed earlier.
const longestAhead = 366 * 24 * time.Hour

// usageNames are the names of keyUsages, in order.
func usageNames() []string { return slices.Sorted(maps.Keys(keyUsages)) }

// contradiction refuses rules that no certificate could keep.
func (r certificateRules) contradiction() error {
	if both := (r.must | x509.KeyUsageDigitalSignature) & r.mustNot; both != 0 {
		return errExcluded
	}
	return nil
}

func usages(names []string) (all x509.KeyUsage, err error) {
	for _, name := range names {
		u, ok := keyUsages[name]
		if !ok {
			return 0, fmt.Errorf("must be %s, not %q", oneOfWords(usageNames()), name)
		}
		all |= u
	}
	return all, nil
}

func identifiers(texts []string, names map[string]string) (all []x509.OID, err error) {
	for _, s := range texts {
		oid, err := x509.ParseOID(cmp.Or(names[s], s))
		if err != nil {
			return nil, fmt.Errorf("%q is no object identifier", s)
		}
		all = append(all, oid)
	}
	return all, nil
}

// Usable says whether a key may sign people in at now. The rule that keeps it
// out is in Excluded.
func (p *Policy) Usable(key signin.Key, now time.Time) (bool, signin.Why) {
	why, _ := p.certificate.exclude(key, now)
	return why == "", why
}

// Excluded names the rule that keeps a key from signing people in at now, as
// the policy file does where it is one of that; empty for a key that may.
func (p *Policy) Excluded(key signin.Key, now time.Time) string {
	_, rule := p.certificate.exclude(key, now)
	return rule
}

// exclude finds the first rule that a key does not keep. Always, it must not be
// the card's own for documents, must be meant for digital signatures, be of a kind that the agent can use, and be for
// clients if it says for whom. The dates are looked at last: a certificate of
// another kind is not made better by a renewal.
func (r certificateRules) exclude(key signin.Key, now time.Time) (signin.Why, string) {
	c := key.Certificate
	return firstBroken([]certificateRule{
		{key.For == signin.ForSignatures, signin.WhyWrongUsage, "the card keeps it for documents"},
		{c.KeyUsage&x509.KeyUsageDigitalSignature == 0, signin.WhyWrongUsage, "it is not for digital signatures"},
		{key.Algorithm == "", signin.WhyWrongUsage, noKind},
		{c.KeyUsage&r.must != r.must, signin.WhyWrongUsage, "certificate.keyUsage"},
		{c.KeyUsage&r.mustNot != 0, signin.WhyWrongUsage, "certificate.notKeyUsage"},
		{len(r.extended) == 0 && !forClients(c), signin.WhyWrongUsage, "it is not for clients"},
		{!oneOf(r.extended, extendedUsages(c)), signin.WhyWrongUsage, "certificate.extendedKeyUsage"},
		{!oneOf(r.policies, c.Policies), signin.WhyWrongUsage, "certificate.policies"},
		{len(r.issuers) > 0 && !slices.Contains(r.issuers, c.Issuer.CommonName), signin.WhyWrongIssuer, "certificate.issuers"},
		{now.Before(c.NotBefore), signin.WhyNotYetValid, notYetValid},
		{now.After(c.NotAfter), signin.WhyExpired, expired},
		{now.Add(r.validFor).After(c.NotAfter), signin.WhyExpired, "certificate.validFor"},
	})
}

// certificateRule is one rule and what became of it.
type certificateRule struct {
	broken bool
	why    signin.Why
	name   string // as in the policy, or in words
}

// The names of rules that are not the administrator's.
const (
	noKind      = "its key is of no kind that can be used"
	notYetValid = "it is not valid yet"
	expired     = "it has expired"
)

func firstBroken(rules []certificateRule) (signin.Why, string) {
	for _, rule := range rules {
		if rule.broken {
			return rule.why, rule.name
		}
	}
	return "", ""
}

// oneOf reports whether a certificate has one of the named identifiers, or none
// is named.
func oneOf(named, has []x509.OID) bool {
	return len(named) == 0 || slices.ContainsFunc(has, func(oid x509.OID) bool {
		return slices.ContainsFunc(named, oid.Equal)
	})
}

func extendedUsages(c *x509.Certificate) []x509.OID {
	var all []x509.OID
	for _, u := range c.ExtKeyUsage {
		all = append(all, u.OID())
	}
	for _, u := range c.UnknownExtKeyUsage {
		if oid, err := x509.ParseOID(u.String()); err == nil {
			all = append(all, oid)
		}
	}
	return all
}

// forClients reports whether a certificate may authenticate a client (RFC 5280
// section 4.2.1.12). One without the extension is not limited.
func forClients(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}
