package signin

import (
	"testing"
	"time"
	"unsafe"
)

// slept is t as it was read before a sleep of the computer that lasted d: the
// monotonic clock stood still. There is no other way to make such a Time.
func slept(t *testing.T, now time.Time, d time.Duration) time.Time {
	t.Helper()
	before := now
	wall := (*uint64)(unsafe.Pointer(&before)) // the upper half of its seconds begin at bit 30
	*wall -= uint64(d/time.Second) << 30
	if now.Sub(before) != 0 || now.Round(0).Sub(before.Round(0)) != d {
		t.Fatalf("time.Time has another layout: %v and %v", now.Sub(before), now.Round(0).Sub(before.Round(0)))
	}
	return before
}

func TestTimeThatTheComputerSleptCounts(t *testing.T) {
	now := time.Now()
	if got := elapsed(slept(t, now, 2*time.Hour), now); got != 2*time.Hour {
		t.Errorf("a sleep of 2h was %v", got)
	}
	if got := elapsed(slept(t, now, -2*time.Hour), now); got != 0 {
		t.Errorf("a clock set back by 2h made time go by %v", got)
	}
	if got := elapsed(now.Add(-time.Minute), now); got != time.Minute {
		t.Errorf("a minute was %v", got)
	}
}

// rulesOf are the rules that sessions need.
type rulesOf struct {
	Rules
	removal Removal
}

func (rulesOf) SessionLimit() time.Duration { return time.Hour }
func (rulesOf) SameGroup(a, b string) bool  { return a == b }
func (r rulesOf) Removal(string) Removal    { return r.removal }

func TestASessionWhoseTimeRanOutInASleepCannotBeResumed(t *testing.T) {
	for name, change := range map[string]func(*session, time.Time){
		"grace time": func(n *session, before time.Time) { n.insertion, n.outSince = 0, before },
		"time limit": func(n *session, before time.Time) { n.began = before },
	} {
		s := newSessions(rulesOf{removal: Removal{Action: RemovalLock, Grace: time.Minute}})
		now := time.Now()
		n := &session{id: "id", origin: "a", began: now, insertion: 1, locked: true, removal: s.rules.Removal("a"), done: make(chan struct{})}
		s.all[n.id] = n
		if _, _, err := s.resumable("id", "a"); err != nil {
			t.Errorf("%s: before the sleep: %v", name, err)
		}
		change(n, slept(t, now, 2*time.Hour))
		if _, _, err := s.resumable("id", "a"); CodeOf(err) != CodeSessionUnknown {
			t.Errorf("%s: it can be resumed: %v", name, err)
		}
	}
}

// lookedAt are cards that ask whether the sessions are locked.
type lookedAt struct {
	t *testing.T
	s *sessions
}

func (c lookedAt) Snapshot() (Snapshot, <-chan struct{}) {
	if c.s.mu.TryLock() {
		c.t.Error("a session can begin between the look at the cards and its use, and seem to have lost its card")
		c.s.mu.Unlock()
	}
	return Snapshot{}, nil
}

func (lookedAt) ReadAgain() {}

func TestNoSessionBeginsBetweenTheLookAtTheCardsAndItsUse(t *testing.T) {
	s := newSessions(rulesOf{})
	if left, _ := s.observe(lookedAt{t, s}); left >= 0 {
		t.Errorf("without a session there is something to wait for: %v", left)
	}
}
