package signin

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"sync"
	"time"
)

// Ended sessions are remembered for a while, so that a page that was away can
// hear why; at most sessionsKept are kept, the oldest go first.
const (
	endedKept    = time.Hour
	sessionsKept = 512
	eventsQueued = 16
	// lookAgain is the longest wait of run while a session lives: its timer
	// stands still while the computer sleeps.
	lookAgain = time.Minute
)

// sessions are the page sessions of one agent. A session is begun by a sign-in
// and outlives the page's connection. It is bound to an origin and to the
// certificate that signed.
type sessions struct {
	rules Rules
	kick  chan struct{} // wakes run when a session began or changed

	mu  sync.Mutex // guards all below and every *session; taken before the Cards' own
	all map[string]*session
}

type session struct {
	id          string
	origin      string
	certificate *x509.Certificate
	began       time.Time // of the last PIN
	insertion   uint64    // of the card at the last look; 0 while it is out
	locked      bool      // removed with RemovalLock and not resumed yet
	removal     Removal   // the rule at the removal
	outSince    time.Time // while the card is out
	outBefore   time.Duration
	other       uint64        // insertion of a different card that need not be told (again)
	done        chan struct{} // closed at the end
	ended       EndedWhy      // empty while it lives
	endedAt     time.Time
	watchers    []chan SessionEvent
}

func newSessions(rules Rules) *sessions {
	return &sessions{rules: rules, kick: make(chan struct{}, 1), all: map[string]*session{}}
}

// begin makes the session of a sign-in.
func (s *sessions) begin(origin string, card Card, key Key) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.all) >= sessionsKept {
		s.dropOldestLocked()
	}
	n := &session{
		id: rand.Text(), origin: origin, certificate: key.Certificate,
		began: time.Now(), insertion: card.Insertion(), done: make(chan struct{}),
	}
	s.all[n.id] = n
	s.wake()
	return n.id
}

func (s *sessions) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// dropOldestLocked forgets an ended session if there is one, else ends and
// forgets the one whose PIN is longest ago.
func (s *sessions) dropOldestLocked() {
	var oldest *session
	for _, n := range s.all {
		if oldest == nil || (n.ended != "") != (oldest.ended != "") && n.ended != "" ||
			(n.ended != "") == (oldest.ended != "") && n.began.Before(oldest.began) {
			oldest = n
		}
	}
	oldest.endLocked(EndedByTimeLimit, time.Now())
	delete(s.all, oldest.id)
}

// findLocked returns the session if origin may know of it.
func (s *sessions) findLocked(id, origin string) (*session, error) {
	n, ok := s.all[id]
	if !ok || !s.rules.SameGroup(n.origin, origin) {
		return nil, &Error{Code: CodeSessionUnknown}
	}
	s.expireLocked(n, time.Now())
	return n, nil
}

func (s *sessions) attach(id, origin string) (SessionStanding, <-chan SessionEvent, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(id, origin)
	if err != nil {
		return SessionStanding{}, nil, nil, err
	}
	events := make(chan SessionEvent, eventsQueued)
	if n.ended != "" {
		close(events)
		return n.standingLocked(time.Now()), events, func() {}, nil
	}
	n.watchers = append(n.watchers, events)
	detach := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		n.dropLocked(events)
	}
	return n.standingLocked(time.Now()), events, detach, nil
}

func (s *sessions) end(id, origin string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(id, origin)
	if err != nil {
		return err
	}
	n.endLocked(EndedByPage, time.Now())
	return nil
}

// resumable returns the certificate that must sign, and a channel that closes
// when the session ends.
func (s *sessions) resumable(id, origin string) (*x509.Certificate, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(id, origin)
	if err != nil || n.origin != origin || n.ended != "" {
		return nil, nil, &Error{Code: CodeSessionUnknown}
	}
	return n.certificate, n.done, nil
}

// resumed marks a session as proven again with the card that is in now.
func (s *sessions) resumed(id, origin string, card Card) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.findLocked(id, origin)
	if err != nil || n.ended != "" {
		return &Error{Code: CodeSessionUnknown}
	}
	if n.insertion == 0 { // run has not seen it yet
		n.tellLocked(SessionEvent{Kind: EventCardReturned})
	}
	n.began, n.insertion = time.Now(), card.Insertion()
	n.locked, n.outBefore = false, 0
	n.tellLocked(SessionEvent{Kind: EventResumed})
	s.wake()
	return nil
}

// run follows the cards and the clock until ctx ends.
func (s *sessions) run(ctx context.Context, cards Cards) error {
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	for {
		left, changed := s.observe(cards)
		if left < 0 {
			timer.Stop()
		} else {
			timer.Reset(left)
		}
		select {
		case <-changed:
		case <-timer.C:
		case <-s.kick:
		case <-ctx.Done():
			return nil
		}
	}
}

// observe brings every session up to date and returns how long until the clock
// alone changes one, negative when it never does, and the cards' next change.
// It looks at the cards under the lock: a session that began after an older
// look would seem to have lost its card.
func (s *sessions) observe(cards Cards) (left time.Duration, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snapshot, changed := cards.Snapshot()
	now := time.Now()
	left = -1
	for id, n := range s.all {
		if n.ended == "" {
			n.followLocked(snapshot, s.rules, now)
			s.expireLocked(n, now)
		}
		mine := n.leftLocked(s.rules, now)
		if n.ended == "" {
			mine = min(mine, lookAgain)
		}
		switch {
		case mine <= 0:
			delete(s.all, id) // ended, and remembered for long enough
		case left < 0 || mine < left:
			left = mine
		}
	}
	return left, changed
}

// expireLocked ends a session whose time has run out.
func (s *sessions) expireLocked(n *session, now time.Time) {
	if n.ended != "" || n.leftLocked(s.rules, now) > 0 {
		return
	}
	why := EndedByTimeLimit
	if elapsed(n.began, now) < s.rules.SessionLimit() {
		why = EndedByRemoval
	}
	n.endLocked(why, now)
}

// followLocked compares the session's card with what is in the readers.
func (n *session) followLocked(snapshot Snapshot, rules Rules, now time.Time) {
	var present, other Card
	for _, r := range snapshot.Readers {
		switch {
		case r.Card == nil:
		case slices.ContainsFunc(r.Card.Keys(), func(k Key) bool { return k.Certificate.Equal(n.certificate) }):
			present = r.Card
		default:
			other = r.Card
		}
	}
	removal := rules.Removal(n.origin)
	if n.insertion != 0 && (snapshot.without(present, n.insertion) || snapshot.Locked && removal.locks()) {
		n.insertion, n.outSince, n.removal = 0, now, removal
		n.tellLocked(SessionEvent{Kind: EventCardRemoved, Removal: n.removal})
		if n.removal.Action == RemovalLock && !n.locked {
			n.locked = true
			n.tellLocked(SessionEvent{Kind: EventLocked})
		}
	}
	if n.insertion == 0 && present != nil && n.graceLeft(now) >= 0 {
		n.insertion, n.outBefore = present.Insertion(), n.outBefore+elapsed(n.outSince, now)
		if !n.locked {
			n.outBefore = 0
		}
		n.tellLocked(SessionEvent{Kind: EventCardReturned})
	}
	if other == nil || other.Insertion() == n.other {
		return
	}
	n.other = other.Insertion()
	if n.insertion == 0 { // else it is there beside the session's own
		n.tellLocked(SessionEvent{Kind: EventDifferentCard})
	}
}

// without reports whether an insertion is over. A card that was forgotten while
// the desktop was locked, and not yet read again, is still in.
func (s Snapshot) without(present Card, insertion uint64) bool {
	return (present == nil || present.Insertion() != insertion) &&
		!slices.ContainsFunc(s.Readers, func(r Reader) bool { return r.Again == insertion })
}

// locks reports whether a locked desktop counts as the card being out.
func (r Removal) locks() bool { return r.OnLock && r.Action != RemovalNone }

// graceLeft is how long the card may still stay out. The time that it was out
// before counts until the session is resumed; the time that it is in does not.
func (n *session) graceLeft(now time.Time) time.Duration {
	if n.removal.Action == RemovalNone {
		return endedKept
	}
	out := n.outBefore
	if n.insertion == 0 {
		out += elapsed(n.outSince, now)
	}
	return n.removal.Grace - out
}

// leftLocked is how long until the clock alone changes the session.
func (n *session) leftLocked(rules Rules, now time.Time) time.Duration {
	if n.ended != "" {
		return endedKept - elapsed(n.endedAt, now)
	}
	left := rules.SessionLimit() - elapsed(n.began, now)
	if n.insertion == 0 && n.removal.Action != RemovalNone {
		left = min(left, n.graceLeft(now))
	}
	return left
}

// elapsed is how long ago t was. The monotonic clock stands still while the
// computer sleeps, and the other one can be set back: the longer time counts.
func elapsed(t, now time.Time) time.Duration {
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

func (n *session) standingLocked(now time.Time) SessionStanding {
	switch {
	case n.ended != "":
		return SessionStanding{State: SessionEnded, Why: n.ended}
	case n.insertion == 0 && n.removal.Action != RemovalNone:
		return SessionStanding{State: SessionRemoved, GraceLeft: max(0, n.graceLeft(now))}
	case n.locked:
		return SessionStanding{State: SessionLocked, GraceLeft: max(0, n.graceLeft(now))}
	}
	return SessionStanding{State: SessionPresent}
}

func (n *session) endLocked(why EndedWhy, now time.Time) {
	if n.ended != "" {
		return
	}
	n.tellLocked(SessionEvent{Kind: EventEnded, Why: why})
	n.ended, n.endedAt = why, now
	close(n.done)
	for _, w := range n.watchers {
		close(w)
	}
	n.watchers = nil
}

// tellLocked queues an event for every watcher. One whose queue is full is let
// go: its page is not reading, and must learn the standing anew.
func (n *session) tellLocked(e SessionEvent) {
	e.Session = n.id
	for _, w := range slices.Clone(n.watchers) {
		select {
		case w <- e:
		default:
			n.dropLocked(w)
		}
	}
}

func (n *session) dropLocked(w chan SessionEvent) {
	if i := slices.Index(n.watchers, w); i >= 0 {
		n.watchers = slices.Delete(n.watchers, i, i+1)
		close(w)
	}
}
