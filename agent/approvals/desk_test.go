package approvals

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// rules list one site.
type rules struct {
	mu  sync.Mutex
	ask bool
}

const listed = "https://listed.example"

func (r *rules) Rights(origin string) ([]string, bool) {
	if origin == listed {
		return []string{"authenticate", "sign"}, true
	}
	return nil, false
}

func (r *rules) AskOrigins() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ask
}

func (r *rules) set(ask bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ask = ask
}

// person answers as the test says.
type person struct {
	asked   chan [2]string // origin and readable
	answers chan any       // true, false, an error, or nil for none
}

func (p *person) AskOrigin(ctx context.Context, origin, readable string) (bool, error) {
	p.asked <- [2]string{origin, readable}
	select {
	case a := <-p.answers:
		switch a := a.(type) {
		case bool:
			return a, nil
		case error:
			return false, a
		}
		panic("no answer")
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// journal is the audit log.
type journal struct {
	mu     sync.Mutex
	events []string
}

func (j *journal) Record(e signin.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e.What+" "+e.Origin+" "+e.Outcome)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.events, "\n")
}

// counter is a desk whose person is the test.
type counter struct {
	*Desk
	t       *testing.T
	clock   *time.Time
	rules   *rules
	person  *person
	journal *journal
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	c := &counter{t: t, rules: &rules{ask: true}, journal: &journal{}, person: &person{make(chan [2]string, 1), make(chan any, 1)}}
	var file *File
	file, c.clock = newFile(t)
	c.Desk = New(Config{Rules: c.rules, File: file, Asker: c.person, Audit: c.journal, Log: slog.New(slog.DiscardHandler)})
	return c
}

// turnsAway lets the desk consider a refused origin to the end. Where the person
// is asked, answer is what they say.
func (c *counter) turnsAway(origin string, answer any) (asked bool) {
	c.t.Helper()
	c.person.answers <- answer
	c.consider(c.t.Context(), origin)
	select {
	case got := <-c.person.asked:
		if got[0] != origin {
			c.t.Errorf("asked about %q, not %q", got[0], origin)
		}
		return true
	default:
		<-c.person.answers
		return false
	}
}

func (c *counter) rights(origin string) string {
	rights, known := c.Rights(origin)
	return fmt.Sprint(strings.Join(rights, " "), known)
}

func TestAYesGivesTheRightToAuthenticateAlone(t *testing.T) {
	c := newCounter(t)
	if got := c.rights(site); got != "false" {
		t.Errorf("before: %s", got)
	}
	if !c.turnsAway(site, true) {
		t.Fatal("nobody was asked")
	}
	if got := c.rights(site); got != "authenticatetrue" {
		t.Errorf("after: %s", got)
	}
	if got := c.rights(listed); got != "authenticate signtrue" {
		t.Errorf("the administrator's: %s", got)
	}
	if c.Listed(site) || !c.Listed(listed) {
		t.Error("a person's yes makes a site one of the administrator's")
	}
	if got := c.journal.String(); got != "allowOrigin "+site+" ok" {
		t.Errorf("the audit says %s", got)
	}
	if c.turnsAway(site, true) {
		t.Error("asked again after a yes")
	}
}

func TestNoAnswerCountsWhileThePolicyDoesNotAllowAsking(t *testing.T) {
	c := newCounter(t)
	c.turnsAway(site, true)
	c.rules.set(false)
	if got := c.rights(site); got != "false" {
		t.Errorf("got %s", got)
	}
	if c.turnsAway("https://other.example", true) {
		t.Error("somebody was asked")
	}
}

func TestANoHoldsForADay(t *testing.T) {
	c := newCounter(t)
	if !c.turnsAway(site, false) {
		t.Fatal("nobody was asked")
	}
	if got := c.rights(site); got != "false" {
		t.Errorf("got %s", got)
	}
	*c.clock = start.Add(day - time.Second)
	if c.turnsAway(site, true) {
		t.Error("asked again within a day")
	}
	*c.clock = start.Add(day)
	if !c.turnsAway(site, true) {
		t.Error("not asked again after a day")
	}
	if got := c.journal.String(); got != "allowOrigin "+site+" cancelled\nallowOrigin "+site+" ok" {
		t.Errorf("the audit says %s", got)
	}
}

func TestAnOriginWhoseAnswerWasTakenBackMayBeAskedAboutAgain(t *testing.T) {
	c := newCounter(t)
	c.turnsAway(site, false)
	if _, err := Open(c.File.path).Revoke(site); err != nil {
		t.Fatal(err)
	}
	*c.clock = start.Add(again)
	if !c.turnsAway(site, true) {
		t.Error("not asked again")
	}
}

func TestASiteThatWasTakenBackIsNotAskedAboutThatDay(t *testing.T) {
	c := newCounter(t)
	c.turnsAway(site, true)
	if _, err := c.File.Revoke(site); err != nil {
		t.Fatal(err)
	}
	*c.clock = start.Add(day - time.Second)
	if c.turnsAway(site, true) || c.rights(site) != "false" {
		t.Error("a page that is still open has the person asked")
	}
	*c.clock = start.Add(day)
	if !c.turnsAway(site, true) {
		t.Error("never asked again")
	}
}

func TestAPageWithManyNamesGetsAFewQuestionsADay(t *testing.T) {
	c := newCounter(t)
	asked := 0
	for i := range 1000 {
		*c.clock = c.clock.Add(time.Minute)
		if c.turnsAway(fmt.Sprintf("https://name%d.example", i), i%2 == 0) {
			asked++
		}
	}
	if asked != maxDaily {
		t.Errorf("%d questions in %v", asked, c.clock.Sub(start))
	}
	// The count outlives the agent.
	next := newCounter(t)
	next.File.path, *next.clock = c.File.path, *c.clock
	if next.turnsAway(site, true) {
		t.Error("a restart gives more questions")
	}
	*next.clock = start.Add(day + time.Hour)
	if !next.turnsAway(site, true) {
		t.Error("no question on the next day")
	}
}

func TestWhenNobodyCanBeAskedNothingIsCountedAndNothingIsTriedForAMoment(t *testing.T) {
	c := newCounter(t)
	for range maxDaily + 1 {
		if !c.turnsAway(site, error(&signin.Error{Code: signin.CodeBusy})) {
			t.Fatal("nobody was asked")
		}
		if c.turnsAway(site, true) {
			t.Error("tried again at once")
		}
		*c.clock = c.clock.Add(breather)
	}
	if got := c.journal.String(); got != "" {
		t.Errorf("the audit says %s", got)
	}
	if !c.turnsAway(site, true) {
		t.Error("what was never shown counted")
	}
}

func TestOnlyOriginsThatABrowserCouldSendAreAskedAbout(t *testing.T) {
	c := newCounter(t)
	for _, origin := range []string{"http://localhost:8080", "null", "", "https://a.example/", "https://xn--zzzzzz.example", "https://*.example.org", "https://A.example"} {
		if c.turnsAway(origin, true) {
			t.Errorf("asked about %q", origin)
		}
	}
}

func TestAReadableNameIsShownBesideTheOrigin(t *testing.T) {
	c := newCounter(t)
	for origin, want := range map[string]string{
		"https://xn--bcher-kva.example": "https://bücher.example",
		"https://xn--80ak6aa92e.com":    "https://xn--80ak6aa92e.com",
	} {
		c.person.answers <- false
		c.consider(t.Context(), origin)
		if got := <-c.person.asked; got != [2]string{origin, want} {
			t.Errorf("asked about %q, want %q", got, want)
		}
	}
}

func TestNobodyIsAskedWhileTheFileIsInDoubt(t *testing.T) {
	c := newCounter(t)
	c.turnsAway(site, true)
	damage(t, c.File)
	if c.turnsAway("https://other.example", true) {
		t.Error("somebody was asked")
	}
	if got := c.rights(site); got != "false" {
		t.Errorf("got %s", got)
	}
	if got := c.rights(listed); got != "authenticate signtrue" {
		t.Errorf("the administrator's: %s", got)
	}
}

func TestWhileOneQuestionIsOpenNoOtherIsKeptForLater(t *testing.T) {
	c := newCounter(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	for open := false; !open; { // until Run waits
		c.Refused(site)
		select {
		case <-c.person.asked:
			open = true
		case <-time.After(time.Millisecond):
		}
	}
	for i := range 100 {
		c.Refused(fmt.Sprintf("https://name%d.example", i)) // never waits
	}
	c.person.answers <- true
	for got := ""; got != "authenticatetrue"; got = c.rights(site) { // written when answered
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	select {
	case got := <-c.person.asked:
		t.Errorf("asked about %q", got)
	default:
	}
}

func TestTheAgentsEndIsNoAnswer(t *testing.T) {
	c := newCounter(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-c.person.asked; cancel() }()
	c.consider(ctx, site)
	if all, err := c.File.List(); len(all) != 0 || err != nil || c.journal.String() != "" {
		t.Errorf("kept %v, %v, audit %q", all, err, c.journal)
	}
}

func TestAQuestionThatNobodyAnswersCountsAndComesAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		began := time.Now()
		c.consider(t.Context(), site)
		<-c.person.asked
		if took := time.Since(began); took != patience {
			t.Errorf("it was open for %v", took)
		}
		if got := c.journal.String(); got != "allowOrigin "+site+" timedOut" {
			t.Errorf("the audit says %s", got)
		}
		if kept, err := c.File.read(); err != nil || len(kept.Asked) != 1 || len(kept.Answers) != 0 {
			t.Errorf("kept %v, %v", kept, err)
		}
		if c.turnsAway(site, true) {
			t.Error("asked again at once")
		}
		*c.clock = start.Add(again)
		if !c.turnsAway(site, true) {
			t.Error("not asked again later")
		}
	})
}

func damage(t *testing.T, f *File) {
	t.Helper()
	must(t, os.WriteFile(f.path, []byte("{"), 0o600))
}
