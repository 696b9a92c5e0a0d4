package signintest

import (
	"context"
	"sync"

	"github.com/cardea-agent/cardea/agent/signin"
)

// Desktop is a signin.Desktop that the test locks.
type Desktop struct {
	mu      sync.Mutex
	locked  bool
	changed chan struct{}
}

// NewDesktop returns one that is unlocked.
func NewDesktop() *Desktop { return &Desktop{changed: make(chan struct{})} }

// Set locks or unlocks it.
func (d *Desktop) Set(locked bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locked = locked
	close(d.changed)
	d.changed = make(chan struct{})
}

// Locked and Check are signin.Desktop's.
func (d *Desktop) Locked() (bool, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.locked, d.changed
}

func (d *Desktop) Check(context.Context) bool {
	locked, _ := d.Locked()
	return locked
}

// Forget is what becomes of a card behind a lock; its Gone is closed first.
func (c *Cards) Forget(card *Card) {
	card.Pull()
	c.set(signin.Snapshot{State: signin.NoCard, Locked: true, Readers: []signin.Reader{
		{Name: card.Reader(), Status: signin.NoCard, Pending: true, Again: card.Insertion()},
	}})
}

var _ signin.Desktop = (*Desktop)(nil)
