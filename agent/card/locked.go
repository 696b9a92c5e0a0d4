package card

import "github.com/cardea-agent/cardea/agent/signin"

// SetLocked is told whether the desktop is locked. While it is, no card is known
// and none is spoken to; that one is taken out or put in is noticed all the same.
// After it the readers are looked at afresh. A card that stayed in has its
// Insertion again, because it is the same one; one that was out has another.
func (m *Manager) SetLocked(locked bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked == locked {
		return
	}
	m.locked = locked
	for _, p := range m.places {
		switch {
		case p.card != nil && p.card.busy: // see freedLocked
		case locked:
			m.forgetLocked(p)
		default:
			m.lookLocked(p)
		}
	}
	m.publishLocked()
}

// forgetLocked lets go of the card of a place, and keeps what it can be known by.
func (m *Manager) forgetLocked(p *place) {
	number := p.again
	if p.card != nil {
		number = p.card.number
	}
	m.emptyLocked(p)
	p.again = number
}

// freedLocked forgets a card that was at work when the desktop was locked. Not
// before: who works with it has the lock told as well, and first makes it forget
// a PIN. That is not tried with a card that is gone.
func (m *Manager) freedLocked(c *card) {
	if p := m.places[c.reader]; m.locked && p != nil && p.card == c {
		m.forgetLocked(p)
	}
}

// hiddenLocked describes a place while the desktop is locked.
func (p *place) hiddenLocked() signin.Reader {
	r := signin.Reader{Name: p.reader.Name, Status: signin.NoCard, Pending: p.reader.Present, Again: p.again}
	if p.card != nil {
		r.Again = p.card.number
	}
	return r
}

// lookLocked begins to read what is in a place.
func (m *Manager) lookLocked(p *place) {
	p.retries = 0
	switch {
	case p.reader.Mute:
		p.status, p.again = signin.CardUnreadable, 0
	case p.reader.Present:
		m.readLocked(p, 0)
	}
}
