package verify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"
)

// RevocationMode says what happens when nothing could say whether a certificate
// was taken back. There is no default.
type RevocationMode string

// The modes.
const (
	// RevocationOff checks nothing. Cards that were lost sign in until they
	// expire.
	RevocationOff RevocationMode = "off"
	// RevocationHardFail refuses with CodeRevocationUnknown: a responder that
	// is down stops all sign-ins.
	RevocationHardFail RevocationMode = "hardFail"
	// RevocationSoftFail accepts, and says so in Identity.Revocation: who can
	// keep the server from its responder can use a revoked card. A responder's
	// signed answer that it does not know the certificate is refused all the
	// same.
	RevocationSoftFail RevocationMode = "softFail"
)

// Revocation says where to ask. OCSP is asked first, then each CRL until one
// answers for the certificate. Answers are kept until their nextUpdate, and asked
// for again after an hour; when that fails, what is kept serves on.
//
// Addresses in a certificate are used only after its chain was verified, so the
// issuer chose them, not who sent the token. They are still addresses that this
// server is made to ask: configure OCSPURL and CRLs, or an HTTPClient whose
// transport refuses inner addresses, where the issuer is not trusted so far.
type Revocation struct {
	Mode RevocationMode

	// OCSP asks the responder that the certificate names, or OCSPURL if set.
	OCSP    bool
	OCSPURL string

	// CRLs are http and https addresses or absolute paths of files, in DER.
	CRLs []string
	// CRLFromCertificate fetches the lists that the certificate names.
	CRLFromCertificate bool

	// HTTPClient asks responders and fetches lists; nil is one with a time
	// limit of 5 seconds that follows no redirects.
	HTTPClient *http.Client
}

// RevocationStatus is what was found out about a certificate that was accepted.
type RevocationStatus string

// The statuses.
const (
	RevocationNotChecked RevocationStatus = "notChecked" // RevocationOff
	RevocationGood       RevocationStatus = "good"
	RevocationUnknown    RevocationStatus = "unknown" // only with RevocationSoftFail
)

// clockSkew is how far ahead of ours an issuer's clock may be.
const clockSkew = 5 * time.Minute

var (
	errRevoked = errors.New("revoked")
	// errNotIssued is a responder's signed answer that it does not know a
	// certificate. Unlike silence it is no reason to accept one.
	errNotIssued = errors.New("the responder does not know the certificate")
)

// checker finds out whether certificates are revoked. Its sources return nil
// for good, errRevoked, errNotIssued, or why they cannot say.
type checker struct {
	config Revocation
	client *http.Client
	clock  func() time.Time
	ocsp   *cache[ocspAnswer]
	crls   *cache[*crl]
}

func newChecker(config Revocation, clock func() time.Time) (*checker, error) {
	sources := config.OCSP || len(config.CRLs) > 0 || config.CRLFromCertificate
	switch config.Mode {
	case RevocationOff:
		if sources {
			return nil, errors.New("verify: Revocation names sources and is off")
		}
	case RevocationHardFail, RevocationSoftFail:
		if !sources {
			return nil, errors.New("verify: Revocation names no source")
		}
	default:
		return nil, fmt.Errorf("verify: Revocation.Mode is %q; it must be chosen", config.Mode)
	}
	if config.OCSPURL != "" && (!config.OCSP || !isWebURL(config.OCSPURL)) {
		return nil, fmt.Errorf("verify: Revocation.OCSPURL %q needs OCSP and must be http or https", config.OCSPURL)
	}
	for _, place := range config.CRLs {
		if !isWebURL(place) && !filepath.IsAbs(place) {
			return nil, fmt.Errorf("verify: CRL %q is neither a web address nor an absolute path", place)
		}
	}
	c := &checker{config: config, client: config.HTTPClient, clock: clock}
	if c.client == nil {
		c.client = newHTTPClient()
	}
	c.ocsp = newCache[ocspAnswer](clock, maxCachedAnswers)
	c.crls = newCache[*crl](clock, maxCachedLists)
	return c, nil
}

// check says whether issuer took cert back.
func (c *checker) check(ctx context.Context, cert, issuer *x509.Certificate) (RevocationStatus, error) {
	if c.config.Mode == RevocationOff {
		return RevocationNotChecked, nil
	}
	var causes []error
	for _, ask := range c.sources(cert) {
		err := ask(ctx, cert, issuer)
		switch {
		case err == nil:
			return RevocationGood, nil
		case errors.Is(err, errRevoked):
			return "", refuse(CodeCertificateRevoked, err)
		case errors.Is(err, errNotIssued):
			return "", refuse(CodeRevocationUnknown, err)
		case ctx.Err() != nil:
			// The caller gave up. That is no answer to accept on.
			return "", refuse(CodeInternal, ctx.Err())
		}
		causes = append(causes, err)
	}
	if c.config.Mode == RevocationSoftFail {
		return RevocationUnknown, nil
	}
	if len(causes) == 0 {
		causes = append(causes, errors.New("the certificate names no place to ask"))
	}
	return "", refuse(CodeRevocationUnknown, errors.Join(causes...))
}

type source func(ctx context.Context, cert, issuer *x509.Certificate) error

func (c *checker) sources(cert *x509.Certificate) []source {
	var all []source
	if c.config.OCSP {
		responders := cert.OCSPServer
		if c.config.OCSPURL != "" {
			responders = []string{c.config.OCSPURL}
		}
		for _, url := range firstWebURLs(responders) {
			all = append(all, c.askOCSP(url))
		}
	}
	places := c.config.CRLs
	if c.config.CRLFromCertificate {
		places = append(places[:len(places):len(places)], firstWebURLs(cert.CRLDistributionPoints)...)
	}
	for _, place := range places {
		all = append(all, c.askCRL(place))
	}
	return all
}

// fresh says until when an answer may be used. One without nextUpdate is of its
// own moment (RFC 6960, section 2.4): it may be an hour old and is not kept.
func fresh(now, thisUpdate, nextUpdate time.Time) (until time.Time, err error) {
	if thisUpdate.After(now.Add(clockSkew)) {
		return time.Time{}, fmt.Errorf("of the future: thisUpdate %v", thisUpdate)
	}
	if nextUpdate.IsZero() && now.Before(thisUpdate.Add(time.Hour)) {
		return now, nil
	}
	if !now.Before(nextUpdate) {
		return time.Time{}, fmt.Errorf("stale: thisUpdate %v, nextUpdate %v", thisUpdate, nextUpdate)
	}
	return nextUpdate, nil
}
