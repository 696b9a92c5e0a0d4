package card

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
)

// Config is what a Manager works with. Every field but List and Modules is
// required.
type Config struct {
	Driver pcsc.Driver
	// List says how to speak to which card. Nil is the shipped one.
	List *cards.List
	// Usable says whether a key may sign people in.
	Usable func(signin.Key, time.Time) (bool, signin.Why)
	// Algorithm names the signature algorithm of a certificate's key.
	Algorithm func(*x509.Certificate) (string, error)
	// Modules makes what speaks to a module of the list. Its file, without
	// links, is the administrators' alone. Nil: no module is ever loaded.
	Modules func(module cards.Module, file string) Module
	Log     *slog.Logger
}

// Manager is a signin.Cards over PC/SC.
type Manager struct {
	Config
	modules *modules

	parts sync.WaitGroup // what Run started and waits for

	mu       sync.Mutex      // guards what follows and the mutable fields of every *card; held for no call
	ctx      context.Context // of Run, for readings; nil before and after
	service  error           // why PC/SC cannot be used; nil when it can
	places   map[string]*place
	locked   bool   // the desktop: no card is read
	number   uint64 // the last card's
	snapshot signin.Snapshot
	changed  chan struct{}
}

// place is one reader and what became of the card in it.
type place struct {
	reader  pcsc.Reader
	cancel  context.CancelFunc // of the reading under way; nil when none is
	retries int                // readings of this insertion that failed
	freed   bool               // another program let go of the card during the reading under way
	status  signin.State       // of a card that could not be read; empty before
	problem *signin.Error      // with its module; nil without
	card    *card              // nil unless it was read
	again   uint64             // the number of a card that was forgotten and is still in
}

// New returns a Manager that knows nothing until Run is called.
func New(c Config) *Manager {
	if c.List == nil {
		c.List = ShippedList()
	}
	return &Manager{
		Config: c, modules: newModules(c.Modules), places: map[string]*place{}, changed: make(chan struct{}),
		snapshot: signin.Snapshot{State: signin.NoCard, Readers: []signin.Reader{{Pending: true}}},
	}
}

// Snapshot returns what is known now, and a channel that is closed when a newer
// snapshot exists. Before the first look there is one reader without a name
// that is being read, so that a request waits.
func (m *Manager) Snapshot() (signin.Snapshot, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snapshot, m.changed
}

// Run follows the readers until ctx ends, and returns when every connection to
// a card is closed and every module's process has ended.
func (m *Manager) Run(ctx context.Context) error {
	watcher := pcsc.NewWatcher(m.Driver)
	snapshots, cancel := watcher.Subscribe()
	defer cancel()
	defer m.modules.close()
	defer m.parts.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m.setContext(ctx)
	failed := make(chan error, 1)
	m.parts.Go(func() { failed <- watcher.Run(ctx) })
	for s := range snapshots {
		m.follow(s)
	}
	m.follow(pcsc.Snapshot{})
	m.setContext(nil) //nolint:staticcheck // none: Run has ended
	return <-failed
}

// Refresh makes a new snapshot by rules that may have changed.
func (m *Manager) Refresh() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.publishLocked()
}

func (m *Manager) setContext(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ctx = ctx
}

// follow brings the places in line with what PC/SC says.
func (m *Manager) follow(s pcsc.Snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.service = s.Err
	for name, p := range m.places {
		i := slices.IndexFunc(s.Readers, func(r pcsc.Reader) bool { return r.Name == name })
		if i < 0 || s.Readers[i].Insertion != p.reader.Insertion || !s.Readers[i].Present {
			m.emptyLocked(p)
		}
		if i < 0 {
			delete(m.places, name)
		}
	}
	for _, r := range s.Readers {
		p := m.places[r.Name]
		if p == nil {
			p = &place{}
			m.places[r.Name] = p
		}
		before := p.reader
		p.reader = r
		inserted := !before.Present || before.Insertion != r.Insertion
		freed := before.Exclusive && !r.Exclusive || before.Mute && !r.Mute
		switch {
		case !r.Present || p.card != nil:
		case p.cancel != nil:
			p.freed = p.freed || freed
		case r.Mute:
			p.status = signin.CardUnreadable
		case inserted || freed:
			p.retries = 0
			m.readLocked(p, 0)
		}
	}
	m.publishLocked()
}

// emptyLocked lets go of the card of a place.
func (m *Manager) emptyLocked(p *place) {
	if p.cancel != nil {
		p.cancel()
	}
	if c := p.card; c != nil {
		c.leave()
		m.parts.Go(c.spoken.close)
	}
	p.cancel, p.card, p.status, p.problem, p.freed, p.again = nil, nil, "", nil, false, 0
}

// publishLocked makes a new snapshot.
func (m *Manager) publishLocked() {
	s := signin.Snapshot{Revision: m.snapshot.Revision + 1, Locked: m.locked}
	for _, p := range m.places {
		r := p.describeLocked()
		if m.locked {
			r = p.hiddenLocked()
		}
		s.Readers = append(s.Readers, r)
	}
	slices.SortFunc(s.Readers, func(a, b signin.Reader) int { return cmp.Compare(a.Name, b.Name) })
	s.State = derive(m.service, s.Readers)
	m.snapshot = s
	close(m.changed)
	m.changed = make(chan struct{})
}

func (p *place) describeLocked() signin.Reader {
	r := signin.Reader{Name: p.reader.Name, Status: signin.NoCard, Pending: p.cancel != nil, Again: p.again}
	switch {
	case p.card != nil:
		r.Status, r.Card, r.PIN = p.card.statusLocked(), p.card, pinState(p.card.tries[0])
		r.Keypad = p.card.Keypad()
	case p.status != "":
		r.Status = p.status
	}
	if p.problem != nil && !r.Pending {
		r.Problem, r.How = p.problem.Code, p.problem.How
	}
	if r.Status == signin.CardUnknown {
		r.ATR = fmt.Sprintf("% X", p.reader.ATR)
	}
	return r
}

// nearness orders the states: of several cards the one that is nearest to a
// sign-in is what a person can do something with.
var nearness = []signin.State{
	signin.Busy, signin.Ready, signin.PINBlocked, signin.NoUsableCertificate,
	signin.CardUnknown, signin.CardUnreadable,
}

// derive is the one State for all readers.
func derive(service error, readers []signin.Reader) signin.State {
	if service != nil {
		return signin.ServiceDown
	}
	if len(readers) == 0 {
		return signin.NoReader
	}
	for _, state := range nearness {
		if slices.ContainsFunc(readers, func(r signin.Reader) bool { return r.Status == state }) {
			return state
		}
	}
	return signin.NoCard
}

// pinState puts a counter in words. Cards have three tries when nothing was
// spent, some more.
func pinState(tries int) signin.PINState {
	switch tries {
	case signin.TriesUnknown:
		return signin.PINUnknown
	case triesLow:
		return signin.PINLow
	case 0:
		return signin.PINIsBlocked
	case 1:
		return signin.PINFinal
	case 2:
		return signin.PINLow
	}
	return signin.PINOk
}

var _ signin.Cards = (*Manager)(nil)
