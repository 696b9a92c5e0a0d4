package signin

import (
	"context"
	"sync"
	"time"
)

// The first window that is closed without a sign-in costs an origin
// patienceFirst before its next one, each further one in a row twice as much,
// patienceMost at most. A quiet patienceForgets makes up for all of them.
const (
	patienceFirst   = time.Second
	patienceMost    = 30 * time.Second
	patienceForgets = 10 * time.Minute
	patienceOrigins = 256
)

// patience keeps an origin from opening one window after the other: after a
// cancel or a time-out its next one waits a growing while.
type patience struct {
	mu      sync.Mutex // guards origins
	origins map[string]cancels
}

type cancels struct {
	inRow int
	last  time.Time
}

// wait waits until the origin may open a window.
func (p *patience) wait(ctx context.Context, origin string) error {
	p.mu.Lock()
	c := p.origins[origin]
	p.mu.Unlock()
	if c.inRow == 0 {
		return ctx.Err()
	}
	pause := min(patienceFirst<<min(c.inRow-1, 10), patienceMost)
	left := time.Until(c.last.Add(pause))
	if left <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// note remembers how a window ended.
func (p *patience) note(origin string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.origins, origin)
		return
	}
	switch CodeOf(err) {
	case CodeCancelled, CodePINWrong:
	case CodeTimedOut: // a page sets its own time limit, a second if it likes
	default:
		return
	}
	now := time.Now()
	for o, c := range p.origins {
		if now.Sub(c.last) > patienceForgets {
			delete(p.origins, o)
		}
	}
	if p.origins == nil {
		p.origins = map[string]cancels{}
	}
	c, known := p.origins[origin]
	if !known && len(p.origins) >= patienceOrigins {
		return
	}
	p.origins[origin] = cancels{inRow: c.inRow + 1, last: now}
}
