// Package policy has the one table of settings, reads what administrators and
// people wrote of them, and answers questions about what came of it: which
// origins may ask for what, which certificates sign people in, what happens when
// a card is taken out, and where the list of further cards is.
//
// A row of the table (see [Setting]) is all that there is about a setting. From
// it come the reading of every place that can have it, the pages and templates
// that package gen writes, and "cardea-agent policy show". The places are, the
// first before the others: an organisation's policy (a folder of TOML files, the
// registry's part for group policy, a managed profile), the computer's own file,
// and the person's own file for the few settings that they may change.
//
// [Live] is a policy that follows its places while the agent runs. One that went
// bad changes nothing: the last good one stays, and the state says what is wrong.
//
// The package never talks to a card or a page, and it never guesses: an unknown
// name, a doubtful origin or a value out of range is refused, naming the place,
// the line and the setting. A file that others than administrators can write is
// no policy where the administrator's is looked for, and may never say what is
// to be loaded. A person's own file can neither add to nor take from what an
// administrator decided; when it is bad it alone is left out.
//
// It is tested by tables over TOML texts, registry keys, profiles, certificates
// and files, and with files that change while they are followed.
package policy

//go:generate go run ./gen

import (
	"log/slog"
	"slices"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/weborigin"
)

// The rights that an origin can have.
const (
	Authenticate = "authenticate"
	Sign         = "sign"
	ManagePIN    = "managePIN"
)

// Policy is what counts of all that was decided. It does not change. That of an
// empty text allows no origin, locks on removal with a quarter of an hour's
// grace, and lets sessions live for twelve hours.
type Policy struct {
	origins     map[string]origin
	order       []string // the origins as they were written
	removal     signin.Removal
	limit       time.Duration
	certificate certificateRules
	cardList    string
	ask         bool
	port        int
	autostart   bool
	logLevel    slog.Level
	browsers    []string
	contacts    map[Help]Contact

	effective []Effective
	warnings  []*Problem
}

type origin struct {
	rights  []string
	group   string
	removal signin.Removal
	action  *signin.RemovalAction // its own, if it has one
	grace   *time.Duration
	from    Origin
}

func newPolicy() *Policy { return &Policy{origins: map[string]origin{}} }

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

// Current returns the policy itself: it does not change.
func (p *Policy) Current() (*Policy, <-chan struct{}) { return p, nil }

// Origins are the sites that may ask, in the order in which they are written.
func (p *Policy) Origins() []string { return slices.Clone(p.order) }

// Port is the port that pages reach the agent at.
func (p *Policy) Port() int { return p.port }

// Autostart reports whether agent and tray are started for those who sign in to
// the computer.
func (p *Policy) Autostart() bool { return p.autostart }

// LogLevel is the least that is logged.
func (p *Policy) LogLevel() slog.Level { return p.logLevel }

// Contact is whom to ask for a kind of help; ok is false when nobody is named.
func (p *Policy) Contact(kind Help) (c Contact, ok bool) {
	c, ok = p.contacts[kind]
	return c, ok
}

// Browsers are those that the sites are to be allowed in.
func (p *Policy) Browsers() []string { return slices.Clone(p.browsers) }

var _ signin.Rules = (*Policy)(nil)
