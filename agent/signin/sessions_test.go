package signin_test

import (
	"context"
	"crypto"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
)

// begin signs in and returns the session.
func (b *bench) begin() string {
	b.t.Helper()
	b.cards.Insert(b.card)
	p := b.authenticate(time.Minute)
	b.asked().Type("123456")
	return p.succeeds().Session
}

// attached is an attached page.
type attached struct {
	b      *bench
	events <-chan signin.SessionEvent
	detach func()
}

func (b *bench) attach(session string, want signin.SessionStanding) attached {
	b.t.Helper()
	synctest.Wait()
	got, events, detach, err := b.Attach(origin, session)
	if err != nil {
		b.t.Fatal(err)
	}
	if got != want {
		b.t.Errorf("the session stands %+v, want %+v", got, want)
	}
	return attached{b, events, detach}
}

func (a attached) hears(want ...signin.SessionEventKind) {
	a.b.t.Helper()
	for _, w := range want {
		select {
		case got := <-a.events:
			if got.Kind != w {
				a.b.t.Errorf("heard %q, want %q", got.Kind, w)
			}
		case <-time.After(24 * time.Hour):
			a.b.t.Fatalf("heard nothing, want %q", w)
		}
	}
}

func (b *bench) resume(session string) *pending {
	p := &pending{b: b, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.result.Token, p.err = b.Resume(b.t.Context(), signin.ResumeRequest{Request: signin.Request{Origin: origin, Nonce: "n"}, Session: session}, func(g signin.Progress) { p.phases = append(p.phases, g) })
	}()
	synctest.Wait()
	return p
}

var present = signin.SessionStanding{State: signin.SessionPresent}

func TestTheCardOutLocksAndTheSameCardWithItsPINResumes(t *testing.T) {
	run(t, func(b *bench) {
		session := b.begin()
		page := b.attach(session, present)
		b.cards.Remove(b.card)
		page.hears(signin.EventCardRemoved, signin.EventLocked)
		time.Sleep(20 * time.Second)
		b.attach(session, signin.SessionStanding{State: signin.SessionRemoved, GraceLeft: 40 * time.Second}).detach()
		back := b.card.Again()
		b.cards.Insert(back)
		page.hears(signin.EventCardReturned)
		time.Sleep(20 * time.Second)
		b.attach(session, signin.SessionStanding{State: signin.SessionLocked, GraceLeft: 40 * time.Second}).detach()
		p := b.resume(session)
		asked := b.asked()
		if asked.About.Purpose != signin.ToResume {
			t.Errorf("the window shows %+v", asked.About)
		}
		asked.Type("123456")
		if got := p.succeeds().Token.UnverifiedCertificate; got != "Anna" {
			t.Errorf("the token is %q's", got)
		}
		page.hears(signin.EventResumed)
		b.attach(session, present).detach()
		page.detach()
	})
}

// The request may see the card before what follows the sessions does.
func TestThatTheCardIsBackIsToldBeforeThatItsSessionIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan error)
		go func() { stopped <- b.Run(ctx) }()
		session := b.begin()
		page := b.attach(session, present)
		b.cards.Remove(b.card)
		page.hears(signin.EventCardRemoved, signin.EventLocked)
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		b.cards.Insert(b.card.Again())
		p := b.resume(session)
		b.asked().Type("123456")
		p.succeeds()
		page.hears(signin.EventCardReturned, signin.EventResumed)
		page.detach()
	})
}

func TestRemovalAndReturnBetweenTwoLooksStillLocks(t *testing.T) {
	run(t, func(b *bench) {
		page := b.attach(b.begin(), present)
		b.card.Pull()
		b.cards.Insert(b.card.Again())
		page.hears(signin.EventCardRemoved, signin.EventLocked, signin.EventCardReturned)
	})
}

func TestTheGraceTimeIsSpentOverSeveralRemovalsUntilAPIN(t *testing.T) {
	run(t, func(b *bench) {
		page := b.attach(b.begin(), present)
		b.cards.Remove(b.card)
		synctest.Wait()
		time.Sleep(40 * time.Second)
		back := b.card.Again()
		b.cards.Insert(back)
		synctest.Wait()
		b.cards.Remove(back)
		page.hears(signin.EventCardRemoved, signin.EventLocked, signin.EventCardReturned, signin.EventCardRemoved)
		start := time.Now()
		page.hears(signin.EventEnded)
		if got := time.Since(start); got != 20*time.Second {
			t.Errorf("the session ended after %v more, want 20s", got)
		}
	})
}

func TestACardThatStaysOutEndsTheSession(t *testing.T) {
	run(t, func(b *bench) {
		session := b.begin()
		page := b.attach(session, present)
		b.cards.Remove(b.card)
		page.hears(signin.EventCardRemoved, signin.EventLocked, signin.EventEnded)
		if _, open := <-page.events; open {
			t.Error("something was said after the end")
		}
		b.attach(session, signin.SessionStanding{State: signin.SessionEnded, Why: signin.EndedByRemoval})
		b.cards.Insert(b.card.Again())
		if p := b.resume(session); signin.CodeOf(p.err) != signin.CodeSessionUnknown {
			t.Errorf("an ended session resumed: %v", p.err)
		}
	})
}

func TestASessionThatEndsTakesTheResumesWindowWithIt(t *testing.T) {
	run(t, func(b *bench) {
		session := b.begin()
		b.cards.Remove(b.card)
		synctest.Wait()
		b.cards.Insert(b.card.Again())
		p := b.resume(session)
		asked := b.asked()
		if err := b.EndSession(origin, session); err != nil {
			t.Fatal(err)
		}
		p.ends(signin.CodeSessionUnknown)
		<-asked.Closed
	})
}

func TestAnotherCardIsToldOnceAndNeverResumes(t *testing.T) {
	run(t, func(b *bench) {
		session := b.begin()
		page := b.attach(session, present)
		b.cards.Remove(b.card)
		bill := signintest.NewCard(t, "Bill")
		b.cards.Insert(bill)
		page.hears(signin.EventCardRemoved, signin.EventLocked, signin.EventDifferentCard)
		p := b.resume(session)
		b.cards.Set(signin.Busy, signin.Reader{Card: bill})
		page.hears(signin.EventEnded)
		p.ends(signin.CodeSessionUnknown)
		if bill.Calls() != 0 {
			t.Error("the other card was asked")
		}
	})
}

func TestWithActionNoneTheSessionGoesOn(t *testing.T) {
	run(t, func(b *bench) {
		b.rules.Rule = signin.Removal{Action: signin.RemovalNone}
		session := b.begin()
		page := b.attach(session, present)
		b.cards.Remove(b.card)
		page.hears(signin.EventCardRemoved)
		b.attach(session, present).detach()
		time.Sleep(10 * time.Minute)
		b.cards.Insert(b.card.Again())
		page.hears(signin.EventCardReturned)
	})
}

func TestWithActionSignOutAndNoGraceTheSessionEndsAtOnce(t *testing.T) {
	run(t, func(b *bench) {
		b.rules.Rule = signin.Removal{Action: signin.RemovalSignOut}
		page := b.attach(b.begin(), present)
		b.cards.Remove(b.card)
		start := time.Now()
		page.hears(signin.EventCardRemoved, signin.EventEnded)
		if got := time.Since(start); got != 0 {
			t.Errorf("it took %v", got)
		}
	})
}

func TestASessionEndsByItsTimeLimitCountedFromTheLastPIN(t *testing.T) {
	run(t, func(b *bench) {
		session := b.begin()
		page := b.attach(session, present)
		time.Sleep(30 * time.Minute)
		p := b.resume(session)
		b.asked().Type("123456")
		p.succeeds()
		page.hears(signin.EventResumed)
		start := time.Now()
		page.hears(signin.EventEnded)
		if got := time.Since(start); got != time.Hour {
			t.Errorf("it ended after %v, want 1h", got)
		}
		b.attach(session, signin.SessionStanding{State: signin.SessionEnded, Why: signin.EndedByTimeLimit})
		time.Sleep(2 * time.Hour)
		if _, _, _, err := b.Attach(origin, session); signin.CodeOf(err) != signin.CodeSessionUnknown {
			t.Errorf("an ended session is remembered for ever: %v", err)
		}
	})
}

func TestASessionIsUnknownToOtherOriginsUnlessPolicyGroupsThem(t *testing.T) {
	run(t, func(b *bench) {
		session := b.begin()
		const other = "https://notes.example"
		if _, _, _, err := b.Attach(other, session); signin.CodeOf(err) != signin.CodeSessionUnknown {
			t.Errorf("another origin attached: %v", err)
		}
		if err := b.EndSession(other, session); signin.CodeOf(err) != signin.CodeSessionUnknown {
			t.Errorf("another origin ended it: %v", err)
		}
		b.rules.Groups = map[string]string{origin: "ward", other: "ward"}
		got, _, detach, err := b.Attach(other, session)
		if err != nil || got != present {
			t.Errorf("an origin of the group got %+v, %v", got, err)
		}
		detach()
		_, err = b.Resume(t.Context(), signin.ResumeRequest{Request: signin.Request{Origin: other, Nonce: "n"}, Session: session}, func(signin.Progress) {})
		if signin.CodeOf(err) != signin.CodeSessionUnknown {
			t.Errorf("another origin of the group resumed: %v", err)
		}
	})
}

func TestAPageThatDoesNotListenIsLetGo(t *testing.T) {
	run(t, func(b *bench) {
		page := b.attach(b.begin(), present)
		card := b.card
		for range 20 {
			card.Pull()
			card = card.Again()
			b.cards.Insert(card)
			synctest.Wait()
		}
		n := 0
		for range page.events {
			n++
		}
		if n != 16 {
			t.Errorf("%d events were kept, want 16", n)
		}
	})
}

func TestEndedSessionsAreDroppedFirstWhenThereAreTooMany(t *testing.T) {
	run(t, func(b *bench) {
		first := b.begin()
		ended := ""
		for range 511 {
			p := b.authenticate(time.Minute)
			b.asked().Type("123456")
			ended = p.succeeds().Session
		}
		if err := b.EndSession(origin, ended); err != nil {
			t.Fatal(err)
		}
		p := b.authenticate(time.Minute)
		b.asked().Type("123456")
		p.succeeds()
		b.attach(first, present).detach()
		if _, _, _, err := b.Attach(origin, ended); signin.CodeOf(err) != signin.CodeSessionUnknown {
			t.Errorf("the ended session was kept instead of a living one: %v", err)
		}
	})
}

func TestEveryResumeHasALineInTheAuditLog(t *testing.T) {
	run(t, func(b *bench) {
		b.resume("nobody knows this one").ends(signin.CodeSessionUnknown)
		session := b.begin()
		p := b.resume(session)
		asked := b.asked()
		b.Tokens = endsSession{b: b, session: session}
		asked.Type("123456")
		p.ends(signin.CodeSessionUnknown)
	})
}

// endsSession ends a session when its token is made.
type endsSession struct {
	signintest.Tokens
	b       *bench
	session string
}

func (e endsSession) Finish(signin.Key, crypto.Hash, []byte, []byte) (signin.Token, error) {
	return signin.Token{}, e.b.EndSession(origin, e.session)
}

func TestACardThatWasThereAllTheTimeIsNoDifferentOne(t *testing.T) {
	run(t, func(b *bench) {
		page := b.attach(b.begin(), present)
		bill, carl := signintest.NewCard(t, "Bill"), signintest.NewCard(t, "Carl")
		b.cards.Set(signin.Ready, signin.Reader{Card: b.card}, signin.Reader{Name: "Reader 2", Card: bill})
		synctest.Wait()
		b.cards.Set(signin.Ready, signin.Reader{}, signin.Reader{Name: "Reader 2", Card: bill})
		page.hears(signin.EventCardRemoved, signin.EventLocked)
		synctest.Wait()
		b.cards.Set(signin.Ready, signin.Reader{Card: carl}, signin.Reader{Name: "Reader 2"})
		page.hears(signin.EventDifferentCard, signin.EventEnded)
	})
}
