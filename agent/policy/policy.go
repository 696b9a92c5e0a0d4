// Package policy reads what an administrator decided and answers questions
// about it: which origins may ask for what, which certificates sign people in,
// what happens when a card is taken out, and where the list of further cards
// is.
//
// It never talks to a card or a page, and it never guesses: a file with an
// unknown name, a doubtful origin or a value out of range is refused as a
// whole, naming what is wrong. A file that others than administrators can write
// is no policy where the administrator's is looked for, and may never say what
// is to be loaded.
//
// It is tested by tables over TOML texts, certificates and files.
package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/stricttoml"
	"github.com/cardea-agent/cardea/agent/trust"
	"github.com/cardea-agent/cardea/agent/weborigin"
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
	cardList    string
	ask         bool
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
	Origins     fileOrigins      `toml:"origins"`
	Removal     fileRemoval      `toml:"removal"`
	Session     fileSession      `toml:"session"`
	Certificate certificateTable `toml:"certificate"`
	Cards       fileCards        `toml:"cards"`
}

type fileOrigins struct {
	Ask bool `toml:"ask"`
}

type fileCards struct {
	List *string `toml:"list"`
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

type duration time.Duration

// UnmarshalText reads Go's notation, such as 15m or 12h.
func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = duration(v)
	return err
}

// LoadTrusted reads the policy of a file that must be the administrators' alone,
// as package trust says. Its error is fs.ErrNotExist for a file that is missing.
func LoadTrusted(path string) (*Policy, error) {
	resolved, err := trust.File(path)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return load(resolved)
}

// Load reads the policy of a file that whoever starts the agent named. Only one
// that is the administrators' alone may have a card list, which names what is
// loaded into a process, and wildcards, which allow sites that nobody named.
func Load(path string) (*Policy, error) {
	p, err := load(path)
	if err != nil {
		return nil, err
	}
	what := ""
	for url := range p.origins {
		if weborigin.IsWildcard(url) {
			what = fmt.Sprintf("origin %q: only a policy that administrators alone can write may have a wildcard", url)
		}
	}
	if p.cardList != "" {
		what = "cards.list: only a policy that administrators alone can write may have one"
	}
	if what == "" {
		return p, nil
	}
	absolute, err := filepath.Abs(path)
	if err == nil {
		_, err = trust.File(absolute)
	}
	if err != nil {
		return nil, fmt.Errorf("policy: %s: %w", what, err)
	}
	return p, nil
}

func load(path string) (*Policy, error) {
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
	if err := stricttoml.Decode(text, &f); err != nil {
		return nil, err
	}
	p := &Policy{origins: map[string]origin{}, limit: defaultLimit, ask: f.Origins.Ask}
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
	if f.Cards.List != nil {
		if p.cardList = *f.Cards.List; !filepath.IsAbs(p.cardList) {
			return nil, fmt.Errorf("cards.list: must be an absolute path, not %q", p.cardList)
		}
	}
	for _, o := range f.Origin {
		if err := p.add(o); err != nil {
			return nil, fmt.Errorf("origin %q: %w", o.URL, err)
		}
	}
	return p, nil
}

func (p *Policy) add(o fileOrigin) error {
	if err := weborigin.CheckEntry(o.URL); err != nil {
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

// find returns the entry that an origin matches: its own, or else the most
// particular one with a wildcard.
func (p *Policy) find(url string) (o origin, known bool) {
	for pattern := range weborigin.Patterns(url) {
		if o, known = p.origins[pattern]; known {
			return o, true
		}
	}
	return origin{}, false
}

// Rights returns what an origin may ask for; known is false for an origin that
// is not on the list. The comparison is exact, but for wildcards.
func (p *Policy) Rights(url string) (rights []string, known bool) {
	o, known := p.find(url)
	return slices.Clone(o.rights), known
}

// AskOrigins reports whether the person may be asked about an origin that is
// not on the list.
func (p *Policy) AskOrigins() bool { return p.ask }

// Removal is what happens to an origin's sessions when the card is out.
func (p *Policy) Removal(url string) signin.Removal {
	if o, known := p.find(url); known {
		return o.removal
	}
	return p.removal
}

// SameGroup reports whether two origins share their sessions.
func (p *Policy) SameGroup(a, b string) bool {
	if a == b {
		return true
	}
	one, _ := p.find(a)
	other, _ := p.find(b)
	return one.group != "" && one.group == other.group
}

// SessionLimit is the longest life of a session, counted from its PIN.
func (p *Policy) SessionLimit() time.Duration { return p.limit }

// CardList is the path of the administrator's card list, empty without one. The
// file is yet to be checked with package trust.
func (p *Policy) CardList() string { return p.cardList }

var _ signin.Rules = (*Policy)(nil)
