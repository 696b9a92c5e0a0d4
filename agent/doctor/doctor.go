// Package doctor is "Check this PC": what can be found to be right or wrong with
// a computer, as data, and the running of checks.
//
// A [Finding] has a stable code and says what was seen. What that means, who can
// mend it and how is the code's row in [Table], once for the command line, the
// tray and pages. A [Probe] looks at one thing and lives with what it looks at:
// card readers with the card code, the port with the code that listens.
//
// The package looks at nothing itself, changes nothing, and never waits for a
// check longer than it may take. What probes see goes into reports for a service
// desk: no probe tells a PIN, a whole certificate or who holds a card.
//
// It is tested with probes that hang, panic and fail. That each code can be
// found on a real computer is a test of the command, which fails for a code that
// it cannot produce.
package doctor

//go:generate go run ./gen

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/protocol"
)

// Code is the stable name of a finding.
type Code string

// Severity says how bad a finding is.
type Severity string

// The severities, from the best.
const (
	OK      Severity = "ok"      // it is as it should be
	Note    Severity = "note"    // nothing is wrong, and it is good to know
	Warning Severity = "warning" // it works, and will not for everybody or for ever
	Problem Severity = "problem" // somebody cannot sign in until it is mended
)

// rank orders the severities.
var rank = map[Severity]int{OK: 0, Note: 1, Warning: 2, Problem: 3}

// Worse reports whether s is worse than o.
func (s Severity) Worse(o Severity) bool { return rank[s] > rank[o] }

// Area is what a finding is about.
type Area string

// The areas, in the order of a report.
const (
	Service      Area = "service"
	Readers      Area = "readers"
	Cards        Area = "card"
	Certificates Area = "certificates"
	Clock        Area = "clock"
	Modules      Area = "modules"
	Agent        Area = "agent"
	Tray         Area = "tray"
	Port         Area = "port"
	Policy       Area = "policy"
	Browsers     Area = "browsers"
	Session      Area = "session"
	Checks       Area = "checks"
)

// Row is what is known of a code.
type Row struct {
	Area     Area
	Severity Severity
	Who      protocol.Who // the first who can mend it; empty when nothing is to be mended
	Meaning  string
	Fix      string // empty when nothing is to be mended
}

// Finding is one thing that was found.
type Finding struct {
	Code Code
	Seen string // what was seen, as a sentence
}

// Row returns what is known of the finding's code.
func (f Finding) Row() Row { return Table[f.Code] }

// Probe looks at one thing.
type Probe interface {
	// Name is what the person reads while it is looked at.
	Name() string
	// Look returns what it found, and soon after ctx ends. What it cannot find
	// out is a finding as well.
	Look(ctx context.Context) []Finding
}

// ProbeFunc is a Probe made of a function.
type ProbeFunc struct {
	Title string
	Func  func(ctx context.Context) []Finding
}

// Name is the title.
func (p ProbeFunc) Name() string { return p.Title }

// Look calls the function.
func (p ProbeFunc) Look(ctx context.Context) []Finding { return p.Func(ctx) }

// Patience is how long one check may take. A card that is read takes the longest.
const Patience = 10 * time.Second

// grace is how long after its end a check may still hand its findings over. It
// may need half a second to let go of readers, and a computer may be busy.
const grace = 2 * time.Second

// Run looks with all probes at once, and returns their findings in the order of
// the probes. A probe that does not return in time is left behind: it may hang
// in a driver, where nothing can end it.
func Run(ctx context.Context, patience time.Duration, probes ...Probe) []Finding {
	found := make([][]Finding, len(probes))
	var all sync.WaitGroup
	for i, p := range probes {
		all.Go(func() { found[i] = look(ctx, patience, p) })
	}
	all.Wait()
	var findings []Finding
	for _, f := range found {
		findings = append(findings, f...)
	}
	return findings
}

func look(ctx context.Context, patience time.Duration, p Probe) []Finding {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() {
		defer func() {
			if fault := recover(); fault != nil {
				done <- []Finding{{Code: CheckFailed, Seen: fmt.Sprintf("The check %q broke off: %v.", p.Name(), fault)}}
			}
		}()
		done <- p.Look(ctx)
	}()
	select {
	case findings := <-done:
		return findings
	case <-ctx.Done():
	}
	select {
	case findings := <-done:
		return findings
	case <-time.After(grace):
		return []Finding{{Code: CheckTimedOut, Seen: fmt.Sprintf("The check %q did not end within %s.", p.Name(), patience)}}
	}
}

// Worst returns the worst severity of the findings, OK without any.
func Worst(findings []Finding) Severity {
	worst := OK
	for _, f := range findings {
		if s := f.Row().Severity; s.Worse(worst) {
			worst = s
		}
	}
	return worst
}
