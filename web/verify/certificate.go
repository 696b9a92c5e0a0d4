package verify

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// checkTrust checks validity and chain, and returns the certificate of the
// issuer. crypto/x509 sees to signatures, path lengths, name constraints,
// critical extensions and the extended usages that issuers are limited to.
func (v *Verifier) checkTrust(cert *x509.Certificate, now time.Time, extended x509.ExtKeyUsage) (*x509.Certificate, error) {
	if now.Before(cert.NotBefore) {
		return nil, refuse(CodeCertificateNotYetValid, fmt.Errorf("valid from %v", cert.NotBefore))
	}
	if now.After(cert.NotAfter) {
		return nil, refuse(CodeCertificateExpired, fmt.Errorf("valid until %v", cert.NotAfter))
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots:         v.config.Roots,
		Intermediates: v.config.Intermediates,
		CurrentTime:   now,
		// A certificate without the extension passes this; checkUsage decides.
		KeyUsages: []x509.ExtKeyUsage{extended},
	})
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.IncompatibleUsage {
		return nil, refuse(CodeWrongUsage, err)
	}
	if err != nil {
		return nil, refuse(CodeCertificateUntrusted, err)
	}
	for _, chain := range chains {
		if len(chain) > 1 {
			return chain[1], nil
		}
	}
	return nil, refuseText(CodeCertificateUntrusted, "the certificate is a root itself")
}

// checkUsage checks that the certificate is one for signing in.
func (v *Verifier) checkUsage(cert *x509.Certificate) error {
	switch {
	case cert.IsCA:
		return refuseText(CodeWrongUsage, "the certificate is an authority's")
	case cert.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return refuseText(CodeWrongUsage, "no key usage digitalSignature")
	case cert.KeyUsage&x509.KeyUsageContentCommitment != 0 && !v.config.NonRepudiation:
		return refuseText(CodeWrongUsage, "key usage nonRepudiation")
	case len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 && !v.config.NoExtendedUsage:
		return refuseText(CodeWrongUsage, "no extended key usage")
	}
	return checkPolicies(cert, v.config.Policies)
}

// checkPolicies checks that a certificate carries one of the policies, if any
// is asked for.
func checkPolicies(cert *x509.Certificate, policies []x509.OID) error {
	if len(policies) == 0 {
		return nil
	}
	wanted := func(policy x509.OID) bool {
		return slices.ContainsFunc(policies, policy.Equal)
	}
	if !slices.ContainsFunc(cert.Policies, wanted) {
		return refuse(CodeWrongPolicy, fmt.Errorf("policies %v", cert.Policies))
	}
	return nil
}
