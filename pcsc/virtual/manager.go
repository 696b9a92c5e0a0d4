package virtual

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/cardea-agent/cardea/pcsc"
)

// Slot is where a card goes in: a reader of a Manager, or a VPCD.
type Slot interface {
	// Insert puts a card in, after taking out the one that is in.
	Insert(*Card)
	// Remove takes the card out. Without a card it does nothing.
	Remove()
}

var (
	_ pcsc.Driver  = (*Manager)(nil)
	_ pcsc.Context = (*resourceContext)(nil)
	_ pcsc.Handle  = (*handle)(nil)
	_ Slot         = (*Reader)(nil)
)

// Manager is a PC/SC resource manager in this process. It behaves like
// pcsc-lite 2.3 where that differs from Windows. Safe for use by several goroutines.
type Manager struct {
	mu       sync.Mutex // guards all below and everything in its readers, contexts and handles
	free     *sync.Cond // on mu: a transaction ended, or can end no more
	changed  chan struct{}
	readers  []*Reader
	events   uint16 // counts readers that came and went
	stopped  bool
	contexts map[*resourceContext]struct{}
}

// NewManager makes a manager without readers, its service started.
func NewManager() *Manager {
	m := &Manager{changed: make(chan struct{}), events: 1, contexts: map[*resourceContext]struct{}{}}
	m.free = sync.NewCond(&m.mu)
	return m
}

// notify wakes everything that waits, to look again. Called with the lock held.
func (m *Manager) notify() {
	close(m.changed)
	m.changed = make(chan struct{})
	m.free.Broadcast()
}

// Establish opens a context. NoService when the service is stopped.
func (m *Manager) Establish() (pcsc.Context, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return nil, pcsc.NoService
	}
	c := &resourceContext{m: m, handles: map[*handle]struct{}{}}
	m.contexts[c] = struct{}{}
	return c, nil
}

// StopService is pcscd stopping: every context is dead from now on, waits end
// with CommError, and the cards lose their power. Readers and cards stay.
func (m *Manager) StopService() {
	m.mu.Lock()
	var powerless []*Card
	m.stopped = true
	for c := range m.contexts {
		c.dead = true
	}
	clear(m.contexts)
	for _, r := range m.readers {
		if r.card != nil {
			powerless = append(powerless, r.card)
			r.interrupt()
			r.powered, r.interrupt = context.WithCancel(context.Background())
		}
		clear(r.handles)
		r.owner, r.depth, r.exclusive, r.protocol = nil, 0, nil, 0
	}
	m.notify()
	m.mu.Unlock()
	for _, card := range powerless {
		_ = card.Reset(context.Background()) // only a removal could fail it
	}
}

// StartService starts the service again. Old contexts stay dead.
func (m *Manager) StartService() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = false
}

// AddReader plugs a reader in. It panics when the name is taken.
func (m *Manager) AddReader(name string) *Reader {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.find(name) != nil {
		panic(fmt.Sprintf("virtual: there is a reader %q already", name))
	}
	r := &Reader{m: m, name: name, handles: map[*handle]struct{}{}}
	m.readers = append(m.readers, r)
	m.events++
	m.notify()
	return r
}

// RemoveReader unplugs a reader with the card in it. Its Slot does nothing from
// now on. Without such a reader it does nothing.
func (m *Manager) RemoveReader(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.find(name)
	if r == nil {
		return
	}
	r.takeOut()
	r.gone = true
	m.readers = slices.DeleteFunc(m.readers, func(other *Reader) bool { return other == r })
	m.events++
	m.notify()
}

// find returns the reader of this name or nil. Called with the lock held.
func (m *Manager) find(name string) *Reader {
	for _, r := range m.readers {
		if r.name == name {
			return r
		}
	}
	return nil
}

// Reader is one reader of a Manager, and the Slot of its card.
type Reader struct {
	m    *Manager
	name string

	// All below is guarded by the manager's lock.
	gone      bool
	card      *Card
	powered   context.Context // ends when the card is pulled or loses its power
	interrupt context.CancelFunc
	counter   uint16 // insertions and removals
	handles   map[*handle]struct{}
	owner     *handle       // whose transaction it is
	depth     int           // transactions of the owner, one in the other
	exclusive *handle       // whose alone the card is
	protocol  pcsc.Protocol // agreed on with the card since its reset; 0: none yet
}

// Name returns the reader's name.
func (r *Reader) Name() string { return r.name }

// Insert puts a card in, after taking out the one that is in. It returns when
// the card has given its answer to reset.
func (r *Reader) Insert(card *Card) {
	r.Remove()
	_ = card.Reset(context.Background()) // only a removal could fail it
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.gone {
		return
	}
	r.takeOut() // another goroutine may have been faster
	r.card = card
	r.powered, r.interrupt = context.WithCancel(context.Background())
	r.counter++
	r.m.notify()
}

// Remove takes the card out. A command that the card works at fails.
func (r *Reader) Remove() {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.takeOut()
}

// takeOut empties the reader. Called with the lock held.
func (r *Reader) takeOut() {
	if r.card == nil {
		return
	}
	r.interrupt()
	r.card, r.protocol = nil, 0
	r.counter++
	r.mark(pcsc.RemovedCard)
	r.owner, r.depth = nil, 0
	r.m.notify()
}

// eject is takeOut if this card is still the one inside: a fault pulled it.
func (r *Reader) eject(card *Card) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.card == card {
		r.takeOut()
	}
}

// mark makes every handle answer with code until it is reconnected. Called with the lock held.
func (r *Reader) mark(code pcsc.Code) {
	for h := range r.handles {
		h.event = code
	}
}

// reset resets the card and tells every handle. Called with the lock held, which
// is not held while the card takes its time.
func (r *Reader) reset() error {
	card, powered := r.card, r.powered
	if card == nil {
		return pcsc.RemovedCard
	}
	r.mark(pcsc.CardReset)
	r.protocol = 0
	r.m.mu.Unlock()
	err := card.Reset(powered)
	r.m.mu.Lock()
	if err != nil {
		return pcsc.RemovedCard
	}
	return nil
}

// flags is the reader's state as GetStatusChange reports it. Called with the lock held.
func (r *Reader) flags() pcsc.StateFlag {
	state := pcsc.StateFlag(r.counter) << 16
	if r.card == nil {
		return state | pcsc.StateEmpty
	}
	state |= pcsc.StatePresent
	if len(r.card.atr) == 0 {
		state |= pcsc.StateMute
	}
	switch {
	case r.exclusive != nil:
		state |= pcsc.StateExclusive
	case len(r.handles) > 0:
		state |= pcsc.StateInUse
	}
	return state
}
