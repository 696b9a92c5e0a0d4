package virtual

import (
	"context"
	"errors"

	"github.com/cardea-agent/cardea/pcsc"
)

// handle is one pcsc.Handle of a Manager. Its fields are guarded by the
// manager's lock.
type handle struct {
	c        *resourceContext
	r        *Reader
	protocol pcsc.Protocol
	event    pcsc.Code // RemovedCard or CardReset until Reconnect; 0: none
	closed   bool
}

// Connect opens the card in a reader, after waiting for the end of a
// transaction, as pcsc-lite does.
func (c *resourceContext) Connect(reader string, mode pcsc.ShareMode, protocols pcsc.Protocol) (pcsc.Handle, error) {
	m := c.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := c.alive(); err != nil {
		return nil, err
	}
	if mode != pcsc.ShareShared && mode != pcsc.ShareExclusive {
		return nil, pcsc.InvalidValue
	}
	r := m.find(reader)
	if r == nil {
		return nil, pcsc.UnknownReader
	}
	if r.exclusive != nil {
		return nil, pcsc.SharingViolation
	}
	for r.owner != nil && !r.gone && !c.dead {
		m.free.Wait()
	}
	switch {
	case c.dead:
		return nil, pcsc.CommError
	case r.gone:
		return nil, pcsc.ReaderUnavailable
	case r.card == nil:
		return nil, pcsc.NoSmartcard
	case len(r.card.atr) == 0:
		return nil, pcsc.UnpoweredCard
	case r.exclusive != nil, mode == pcsc.ShareExclusive && len(r.handles) > 0:
		return nil, pcsc.SharingViolation
	}
	h := &handle{c: c, r: r}
	if err := h.agree(protocols); err != nil {
		return nil, err
	}
	h.share(mode)
	r.handles[h] = struct{}{}
	c.handles[h] = struct{}{}
	m.notify()
	return h, nil
}

// agree fixes the protocol: what was agreed on since the reset, else T=1 before
// T=0. Called with the lock held.
func (h *handle) agree(protocols pcsc.Protocol) error {
	available := pcsc.ProtocolAny
	if h.r.protocol != 0 {
		available = h.r.protocol
	}
	switch common := available & protocols; {
	case common&pcsc.ProtocolT1 != 0:
		h.protocol = pcsc.ProtocolT1
	case common&pcsc.ProtocolT0 != 0:
		h.protocol = pcsc.ProtocolT0
	default:
		return pcsc.ProtoMismatch
	}
	h.r.protocol = h.protocol
	return nil
}

// share takes exclusive use, which is a transaction that lasts until it ends,
// or gives it up. Called with the lock held.
func (h *handle) share(mode pcsc.ShareMode) {
	switch exclusive := mode == pcsc.ShareExclusive; {
	case exclusive && h.r.exclusive == nil:
		h.r.exclusive, h.r.owner = h, h
		h.r.depth++
	case !exclusive && h.r.exclusive == h:
		h.r.exclusive = nil
		h.endOne()
	}
}

// endOne ends the innermost transaction. Called with the lock held.
func (h *handle) endOne() {
	if h.r.depth--; h.r.depth <= 0 {
		h.r.owner, h.r.depth = nil, 0
		h.c.m.free.Broadcast()
	}
}

// ready waits until no other handle has a transaction, and says why the handle
// cannot be used. Called with the lock held.
func (h *handle) ready() error {
	if err := h.usable(); err != nil {
		return err
	}
	for h.r.owner != nil && h.r.owner != h {
		h.c.m.free.Wait()
		if h.c.dead {
			return pcsc.CommError
		}
		if err := h.usable(); err != nil {
			return err
		}
	}
	return nil
}

// usable says why the handle cannot be used, its event aside. Called with the lock held.
func (h *handle) usable() error {
	switch {
	case h.closed:
		return pcsc.InvalidHandle
	case h.r.gone && !h.c.dead:
		return pcsc.ReaderUnavailable
	}
	return h.c.ended()
}

// failed returns the event as an error. Called with the lock held.
func (h *handle) failed() error {
	if h.event != 0 {
		return h.event
	}
	return nil
}

// ActiveProtocol returns the protocol agreed on, T1 unless the caller excluded it.
func (h *handle) ActiveProtocol() pcsc.Protocol {
	h.c.m.mu.Lock()
	defer h.c.m.mu.Unlock()
	return h.protocol
}

// BeginTransaction waits for the other handles' transactions to end.
func (h *handle) BeginTransaction() error {
	h.c.m.mu.Lock()
	defer h.c.m.mu.Unlock()
	if err := h.ready(); err != nil {
		return err
	}
	if err := h.failed(); err != nil {
		return err
	}
	h.r.owner = h
	h.r.depth++
	return nil
}

// EndTransaction gives the card back. A reset is an event for this handle too,
// as with pcsc-lite.
func (h *handle) EndTransaction(d pcsc.Disposition) error {
	h.c.m.mu.Lock()
	defer h.c.m.mu.Unlock()
	if d > pcsc.UnpowerCard {
		return pcsc.InvalidValue
	}
	if err := h.usable(); err != nil {
		return err
	}
	if err := h.failed(); err != nil {
		return err
	}
	switch {
	case h.r.owner != nil && h.r.owner != h:
		return pcsc.SharingViolation
	case h.r.owner == nil, h.r.exclusive == h && h.r.depth == 1:
		return pcsc.NotTransacted
	}
	var err error
	if d != pcsc.LeaveCard {
		err = h.r.reset()
	}
	if h.r.owner == h { // the card may have been pulled meanwhile
		h.endOne()
	}
	return err
}

// Transmit sends one command. A card that is pulled meanwhile is NotTransacted
// at first and RemovedCard from then on.
func (h *handle) Transmit(command []byte) ([]byte, error) {
	card, powered, err := h.begin(command)
	if err != nil {
		return nil, err
	}
	defer h.finish()
	answer, err := card.Transmit(powered, command)
	switch {
	case err == nil:
		return answer, nil
	case errors.Is(err, ErrRemoved) && powered.Err() == nil:
		h.r.eject(card) // by its script
	}
	h.c.m.mu.Lock()
	defer h.c.m.mu.Unlock()
	if h.c.dead {
		return nil, pcsc.CommError
	}
	return nil, pcsc.NotTransacted
}

// begin checks that a command can be sent, and to which card, and takes the
// reader for it: no transaction begins while it is under way. pcscd 1.9.9 lets
// one begin, but the commands that came before it are done before its own, and
// that is what matters; here only the wait makes sure of it.
func (h *handle) begin(command []byte) (*Card, context.Context, error) {
	h.c.m.mu.Lock()
	defer h.c.m.mu.Unlock()
	if len(command) == 0 {
		return nil, nil, pcsc.InvalidParameter
	}
	if err := h.ready(); err != nil {
		return nil, nil, err
	}
	if err := h.failed(); err != nil {
		return nil, nil, err
	}
	if h.r.card == nil {
		return nil, nil, pcsc.NoSmartcard
	}
	h.r.owner = h
	h.r.depth++
	return h.r.card, h.r.powered, nil
}

// finish gives back what begin took, if the card was not pulled meanwhile.
func (h *handle) finish() {
	h.c.m.mu.Lock()
	defer h.c.m.mu.Unlock()
	if h.r.owner == h {
		h.endOne()
	}
}

// Reconnect takes the connection up again, also with another card that is in
// the reader now.
func (h *handle) Reconnect(mode pcsc.ShareMode, protocols pcsc.Protocol, initialization pcsc.Disposition) error {
	h.c.m.mu.Lock()
	defer h.c.m.mu.Unlock()
	if initialization > pcsc.UnpowerCard || mode != pcsc.ShareShared && mode != pcsc.ShareExclusive {
		return pcsc.InvalidValue
	}
	if err := h.ready(); err != nil {
		return err
	}
	if h.r.card == nil {
		return pcsc.NoSmartcard
	}
	if len(h.r.card.atr) == 0 {
		return pcsc.UnresponsiveCard
	}
	if initialization != pcsc.LeaveCard {
		if err := h.r.reset(); err != nil {
			return pcsc.NoSmartcard
		}
	}
	if err := h.agree(protocols); err != nil {
		return err
	}
	if mode == pcsc.ShareExclusive && h.r.exclusive == nil && len(h.r.handles) > 1 {
		return pcsc.SharingViolation
	}
	h.share(mode)
	h.event = 0
	h.c.m.notify()
	return nil
}

// Disconnect closes the handle. The handle is gone whatever the error.
func (h *handle) Disconnect(d pcsc.Disposition) error {
	m := h.c.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if d > pcsc.UnpowerCard {
		return pcsc.InvalidValue
	}
	if h.closed {
		return pcsc.InvalidHandle
	}
	var err error
	switch {
	case h.c.dead:
		err = pcsc.NoService
	case h.r.gone, h.r.card == nil, d == pcsc.LeaveCard:
	default:
		if err = h.ready(); err == nil && h.r.card != nil {
			_ = h.r.reset() // a card that was pulled meanwhile is as reset as can be
		}
	}
	if h.closed { // by another goroutine, meanwhile
		return pcsc.InvalidHandle
	}
	h.close()
	return err
}

// close takes the handle out of all lists and ends its transactions. Called with the lock held.
func (h *handle) close() {
	h.closed = true
	delete(h.c.handles, h)
	delete(h.r.handles, h)
	if h.r.owner == h {
		h.r.owner, h.r.depth = nil, 0
	}
	if h.r.exclusive == h {
		h.r.exclusive = nil
	}
	h.c.m.notify()
}
