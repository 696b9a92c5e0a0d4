package portal

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/web/verify"
)

// The limits of the sessions in memory.
const (
	sessionLife  = 12 * time.Hour
	sessionsKept = 10_000
)

// session is one signed-in person in one browser.
type session struct {
	who          verify.Identity
	agentSession string // the agent's name for it, for the person's pages alone
	locked       bool   // the card is out, and has not signed again
	began        time.Time
}

// sessions are the signed-in browsers, by the value of their cookie.
type sessions struct {
	mu  sync.Mutex // guards all
	all map[string]session
}

func newSessions() *sessions { return &sessions{all: map[string]session{}} }

// begin keeps a new session under a new, unguessable key.
func (s *sessions) begin(who verify.Identity, agentSession string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	oldest := ""
	for key, kept := range s.all {
		if now.Sub(kept.began) > sessionLife {
			delete(s.all, key)
		} else if oldest == "" || kept.began.Before(s.all[oldest].began) {
			oldest = key
		}
	}
	if len(s.all) >= sessionsKept {
		delete(s.all, oldest)
	}
	key := rand.Text()
	s.all[key] = session{who: who, agentSession: agentSession, began: now}
	return key
}

// get returns a copy.
func (s *sessions) get(key string) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.all[key]
	return found, ok && time.Since(found.began) <= sessionLife
}

// setLocked reports whether there is such a session.
func (s *sessions) setLocked(key string, locked bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.all[key]
	if ok {
		found.locked = locked
		s.all[key] = found
	}
	return ok
}

func (s *sessions) end(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, key)
}
