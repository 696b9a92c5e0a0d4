package prompt

import "sync"

// Turn gives the one window to one conversation at a time. A question about a
// site may have it only while nothing else wants it, and gives it back as soon as
// something does: a page that nobody knows must not keep a person from their PIN.
type Turn struct {
	// C takes one value from whoever has the window.
	C chan struct{}

	mu     sync.Mutex
	wanted int    // how many wait for C with Want
	yield  func() // takes the window from the question that has it
}

// NewTurn makes a Turn that nobody has.
func NewTurn() *Turn { return &Turn{C: make(chan struct{}, 1)} }

// Want makes way for a conversation that is about to wait for C. settled is
// called when it has the turn, or gave up.
func (t *Turn) Want() (settled func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wanted++
	if t.yield != nil {
		t.yield()
	}
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.wanted--
	})
}

// Try takes the turn for a question that gives way, if nobody has or wants it.
// yield must not wait.
func (t *Turn) Try(yield func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wanted > 0 {
		return false
	}
	select {
	case t.C <- struct{}{}:
		t.yield = yield
		return true
	default:
		return false
	}
}

// Back gives the turn back.
func (t *Turn) Back() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.yield = nil
	<-t.C
}
