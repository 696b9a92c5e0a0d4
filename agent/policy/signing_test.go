package policy

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

func TestOnlyAKeyThatCannotSignInSignsDocuments(t *testing.T) {
	const (
		digital = x509.KeyUsageDigitalSignature
		binding = x509.KeyUsageContentCommitment
	)
	clients := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for name, c := range map[string]struct {
		purpose  signin.KeyPurpose
		usage    x509.KeyUsage
		extended []x509.ExtKeyUsage
		sign     signin.Why // why not; empty where it may
		signIn   signin.Why
	}{
		"signing key of its slot":            {signin.ForSignatures, binding, nil, "", signin.WhyWrongUsage},
		"signing key of a module":            {"", binding, nil, "", signin.WhyWrongUsage},
		"sign-in key of its slot":            {signin.ForAuthentication, digital, clients, signin.WhyWrongUsage, ""},
		"sign-in key of a module":            {"", digital, nil, signin.WhyWrongUsage, ""},
		"both usages":                        {"", digital | binding, nil, signin.WhyBothUsages, ""},
		"signing key that could be a client": {"", binding, clients, signin.WhyBothUsages, signin.WhyWrongUsage},
		"signing slot that says it signs in": {signin.ForSignatures, digital, clients, signin.WhyWrongUsage, signin.WhyWrongUsage},
		"signing slot that says both":        {signin.ForSignatures, digital | binding, nil, signin.WhyBothUsages, signin.WhyWrongUsage},
		"sign-in slot that says it signs":    {signin.ForAuthentication, binding, nil, signin.WhyWrongUsage, signin.WhyWrongUsage},
		"sign-in slot that says both":        {signin.ForAuthentication, digital | binding, nil, signin.WhyWrongUsage, ""},
		"neither":                            {"", x509.KeyUsageKeyEncipherment, nil, signin.WhyWrongUsage, signin.WhyWrongUsage},
	} {
		p, err := Parse(nil)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		k := signin.Key{For: c.purpose, Algorithm: "ES256", Certificate: &x509.Certificate{
			KeyUsage: c.usage, ExtKeyUsage: c.extended, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		}}
		ok, why := p.MaySign(k, now)
		if rule := p.ExcludedFromSigning(k, now); ok != (c.sign == "") || why != c.sign || ok != (rule == "") {
			t.Errorf("%s, signing: %v, %q, %q", name, ok, why, rule)
		}
		if ok, why := p.Usable(k, now); ok != (c.signIn == "") || why != c.signIn {
			t.Errorf("%s, signing in: %v, %q", name, ok, why)
		}
		for when, why := range map[time.Time]signin.Why{now.Add(2 * time.Hour): signin.WhyExpired, now.Add(-2 * time.Hour): signin.WhyNotYetValid} {
			if ok, got := p.MaySign(k, when); c.sign == "" && (ok || got != why) {
				t.Errorf("%s: %v, %q, want %q", name, ok, got, why)
			}
		}
	}
}
