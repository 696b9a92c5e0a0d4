package card

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// card is a card during one insertion, whichever way it is spoken to.
type card struct {
	manager *Manager
	number  uint64
	reader  string
	spoken  spoken
	gone    chan struct{}
	leave   func() // closes gone, once

	// Guarded by the manager's mu.
	busy  bool
	tries []int // of each of its PINs
}

func (m *Manager) newCardLocked(reader string, s spoken) *card {
	m.number++
	c := &card{manager: m, number: m.number, reader: reader, spoken: s, tries: slices.Clone(s.pins()), gone: make(chan struct{})}
	c.leave = sync.OnceFunc(func() { close(c.gone) })
	return c
}

func (c *card) Insertion() uint64     { return c.number }
func (c *card) Reader() string        { return c.reader }
func (c *card) Gone() <-chan struct{} { return c.gone }
func (c *card) Keys() []signin.Key    { return c.spoken.keys() }
func (c *card) Keypad() bool          { return c.spoken.keypad() }

func (c *card) statusLocked() signin.State {
	switch {
	case c.busy:
		return signin.Busy
	case c.tries[0] == 0:
		return signin.PINBlocked
	}
	for _, k := range c.spoken.keys() {
		if ok, _ := c.manager.Usable(k, time.Now()); ok {
			return signin.Ready
		}
	}
	return signin.NoUsableCertificate
}

// Acquire takes the card for one PIN operation.
func (c *card) Acquire() (release func(), err error) {
	c.manager.mu.Lock()
	defer c.manager.mu.Unlock()
	select {
	case <-c.gone:
		return nil, &signin.Error{Code: signin.CodeCardRemoved}
	default:
	}
	if c.busy {
		return nil, &signin.Error{Code: signin.CodeBusy}
	}
	c.busy = true
	c.manager.publishLocked()
	return func() {
		c.manager.mu.Lock()
		defer c.manager.mu.Unlock()
		c.busy = false
		c.manager.freedLocked(c)
		c.manager.publishLocked()
	}, nil
}

func (c *card) setTries(key signin.Key, n int) {
	c.manager.mu.Lock()
	defer c.manager.mu.Unlock()
	c.tries[c.spoken.pinOf(key)] = n
}

func (c *card) lastTries(key signin.Key) int {
	c.manager.mu.Lock()
	defer c.manager.mu.Unlock()
	return c.tries[c.spoken.pinOf(key)]
}

// Tries asks the card.
func (c *card) Tries(ctx context.Context, key signin.Key) (int, error) {
	tries, err := c.spoken.tries(ctx, key)
	if err != nil {
		return signin.TriesUnknown, c.failed(key, err)
	}
	c.setTries(key, tries)
	return counted(tries), nil
}

// Sign verifies the PIN, signs, and makes the card forget the PIN.
func (c *card) Sign(ctx context.Context, req signin.CardSignRequest) ([][]byte, error) {
	defer req.PIN.Wipe()
	made, err := c.spoken.sign(ctx, req, c.gone)
	err = c.failed(req.Key, err)
	c.learn(req.Key, err)
	return made, err
}

// learn keeps what the outcome of a PIN says about the counter.
func (c *card) learn(key signin.Key, err error) {
	last, full := c.lastTries(key), c.spoken.fullTries()
	switch e, _ := errors.AsType[*signin.Error](err); {
	case err == nil && full == signin.TriesUnknown:
		c.setTries(key, full)
	case err == nil:
		c.setTries(key, max(full, last))
	case errors.Is(err, signin.ErrLastTry) && last != signin.TriesUnknown:
		c.setTries(key, 1)
	case e != nil && e.Code == signin.CodePINWrong:
		c.setTries(key, e.TriesLeft)
		e.TriesLeft = counted(e.TriesLeft)
	case e != nil && e.Code == signin.CodePINBlocked:
		c.setTries(key, 0)
	}
}

// failed translates the error of an operation, after letting go of a card that
// is out.
func (c *card) failed(key signin.Key, err error) error {
	if err = translate(err, counted(c.lastTries(key))); err != nil && signin.CodeOf(err) == signin.CodeCardRemoved {
		c.manager.drop(c)
	}
	return err
}

var _ signin.Card = (*card)(nil)
