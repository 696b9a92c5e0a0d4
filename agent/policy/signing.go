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
	why, _ := p.certificate.excludeFromSigning(key, now)
	return why == "", why
}

// ExcludedFromSigning names the rule that keeps a key from signing documents, as
// Excluded does for sign-ins.
func (p *Policy) ExcludedFromSigning(key signin.Key, now time.Time) string {
	_, rule := p.certificate.excludeFromSigning(key, now)
	return rule
}

func (r certificateRules) excludeFromSigning(key signin.Key, now time.Time) (signin.Why, string) {
	c := key.Certificate
	return firstBroken([]certificateRule{
		{key.For == signin.ForAuthentication, signin.WhyWrongUsage, "the card keeps it for signing in"},
		{c.KeyUsage&x509.KeyUsageContentCommitment == 0, signin.WhyWrongUsage, "it is not for binding signatures"},
		{key.Algorithm == "", signin.WhyWrongUsage, noKind},
		{c.KeyUsage&x509.KeyUsageDigitalSignature != 0, signin.WhyBothUsages, "it is for digital signatures as well"},
		{slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth), signin.WhyBothUsages, "it is for clients as well"},
		{len(r.issuers) > 0 && !slices.Contains(r.issuers, c.Issuer.CommonName), signin.WhyWrongIssuer, "certificate.issuers"},
		{now.Before(c.NotBefore), signin.WhyNotYetValid, notYetValid},
		{now.After(c.NotAfter), signin.WhyExpired, expired},
	})
}
