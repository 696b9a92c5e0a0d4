package policy

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// certificateRules narrow which certificates may sign people in. Empty lists
// allow any.
type certificateRules struct {
	policies []x509.OID
	issuers  []string // common names
}

func (t certificateTable) rules() (certificateRules, error) {
	r := certificateRules{issuers: t.Issuers}
	for _, s := range t.Policies {
		oid, err := x509.ParseOID(s)
		if err != nil {
			return r, fmt.Errorf("policies: %q is no object identifier", s)
		}
		r.policies = append(r.policies, oid)
	}
	return r, nil
}

// Usable says whether a key may sign people in at now: it must be meant for
// digital signatures, for clients if it says for whom, carry one of the
// policies and be of one of the issuers that the administrator named, and be
// within its dates. The dates are looked at last: a certificate of another
// kind is not made better by a renewal.
func (p *Policy) Usable(key signin.Key, now time.Time) (bool, signin.Why) {
	c := key.Certificate
	switch {
	case c.KeyUsage&x509.KeyUsageDigitalSignature == 0, !forClients(c), key.Algorithm == "":
		return false, signin.WhyWrongUsage
	case len(p.certificate.policies) > 0 && !slices.ContainsFunc(c.Policies, p.named):
		return false, signin.WhyWrongUsage
	case len(p.certificate.issuers) > 0 && !slices.Contains(p.certificate.issuers, c.Issuer.CommonName):
		return false, signin.WhyWrongIssuer
	case now.Before(c.NotBefore):
		return false, signin.WhyNotYetValid
	case now.After(c.NotAfter):
		return false, signin.WhyExpired
	}
	return true, ""
}

func (p *Policy) named(oid x509.OID) bool {
	return slices.ContainsFunc(p.certificate.policies, oid.Equal)
}

// forClients reports whether a certificate may authenticate a client (RFC 5280
// section 4.2.1.12). One without the extension is not limited.
func forClients(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}
