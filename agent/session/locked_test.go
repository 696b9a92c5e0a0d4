package session_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/cardea-agent/cardea/agent/desktop"
	"github.com/cardea-agent/cardea/agent/session"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// screen is a desktop that the test locks.
type screen struct {
	moves chan chan struct{}

	mu  sync.Mutex
	now desktop.Session
}

func (s *screen) look(context.Context) (desktop.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, nil
}

func (s *screen) watch(ctx context.Context, changed func()) {
	for {
		select {
		case seen := <-s.moves:
			changed()
			close(seen)
		case <-ctx.Done():
			return
		}
	}
}

// set returns when the agent has seen it.
func (s *screen) set(now desktop.Session) {
	s.mu.Lock()
	s.now = now
	s.mu.Unlock()
	seen := make(chan struct{})
	s.moves <- seen
	<-seen
}

func (s *screen) lock()   { s.set(desktop.Session{Kind: desktop.AtScreen, Locked: true}) }
func (s *screen) leave()  { s.set(desktop.Session{Kind: desktop.AtScreen, Away: true}) }
func (s *screen) unlock() { s.set(desktop.Session{Kind: desktop.AtScreen}) }

// newWardBehind makes a ward with a desktop that can be locked, and a tray.
func newWardBehind(t *testing.T, rules string) (*ward, *screen) {
	t.Helper()
	s := &screen{moves: make(chan chan struct{})}
	manager := virtual.NewManager()
	w := newWardUnder(t, rules, manager, manager.AddReader("Reader 1"), func(c *session.Config) {
		c.Desktop, c.DesktopChanges = s.look, s.watch
	})
	w.startTray()
	return w, s
}

// heardNothing ends a session, and fails if its page hears of anything else.
func (p *page) heardNothing(id string) {
	p.t.Helper()
	if m := p.call("endSession", map[string]any{"session": id}); m.Error != nil {
		p.t.Errorf("%+v", m.Error)
	}
	p.hears("ended")
}

// stands attaches another page and returns how the session stands.
func (w *ward) stands(id string) string {
	w.t.Helper()
	return string(w.open(origin).call("attach", map[string]any{"session": id}).Result)
}

func TestALockOfTheScreenEndsWhatWaitsAndAsksNobody(t *testing.T) {
	for name, away := range map[string]func(*screen){"locked": (*screen).lock, "left": (*screen).leave} {
		t.Run(name, func(t *testing.T) {
			w, s := newWardBehind(t, rules)
			w.slot.Insert(w.card)
			p := w.open(origin)
			id := p.send("authenticate", map[string]any{"nonce": nonce()})
			asked := w.asked()
			away(s)
			if code := p.answer(id).code(); code != "sessionLocked" {
				t.Errorf("the request ended with %q", code)
			}
			<-asked.Closed
			w.card.ResetCount()
			if code := p.call("authenticate", map[string]any{"nonce": nonce()}).code(); code != "sessionLocked" {
				t.Errorf("the next one ended with %q", code)
			}
			if n := w.tray.Windows(); n != 0 || w.card.Count() != 0 {
				t.Errorf("%d windows and %d commands behind the lock", n, w.card.Count())
			}
			s.unlock()
			w.signIn(p)
		})
	}
}

func TestALockEndsTheWaitForACardToo(t *testing.T) {
	w, s := newWardBehind(t, rules)
	p := w.open(signing)
	for _, method := range []string{"authenticate", "getSigningCertificate"} {
		params := map[string]any{}
		if method == "authenticate" {
			params["nonce"] = nonce()
		}
		id := p.send(method, params)
		for waits := false; !waits; {
			waits = strings.Contains(string((<-p.notes).Params), `"waitingForCard"`)
		}
		s.lock()
		if code := p.answer(id).code(); code != "sessionLocked" {
			t.Errorf("%s ended with %q", method, code)
		}
		s.unlock()
	}
}

func TestASessionWhoseCardStayedInGoesOnAfterUnlocking(t *testing.T) {
	w, s := newWardBehind(t, rules)
	w.slot.Insert(w.card)
	p := w.open(origin)
	_, id := w.signIn(p)
	watched := p.call("watch", map[string]any{})
	if !strings.Contains(string(watched.Result), `"state":"ready"`) {
		p.shows("ready")
	}
	s.lock()
	p.shows("noCard") // it is forgotten
	if got := w.stands(id); got != `{"state":"present"}` {
		t.Errorf("behind the lock it stands %s", got)
	}
	s.unlock()
	p.shows("ready")
	if got := w.stands(id); got != `{"state":"present"}` {
		t.Errorf("after unlocking it stands %s", got)
	}
	p.heardNothing(id)
}

func TestACardThatIsTakenOutBehindTheLockIsNoticed(t *testing.T) {
	w, s := newWardBehind(t, rules)
	w.slot.Insert(w.card)
	p := w.open(origin)
	_, id := w.signIn(p)
	s.lock()
	w.slot.Remove()
	p.hears("cardRemoved", "locked")
	w.slot.Insert(w.card)
	s.unlock()
	p.hears("cardReturned")
	again := p.send("resume", map[string]any{"session": id, "nonce": nonce()})
	w.asked().Type(canary)
	if m := p.answer(again); m.Error != nil {
		t.Errorf("%+v", m.Error)
	}
	p.hears("resumed")
}

func TestACardThatIsSwappedBehindTheLockIsNoticed(t *testing.T) {
	w, s := newWardBehind(t, rules)
	w.slot.Insert(w.card)
	p := w.open(origin)
	_, id := w.signIn(p)
	s.lock()
	w.slot.Remove()
	w.slot.Insert(virtual.NewCard(w.ca, virtual.P256("Ben Example")))
	p.hears("cardRemoved", "locked")
	s.unlock()
	p.hears("differentCard")
	if got := w.stands(id); !strings.Contains(got, `"removed"`) {
		t.Errorf("it stands %s", got)
	}
}

func TestALockCountsAsRemovalWherePolicySaysSo(t *testing.T) {
	w, s := newWardBehind(t, strings.Replace(rules, "[removal]", "[removal]\nonLock = true", 1))
	w.slot.Insert(w.card)
	p := w.open(origin)
	_, id := w.signIn(p)
	s.lock()
	p.hears("cardRemoved", "locked")
	if code := p.call("resume", map[string]any{"session": id, "nonce": nonce()}).code(); code != "sessionLocked" {
		t.Errorf("behind the lock resume ended with %q", code)
	}
	s.unlock()
	p.hears("cardReturned")
	if got := w.stands(id); !strings.Contains(got, `"locked"`) {
		t.Errorf("after unlocking it stands %s", got)
	}
	again := p.send("resume", map[string]any{"session": id, "nonce": nonce()})
	asked := w.asked()
	if asked.About.Purpose != signin.ToResume {
		t.Errorf("the window shows %+v", asked.About)
	}
	asked.Type(canary)
	if m := p.answer(again); m.Error != nil {
		t.Errorf("%+v", m.Error)
	}
	p.hears("resumed")
}

func TestALockSignsOutWhereRemovalDoes(t *testing.T) {
	w, s := newWardBehind(t, strings.NewReplacer(
		`"lock"`, "\"signOut\"\nonLock = true", `"1m"`, `"0s"`).Replace(rules))
	w.slot.Insert(w.card)
	p := w.open(origin)
	_, id := w.signIn(p)
	s.lock()
	p.hears("cardRemoved", "ended")
	s.unlock()
	if got := w.stands(id); !strings.Contains(got, `"cardRemoved"`) {
		t.Errorf("it stands %s", got)
	}
	w.signIn(p)
}

func TestALockIsNothingWhereRemovalIsNothing(t *testing.T) {
	w, s := newWardBehind(t, strings.Replace(rules, `"lock"`, "\"none\"\nonLock = true", 1))
	w.slot.Insert(w.card)
	p := w.open(origin)
	_, id := w.signIn(p)
	s.lock()
	if got := w.stands(id); got != `{"state":"present"}` {
		t.Errorf("it stands %s", got)
	}
	s.unlock()
	p.heardNothing(id)
}

func TestNobodyIsAskedAboutASiteBehindALock(t *testing.T) {
	w, s := newWardBehind(t, rules+"[origins]\nask = true\n")
	w.slot.Insert(w.card)
	const line = "behind a locked screen"
	lines := func(n int) func() bool {
		return func() bool { return strings.Count(w.journal.String(), line) >= n }
	}
	w.askedAbout(unlisted)
	s.lock()
	w.until("the open question ends", lines(1))
	w.until("another is not asked", func() bool { w.refused("https://another.example"); return lines(2)() })
	select {
	case site := <-w.tray.Sites:
		t.Errorf("asked about %s", site.Origin)
	default:
	}
	s.unlock()
	w.askedAbout(unlisted).Answer(true)
	w.until("the answer is in the audit log", func() bool { return strings.Contains(w.journal.String(), `"allowOrigin"`) })
	w.signIn(w.open(unlisted))
}
