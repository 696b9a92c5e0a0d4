package card

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// readAgain are the pauses before a card that could not be read is read again:
// just put in, it may still slide, or another program may be reading it.
var readAgain = []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second}

// readLocked begins to read the card of a place after a pause.
func (m *Manager) readLocked(p *place, pause time.Duration) {
	if m.ctx == nil || m.locked {
		return
	}
	ctx, cancel := context.WithCancel(m.ctx)
	p.cancel = cancel
	reader := p.reader
	m.parts.Go(func() {
		defer cancel()
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		s, err := m.read(ctx, reader)
		if !m.take(ctx, p, s, err) && s != nil {
			s.close()
		}
	})
}

// take puts the outcome of a reading in its place; false when the reading was
// cancelled meanwhile, because the card is out. s is nil with an error.
func (m *Manager) take(ctx context.Context, p *place, s spoken, err error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	p.cancel, p.problem = nil, nil
	if p.freed { // it came too late for this reading
		p.retries, p.freed = 0, false
	}
	name, atr := p.reader.Name, hex.EncodeToString(p.reader.ATR)
	switch {
	case err == nil:
		p.retries, p.status, p.card = 0, "", m.newCardLocked(name, s)
		if p.again != 0 {
			p.card.number = p.again
		}
	case errors.Is(err, errUnknown):
		p.status = signin.CardUnknown
		m.Log.Info("the card is none that the agent can speak to", "reader", name, "atr", atr, "kind", m.List.For(p.reader.ATR).Name)
	case ofModule(err):
		p.problem, _ = errors.AsType[*signin.Error](err)
		p.status = signin.CardUnreadable
		if p.problem.Code == signin.CodeModuleMissing {
			p.status = signin.CardUnknown
		} else if p.retries < readings(p.problem.How) {
			m.readLocked(p, readAgain[p.retries])
			p.retries++
		}
	default:
		m.Log.Warn("the card cannot be read", "reader", name, "atr", atr, "err", err)
		if signin.CodeOf(translate(err, 0)) != signin.CodeCardRemoved {
			p.status = signin.CardUnreadable
		}
		if p.retries < len(readAgain) {
			m.readLocked(p, readAgain[p.retries])
			p.retries++
		} else {
			p.status = signin.CardUnreadable
		}
	}
	if p.cancel == nil { // no other reading follows
		p.again = 0
	}
	m.publishLocked()
	return true
}

// readings is how often a card is read again by itself after its module failed.
// Then it waits for a request.
func readings(how signin.How) int {
	if how == signin.ModuleRefused { // as for a card that still slides
		return len(readAgain)
	}
	return 1 // a new process may do it
}

func ofModule(err error) bool {
	code := signin.CodeOf(err)
	return code == signin.CodeModuleMissing || code == signin.CodeModuleFailed
}

// ReadAgain reads once more each card whose module is missing or failed.
func (m *Manager) ReadAgain() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.places {
		if p.problem != nil && p.cancel == nil {
			p.retries = len(readAgain)
			m.readLocked(p, 0)
		}
	}
	m.publishLocked()
}

// drop lets go of a card that an operation found gone before the watcher did.
// When it is there after all, as after a reader's hiccup, it is read again.
func (m *Manager) drop(c *card) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.leave()
	p := m.places[c.reader]
	if p == nil || p.card != c {
		return
	}
	m.emptyLocked(p)
	p.retries = 1
	m.readLocked(p, readAgain[0])
	m.publishLocked()
}
