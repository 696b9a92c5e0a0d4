package verify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// DefaultNonceLife is how long a challenge may be answered: the two minutes
// that the agent gives a person by default, and time to find the card.
const DefaultNonceLife = 5 * time.Minute

// maxNonceLife is the agent's own longest wait and the way there and back.
const maxNonceLife = 15 * time.Minute

// Config is what a site decides. Origins, Roots, UserID and Revocation.Mode have
// no default.
type Config struct {
	// Origins are those of the site's own pages that sign in, as browsers
	// serialise them: "https://signin.example", with the port if it is not the
	// scheme's own, and no slash at the end. http is for loopback names only.
	Origins []string

	// Roots are the certificate authorities that issue the cards, or those
	// above them. Intermediates complete chains: a token carries the card's
	// certificate alone.
	Roots         *x509.CertPool
	Intermediates *x509.CertPool

	// Policies are object identifiers of certificate policies. The card's
	// certificate must carry one of them. Empty: none is asked for.
	Policies []x509.OID

	// NoExtendedUsage accepts certificates that have no extended key usage
	// extension, as the cards of some issuers do. One that has the extension
	// must allow client authentication in any case.
	NoExtendedUsage bool

	// NonRepudiation accepts certificates that also sign documents. By default
	// they are refused: a signature asked for as a document's could sign in.
	NonRepudiation bool

	// UserID reads the user id from a certificate: CommonName,
	// SubjectSerialNumber, CommonNameMatching or a function of the site's own.
	UserID UserID

	// DocumentPolicies and DocumentUserID are for VerifyDocument what Policies
	// and UserID are for sign-ins, where the card's signing certificate has
	// others. A nil DocumentUserID is UserID.
	DocumentPolicies []x509.OID
	DocumentUserID   UserID

	// IssuerNames gives issuing authorities another name in Identity.Issuer,
	// by the name that x509.Certificate.Issuer.String() has for them. Give all
	// generations of one authority one name, and people stay who they are when
	// their next card comes from the next generation.
	IssuerNames map[string]string

	// Revocation says how it is found out whether a card was taken back.
	Revocation Revocation

	// Nonces keeps the open challenges; nil keeps 100,000 of them in memory.
	Nonces NonceStore
	// NonceLife is how long a challenge may be answered, at most 15 minutes;
	// zero is DefaultNonceLife.
	NonceLife time.Duration
	// Clock is for tests; nil is time.Now.
	Clock func() time.Time
}

// Verifier checks tokens. It may be used by many at once.
type Verifier struct {
	config     Config
	nonces     NonceStore
	nonceLife  time.Duration
	clock      func() time.Time
	revocation *checker
}

// New returns a Verifier, or an error that says what is wrong with config.
func New(config Config) (*Verifier, error) {
	v := &Verifier{config: config, nonces: config.Nonces, nonceLife: config.NonceLife, clock: config.Clock}
	v.config.Origins = slices.Clone(config.Origins)
	if len(config.Origins) == 0 {
		return nil, errors.New("verify: Config.Origins is empty")
	}
	for _, origin := range config.Origins {
		if err := checkOrigin(origin); err != nil {
			return nil, err
		}
	}
	if config.Roots == nil {
		return nil, errors.New("verify: Config.Roots is missing; the system's roots do not issue smartcards")
	}
	if config.UserID == nil {
		return nil, errors.New("verify: Config.UserID is missing")
	}
	if v.config.DocumentUserID == nil {
		v.config.DocumentUserID = v.config.UserID
	}
	if v.nonceLife == 0 {
		v.nonceLife = DefaultNonceLife
	}
	if v.nonceLife < 0 || v.nonceLife > maxNonceLife {
		return nil, fmt.Errorf("verify: Config.NonceLife is %v, at most %v is allowed", v.nonceLife, maxNonceLife)
	}
	if v.nonces == nil {
		v.nonces = NewMemoryStore(100_000)
	}
	if v.clock == nil {
		v.clock = time.Now
	}
	var err error
	v.revocation, err = newChecker(config.Revocation, v.clock)
	return v, err
}

// checkOrigin wants an origin in the browsers' own serialisation: any other
// text would refuse every token, and nothing would say why.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil {
		return fmt.Errorf("verify: origin %q: %w", origin, err)
	}
	host, port := u.Hostname(), u.Port()
	loopback := host == "localhost" || net.ParseIP(host).IsLoopback()
	isASCII := !strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r > '~' })
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback):
		return fmt.Errorf("verify: origin %q is not https", origin)
	case host == "" || origin != u.Scheme+"://"+u.Host || u.User != nil || strings.HasSuffix(u.Host, ":"):
		return fmt.Errorf("verify: origin %q is more or less than scheme, host and port", origin)
	case origin != strings.ToLower(origin) || !isASCII:
		return fmt.Errorf("verify: origin %q is not lower-case ASCII; write the host as xn--", origin)
	case u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80":
		return fmt.Errorf("verify: origin %q names its scheme's own port; browsers leave it out", origin)
	}
	return nil
}

// Verify checks the token that answers the session's challenge and returns who
// signed in. Every error is a *Error. The challenge is used up in any case.
func (v *Verifier) Verify(ctx context.Context, sessionKey string, token []byte) (Identity, error) {
	return v.verify(ctx, sessionKey, token, nil)
}

// Resume checks the token as Verify does, and that it is by the certificate of
// previous, which an earlier Verify of the same session returned. Another
// certificate is CodeDifferentCard, also one of the same person: a person with a
// new card signs in anew.
func (v *Verifier) Resume(ctx context.Context, sessionKey string, token []byte, previous Identity) (Identity, error) {
	if previous.Certificate == nil || len(previous.Certificate.Raw) == 0 {
		if _, err := v.takeNonce(ctx, sessionKey); err != nil {
			return Identity{}, err
		}
		return Identity{}, refuseText(CodeInternal, "the previous identity has no certificate")
	}
	return v.verify(ctx, sessionKey, token, previous.Certificate)
}

// verify does what the package comment lists, in its order. previous is nil but
// for Resume.
func (v *Verifier) verify(ctx context.Context, sessionKey string, text []byte, previous *x509.Certificate) (Identity, error) {
	nonce, err := v.takeNonce(ctx, sessionKey)
	if err != nil {
		return Identity{}, err
	}
	token, err := parseToken(text)
	if err != nil {
		return Identity{}, err
	}
	alg, err := token.checkedAlgorithm()
	if err != nil {
		return Identity{}, err
	}
	signedFor := slices.IndexFunc(v.config.Origins, func(origin string) bool {
		return token.verify(alg, origin, nonce)
	})
	if signedFor < 0 {
		return Identity{}, refuse(CodeSignatureInvalid, nil)
	}
	cert, now := token.certificate, v.clock()
	issuer, err := v.checkTrust(cert, now, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return Identity{}, err
	}
	if err := v.checkUsage(cert); err != nil {
		return Identity{}, err
	}
	identity, err := v.identify(cert, v.config.UserID)
	if err != nil {
		return Identity{}, err
	}
	if previous != nil && !cert.Equal(previous) {
		return Identity{}, refuse(CodeDifferentCard, nil)
	}
	identity.Origin = v.config.Origins[signedFor]
	identity.Revocation, err = v.revocation.check(ctx, cert, issuer)
	if err != nil {
		return Identity{}, err
	}
	return identity, nil
}
