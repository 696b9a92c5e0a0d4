package card

import (
	"context"
	"errors"
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
	tries int
}

func (m *Manager) newCardLocked(reader string, s spoken) *card {
	m.number++
	c := &card{manager: m, number: m.number, reader: reader, spoken: s, tries: s.knownTries(), gone: make(chan struct{})}
	c.leave = sync.OnceFunc(func() { close(c.gone) })
	return c
}

func (c *card) Insertion() uint64     { return c.number }
func (c *card) Reader() string        { return c.reader }
func (c *card) Gone() <-chan struct{} { return c.gone }
func (c *card) Keys() []signin.Key    { return c.spoken.keys() }

func (c *card) statusLocked() signin.State {
	switch {
	case c.busy:
		return signin.Busy
	case c.tries == 0:
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
	if c.busy {
		return nil, &signin.Error{Code: signin.CodeBusy}
	}
	c.busy = true
	c.manager.publishLocked()
	return func() {
		c.manager.mu.Lock()
		defer c.manager.mu.Unlock()
		c.busy = false
		c.manager.publishLocked()
	}, nil
}

func (c *card) setTries(n int) {
	c.manager.mu.Lock()
	defer c.manager.mu.Unlock()
	c.tries = n
}

func (c *card) lastTries() int {
	c.manager.mu.Lock()
	defer c.manager.mu.Unlock()
	return c.tries
}

// Tries asks the card.
func (c *card) Tries(ctx context.Context) (int, error) {
	tries, err := c.spoken.tries(ctx)
	if err != nil {
		return signin.TriesUnknown, c.failed(err)
	}
	c.setTries(tries)
	return tries, nil
}

// fullTries is what a right PIN sets the counter to, as far as one can tell
// without asking the card again.
const fullTries = 3

// Sign verifies the PIN, signs, and makes the card forget the PIN.
func (c *card) Sign(ctx context.Context, req signin.CardSignRequest) ([][]byte, error) {
	defer req.PIN.Wipe()
	made, err := c.spoken.sign(ctx, req)
	err = c.failed(err)
	c.learn(err)
	return made, err
}

// learn keeps what the outcome of a PIN says about the counter.
func (c *card) learn(err error) {
	switch e, _ := errors.AsType[*signin.Error](err); {
	case err == nil:
		c.setTries(max(fullTries, c.lastTries()))
	case errors.Is(err, signin.ErrLastTry) && c.lastTries() != signin.TriesUnknown:
		c.setTries(1)
	case e != nil && e.Code == signin.CodePINWrong:
		c.setTries(e.TriesLeft)
	case e != nil && e.Code == signin.CodePINBlocked:
		c.setTries(0)
	}
}

// failed translates the error of an operation, after letting go of a card that
// is out.
func (c *card) failed(err error) error {
	if err = translate(err, c.lastTries()); err != nil && signin.CodeOf(err) == signin.CodeCardRemoved {
		c.manager.drop(c)
	}
	return err
}

var _ signin.Card = (*card)(nil)
