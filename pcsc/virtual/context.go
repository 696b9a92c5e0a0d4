package virtual

import (
	"slices"
	"time"

	"github.com/cardea-agent/cardea/pcsc"
)

// resourceContext is one pcsc.Context of a Manager. Its fields are guarded by
// the manager's lock.
type resourceContext struct {
	m        *Manager
	dead     bool // the service stopped, or the context was released
	released bool
	handles  map[*handle]struct{}
	waiting  bool
	cancel   chan struct{} // of the wait that is under way
}

// alive says why no call can be made. It panics when another call of this
// context is waiting: with libpcsclite that would hang, and on Windows be
// undefined. Called with the lock held.
func (c *resourceContext) alive() error {
	if c.waiting {
		panic("virtual: a call on a context that is waiting")
	}
	return c.ended()
}

// ended says that the context was released or the service stopped. Called with the lock held.
func (c *resourceContext) ended() error {
	switch {
	case c.released:
		return pcsc.InvalidHandle
	case c.dead:
		return pcsc.NoService
	}
	return nil
}

// ListReaders returns the names of all readers, NoReadersAvailable when there are none.
func (c *resourceContext) ListReaders() ([]string, error) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if err := c.alive(); err != nil {
		return nil, err
	}
	if len(c.m.readers) == 0 {
		return nil, pcsc.NoReadersAvailable
	}
	names := make([]string, 0, len(c.m.readers))
	for _, r := range c.m.readers {
		names = append(names, r.name)
	}
	return names, nil
}

// GetStatusChange waits for a difference, as pcsc-lite 2.3 does.
func (c *resourceContext) GetStatusChange(states []pcsc.ReaderState, timeout time.Duration) error {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if err := c.alive(); err != nil {
		return err
	}
	if len(states) == 0 {
		return pcsc.InvalidParameter
	}
	if !slices.ContainsFunc(states, func(s pcsc.ReaderState) bool { return s.Current&pcsc.StateIgnore == 0 }) {
		return nil
	}
	for _, s := range states {
		if s.Reader != pcsc.PnPReader && c.m.find(s.Reader) == nil {
			return pcsc.UnknownReader
		}
	}
	var expired <-chan time.Time
	if timeout >= 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	events := c.m.events
	c.waiting, c.cancel = true, make(chan struct{})
	defer func() { c.waiting = false }()
	for {
		if c.m.compareAll(states, events) {
			return nil
		}
		if err := c.sleep(expired); err != nil {
			return err
		}
	}
}

// sleep waits for anything to change, without the lock, and returns with it.
func (c *resourceContext) sleep(expired <-chan time.Time) error {
	changed, cancel := c.m.changed, c.cancel
	c.m.mu.Unlock()
	var err error
	select {
	case <-changed:
	case <-cancel:
		err = pcsc.Cancelled
	case <-expired:
		err = pcsc.Timeout
	}
	c.m.mu.Lock()
	if c.dead {
		return pcsc.CommError
	}
	return err
}

// compareAll fills the events and says whether one of them is a change. events
// is the count of reader events when the wait began. Called with the lock held.
func (m *Manager) compareAll(states []pcsc.ReaderState, events uint16) bool {
	changed := false
	for i := range states {
		s := &states[i]
		switch {
		case s.Current&pcsc.StateIgnore != 0:
			continue
		case s.Reader == pcsc.PnPReader:
			m.comparePnP(s, events)
		default:
			m.compare(s)
		}
		changed = changed || s.Event&pcsc.StateChanged != 0
	}
	return changed
}

// comparePnP reports a reader that came or went. The count is in the upper 16
// bits; without one in Current, what happened before the wait is lost.
func (m *Manager) comparePnP(s *pcsc.ReaderState, events uint16) {
	known := uint16(s.Current >> 16)
	if known == 0 {
		known = events
	}
	s.Event = pcsc.StateFlag(m.events) << 16
	if m.events != known {
		s.Event |= pcsc.StateChanged
	}
}

// compare is the comparison of pcsc-lite: what is, and whether it differs from
// what the caller knows. A card that comes into use is no change, one that goes
// out of use is.
func (m *Manager) compare(s *pcsc.ReaderState) {
	r := m.find(s.Reader)
	s.ATR = nil
	if r == nil {
		s.Event = pcsc.StateUnknown | pcsc.StateUnavailable
		if s.Current&pcsc.StateUnknown == 0 {
			s.Event |= pcsc.StateChanged
		}
		return
	}
	s.Event = r.flags()
	if r.card != nil {
		s.ATR = r.card.ATR()
	}
	now, was := s.Event, s.Current
	left := func(flag pcsc.StateFlag) bool { return was&flag != 0 && now&flag == 0 }
	switch {
	case was == pcsc.StateUnaware,
		was>>16 != 0 && was>>16 != now>>16,
		left(pcsc.StateUnknown), left(pcsc.StateUnavailable),
		left(pcsc.StateEmpty), left(pcsc.StatePresent),
		left(pcsc.StateInUse) && now&pcsc.StatePresent != 0, left(pcsc.StateExclusive),
		now&pcsc.StatePresent != 0 && (was^now)&pcsc.StateMute != 0:
		s.Event |= pcsc.StateChanged
	}
}

// Cancel ends a wait that is under way.
func (c *resourceContext) Cancel() error {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if err := c.ended(); err != nil {
		return err
	}
	if c.waiting {
		select {
		case <-c.cancel: // cancelled already
		default:
			close(c.cancel)
		}
	}
	return nil
}

// Release ends the context. Like pcscd, it resets the cards that one of its
// handles has a transaction on, and leaves the others as they are, a verified
// PIN included: that is also what happens when a program dies.
func (c *resourceContext) Release() error {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	if err := c.alive(); err != nil {
		return err
	}
	for h := range c.handles {
		if h.r.owner == h && h.event == 0 {
			_ = h.r.reset() // a card that was pulled meanwhile is as reset as can be
		}
		if !h.closed {
			h.close()
		}
	}
	c.dead, c.released = true, true
	delete(c.m.contexts, c)
	return nil
}
