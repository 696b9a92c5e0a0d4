// Package approvals lets a person decide about sites that no administrator
// listed, where the policy allows that (origins.ask): it has them asked, keeps
// the answer in a small file of their own, and is the list of origins that the
// door asks.
//
// A page that is not on the list was refused already when its person is asked;
// nothing waits for the answer. A yes is for one origin, to the letter and port,
// and gives the right to authenticate alone. After a no an origin is not asked
// about again for a day, after no answer for ten minutes; one question is asked
// at a time, and five a day whatever names pages make up. While the policy does
// not allow asking, no answer counts.
//
// It never asks twice at once, never asks about an origin that is not https,
// never believes a file that others may write or that is damaged, and never
// widens an answer. The file is read anew when it has changed, so an answer that
// another program took back no longer counts, and it is replaced under a lock.
//
// It is tested with real files, two processes among their writers, on a clock of
// the test's own; its parser is fuzzed.
package approvals

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/weborigin"
)

const (
	day = 24 * time.Hour
	// maxDaily is how many questions a person gets in a day, whatever the
	// pages call themselves.
	maxDaily = 5
	// again is how long an origin waits that got no answer.
	again = 10 * time.Minute
	// patience is how long a question is shown.
	patience = 2 * time.Minute
	// breather is how long nothing is asked when no window could be shown: a
	// page that tries on and on must not keep the tray busy.
	breather = 5 * time.Second
)

// What a person's decisions are called in the audit log.
const (
	EventAllow  = "allowOrigin"
	EventRevoke = "revokeOrigin"
)

// right is all that a person's yes gives.
const right = "authenticate"

// Rules are the administrator's decisions.
type Rules interface {
	// Rights returns what an origin on the list may ask for.
	Rights(origin string) (rights []string, known bool)
	// AskOrigins reports whether the person may be asked about others.
	AskOrigins() bool
}

// Asker shows the question to the person.
type Asker interface {
	// AskOrigin asks whether an origin may ask for sign-ins, and waits.
	// readable is the origin as people write it, or the same. Its error has the
	// code CodeBusy when the person has another window to answer, which goes
	// first, CodeNoPromptUI when nothing can ask, and CodeSessionLocked when the
	// desktop is locked or becomes so.
	AskOrigin(ctx context.Context, origin, readable string) (allowed bool, err error)
}

// Config is what a Desk works with. All but File and Asker is required.
type Config struct {
	Rules Rules
	File  *File // nil: nobody is asked, and no answer counts
	Asker Asker // nil: nobody is asked
	Audit signin.Audit
	Log   *slog.Logger
}

// Desk is the list of allowed origins: the administrator's, and what the person
// added. Run must be running for questions to be asked.
type Desk struct {
	Config
	refused chan string // nobody waits for a place in it
	quiet   time.Time   // nothing is asked before; Run's own
	failed  string      // the last complaint about the file; Run's own
}

// New makes a Desk.
func New(config Config) *Desk { return &Desk{Config: config, refused: make(chan string)} }

// Rights returns what an origin may ask for.
func (d *Desk) Rights(origin string) (rights []string, known bool) {
	if rights, known = d.Rules.Rights(origin); known || d.File == nil || !d.Rules.AskOrigins() {
		return rights, known
	}
	if allowed, err := d.File.Allowed(origin); err != nil || !allowed {
		return nil, false
	}
	return []string{right}, true
}

// Listed reports whether an administrator listed the origin.
func (d *Desk) Listed(origin string) bool {
	_, known := d.Rules.Rights(origin)
	return known
}

// Refused is told of an origin that was turned away because it is not on the
// list. It never waits: while something is asked, others are not.
func (d *Desk) Refused(origin string) {
	select {
	case d.refused <- origin:
	default:
	}
}

// Run asks, one question at a time, until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	for {
		select {
		case origin := <-d.refused:
			d.consider(ctx, origin)
		case <-ctx.Done():
			return nil
		}
	}
}

// consider asks about an origin unless a limit says no.
func (d *Desk) consider(ctx context.Context, origin string) {
	if d.Asker == nil || d.File == nil || !d.Rules.AskOrigins() ||
		weborigin.Check(origin, false) != nil || !weborigin.IsValid(origin) {
		return
	}
	now := d.File.now()
	if now.Before(d.quiet) {
		return
	}
	c, err := d.File.read()
	if err != nil {
		if d.failed != err.Error() {
			d.failed = err.Error()
			d.Log.Error("nobody is asked about a site, and no answer counts, while the file of answers cannot be read", "err", err)
		}
		return
	}
	if reason := c.unasked(origin, now); reason != "" {
		d.Log.Debug("the person is not asked about a site", "origin", origin, "reason", reason)
		return
	}
	d.ask(ctx, origin)
}

// unasked is why the person is not asked about an origin now; empty when they
// are.
func (c content) unasked(origin string, now time.Time) string {
	c = c.pruned(now)
	if e, found := c.answer(origin); found {
		return "it was " + string(e.Answer)
	}
	if len(c.Asked) >= maxDaily {
		return "there were enough questions for a day"
	}
	if len(c.Answers) >= maxAnswers {
		return "there is no room for another answer"
	}
	if slices.ContainsFunc(c.Asked, func(a asked) bool { return a.Origin == origin && recent(a.At, now, again) }) {
		return "there was no answer a moment ago"
	}
	return ""
}

// errPatience ends a question that nobody answers.
var errPatience = errors.New("approvals: nobody answered")

func (d *Desk) ask(ctx context.Context, origin string) {
	asking, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	allowed, err := d.Asker.AskOrigin(asking, origin, weborigin.Readable(origin))
	var answer Answer
	outcome := "ok"
	switch {
	case err == nil && allowed:
		answer = Allowed
	case err == nil:
		answer, outcome = Refused, string(signin.CodeCancelled)
	case ctx.Err() != nil:
		return
	case errors.Is(context.Cause(asking), errPatience):
		outcome = string(signin.CodeTimedOut)
	case signin.CodeOf(err) == signin.CodeSessionLocked: // nobody saw it: it counts for nothing
		d.Log.Debug("the person is not asked about a site behind a locked screen", "origin", origin)
		return
	default:
		d.quiet = d.File.now().Add(breather)
		d.Log.Info("the person could not be asked about a site", "origin", origin, "err", err)
		return
	}
	if err := d.File.keep(origin, answer, d.File.now()); err != nil {
		d.quiet = d.File.now().Add(day) // what cannot be kept is not asked for again and again
		d.Log.Error("the answer about a site cannot be kept, so it does not count", "origin", origin, "err", err)
		if answer == Allowed {
			outcome = string(signin.CodeInternal)
		}
	}
	d.Audit.Record(signin.Event{What: EventAllow, Origin: origin, Outcome: outcome})
	d.Log.Info("the person was asked about a site", "origin", origin, "outcome", outcome)
}

// Lines are the answers for people to read.
func Lines(entries []Entry) []string {
	lines := make([]string, 0, len(entries))
	for _, e := range entries {
		line := fmt.Sprintf("%s  %s  %s", e.Answer, e.At.Local().Format("2006-01-02 15:04"), e.Origin)
		if readable := weborigin.Readable(e.Origin); readable != e.Origin {
			line += "  (" + readable + ")"
		}
		lines = append(lines, line)
	}
	return lines
}
