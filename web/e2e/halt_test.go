//go:build linux

package e2e

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"
)

// halt is where a card or a site is held up, until the test lets it go on.
type halt struct {
	reached func()
	there   chan struct{} // closed when it is held up
	resume  func()
	goOn    chan struct{} // closed to let it go on
}

func newHalt(t *testing.T) *halt {
	h := &halt{there: make(chan struct{}), goOn: make(chan struct{})}
	h.reached = sync.OnceFunc(func() { close(h.there) })
	h.resume = sync.OnceFunc(func() { close(h.goOn) })
	t.Cleanup(h.resume) // before what would wait for the card or the site
	return h
}

// stop is called by who is to be held up. It returns also when ctx ends.
func (h *halt) stop(ctx context.Context) {
	h.reached()
	select {
	case <-h.goOn:
	case <-ctx.Done():
	}
}

// await waits until it is held up.
func (s *scene) await(h *halt, what string) {
	s.t.Helper()
	select {
	case <-h.there:
	case <-time.After(limit):
		s.t.Fatalf("never: %s is held up\n%s", what, s.show())
	}
}

// gates hold a site's answers up.
type gates struct {
	mu    sync.Mutex // guards paths
	paths map[string]*halt
}

// holdAnswer holds the site's next answers to requests for a path up, when the
// site has done what it was asked for.
func (s *scene) holdAnswer(path string) *halt {
	h := newHalt(s.t)
	s.gates.mu.Lock()
	defer s.gates.mu.Unlock()
	s.gates.paths[path] = h
	return h
}

// before lets a site answer, through the gates.
func (g *gates) before(site http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Browsers treat it as a public site, though it is on this computer
		// (Private Network Access, "treat-as-public-address").
		w.Header().Add("Content-Security-Policy", "treat-as-public-address")
		site.ServeHTTP(w, r)
		g.mu.Lock()
		held := g.paths[r.URL.Path]
		g.mu.Unlock()
		if held != nil { // what is written is sent when this returns
			held.stop(r.Context())
		}
	})
}
