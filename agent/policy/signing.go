package policy

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// MaySign says whether a key may sign documents at now: it must be meant for
// binding signatures and for nothing that signs people in, neither by the card's
// structure nor by its certificate. The digests that it signs come from a page,
// and one of them could be a sign-in's.
//
// A policy that narrows the issuers narrows them here too; certificate.policies
// names those of sign-ins and is not asked.
func (p *Policy) MaySign(key signin.Key, now time.Time) (bool, signin.Why) {
	c := key.Certificate
	switch {
	case key.For == signin.ForAuthentication, c.KeyUsage&x509.KeyUsageContentCommitment == 0, key.Algorithm == "":
		return false, signin.WhyWrongUsage
	case c.KeyUsage&x509.KeyUsageDigitalSignature != 0, slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return false, signin.WhyBothUsages
	case len(p.certificate.issuers) > 0 && !slices.Contains(p.certificate.issuers, c.Issuer.CommonName):
		return false, signin.WhyWrongIssuer
	case now.Before(c.NotBefore):
		return false, signin.WhyNotYetValid
	case now.After(c.NotAfter):
		return false, signin.WhyExpired
	}
	return true, ""
}
