// Package policy reads what an administrator decided and answers questions
// about it: which origins may ask for what, which certificates sign people in,
// and what happens when a card is taken out.
//
// It never talks to a card or a page, and it never guesses: a file with an
// unknown name, a doubtful origin or a value out of range is refused as a
// whole, naming what is wrong.
//
// It is tested by tables over TOML texts and certificates.
package policy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/cardea-agent/cardea/agent/signin"
)

// The rights that an origin can have.
const (
	Authenticate = "authenticate"
	Sign         = "sign"
	ManagePIN    = "managePIN"
)

// Policy is one administrator's word. That of an empty text allows no origin,
// locks on removal with a quarter of an hour's grace, and lets sessions live
// for twelve hours.
type Policy struct {
	origins     map[string]origin
	removal     signin.Removal
	limit       time.Duration
	certificate certificateRules
}

type origin struct {
	rights  []string
	group   string
	removal signin.Removal
}

// The defaults and bounds of times.
const (
	defaultGrace = 15 * time.Minute
	defaultLimit = 12 * time.Hour
	longest      = 24 * time.Hour
)

// file is the TOML text. Its names are the documentation's.
type file struct {
	Origin      []fileOrigin     `toml:"origin"`
	Removal     fileRemoval      `toml:"removal"`
	Session     fileSession      `toml:"session"`
	Certificate certificateTable `toml:"certificate"`
}

type fileOrigin struct {
	URL     string      `toml:"url"`
	Rights  []string    `toml:"rights"`
	Group   string      `toml:"group"`
	Removal fileRemoval `toml:"removal"`
}

type fileRemoval struct {
	Action signin.RemovalAction `toml:"action"`
	Grace  *duration            `toml:"grace"`
}

type fileSession struct {
	Limit *duration `toml:"limit"`
}

type certificateTable struct {
	Policies []string `toml:"policies"`
	Issuers  []string `toml:"issuers"`
}

type duration time.Duration

// UnmarshalText reads Go's notation, such as 15m or 12h.
func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

// Load reads the policy of a file.
func Load(path string) (*Policy, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	p, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("policy: %s: %w", path, err)
	}
	return p, nil
}

// Parse reads the policy of a TOML text.
func Parse(text []byte) (*Policy, error) {
	var f file
	decoder := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok {
			return nil, fmt.Errorf("there is no such setting:\n%s", strict.String())
		}
		return nil, err
	}
	p := &Policy{origins: map[string]origin{}, limit: defaultLimit}
	var err error
	if p.removal, err = f.Removal.over(signin.Removal{Action: signin.RemovalLock, Grace: defaultGrace}); err != nil {
		return nil, fmt.Errorf("removal: %w", err)
	}
	if f.Session.Limit != nil {
		p.limit = time.Duration(*f.Session.Limit)
	}
	if p.limit <= 0 || p.limit > longest {
		return nil, fmt.Errorf("session.limit: must be more than nothing and at most %s", longest)
	}
	if p.certificate, err = f.Certificate.rules(); err != nil {
		return nil, fmt.Errorf("certificate.%w", err)
	}
	for _, o := range f.Origin {
		if err := p.add(o); err != nil {
			return nil, fmt.Errorf("origin %q: %w", o.URL, err)
		}
	}
	return p, nil
}

func (p *Policy) add(o fileOrigin) error {
	if err := checkOrigin(o.URL); err != nil {
		return err
	}
	if _, twice := p.origins[o.URL]; twice {
		return errors.New("is named twice")
	}
	switch {
	case o.Rights == nil:
		o.Rights = []string{Authenticate}
	case len(o.Rights) == 0:
		return errors.New("rights: names none; remove the origin instead")
	}
	for _, r := range o.Rights {
		if !slices.Contains([]string{Authenticate, Sign, ManagePIN}, r) {
			return fmt.Errorf("rights: there is no right %q", r)
		}
	}
	removal, err := o.Removal.over(p.removal)
	if err != nil {
		return fmt.Errorf("removal: %w", err)
	}
	for url, other := range p.origins {
		// One session has one card: what is locked for one is for all.
		if o.Group != "" && o.Group == other.group && removal != other.removal {
			return fmt.Errorf("removal: differs from that of %s in the same group", url)
		}
	}
	p.origins[o.URL] = origin{rights: o.Rights, group: o.Group, removal: removal}
	return nil
}

// over puts what the file says over what holds without it.
func (f fileRemoval) over(r signin.Removal) (signin.Removal, error) {
	switch f.Action {
	case "":
	case signin.RemovalNone, signin.RemovalLock, signin.RemovalSignOut:
		r.Action = f.Action
	default:
		return r, fmt.Errorf("action: must be none, lock or signOut, not %q", f.Action)
	}
	if f.Grace != nil {
		r.Grace = time.Duration(*f.Grace)
	}
	if r.Grace < 0 || r.Grace > longest {
		return r, fmt.Errorf("grace: must be at least nothing and at most %s", longest)
	}
	return r, nil
}

// Rights returns what an origin may ask for; known is false for an origin that
// is not on the list. The comparison is exact.
func (p *Policy) Rights(url string) (rights []string, known bool) {
	o, known := p.origins[url]
	return slices.Clone(o.rights), known
}

// Removal is what happens to an origin's sessions when the card is out.
func (p *Policy) Removal(url string) signin.Removal {
	if o, known := p.origins[url]; known {
		return o.removal
	}
	return p.removal
}

// SameGroup reports whether two origins share their sessions.
func (p *Policy) SameGroup(a, b string) bool {
	if a == b {
		return true
	}
	group := p.origins[a].group
	return group != "" && group == p.origins[b].group
}

// SessionLimit is the longest life of a session, counted from its PIN.
func (p *Policy) SessionLimit() time.Duration { return p.limit }

var _ signin.Rules = (*Policy)(nil)
