package card

import (
	"context"
	"crypto/rsa"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/piv"
)

// card is a PIV card during one insertion. Its connection stays open: it is the
// cheapest proof that it is still the same card.
type card struct {
	manager    *Manager
	number     uint64
	reader     string
	connection *pcsc.Card
	settings   piv.Settings
	keys       []signin.Key
	slots      map[string]piv.Slot // of the keys' IDs
	gone       chan struct{}
	leave      func() // closes gone, once

	// Guarded by the manager's mu.
	busy  bool
	tries int
}

// signingSlots are the slots whose keys can sign for a person. The other two
// are for decryption and for doors, which ask for no PIN.
var signingSlots = []piv.Slot{piv.Authentication, piv.Signature}

// keyPurposes are the slots' own, whatever their certificates say.
var keyPurposes = map[piv.Slot]signin.KeyPurpose{
	piv.Authentication: signin.ForAuthentication, piv.Signature: signin.ForSignatures,
}

func (m *Manager) newCardLocked(reader string, r reading) *card {
	m.number++
	c := &card{
		manager: m, number: m.number, reader: reader, connection: r.connection,
		settings: r.info.Settings, tries: r.info.TriesLeft, slots: map[string]piv.Slot{}, gone: make(chan struct{}),
	}
	c.leave = sync.OnceFunc(func() { close(c.gone) })
	for slot, err := range r.info.Failures {
		m.Log.Warn("a certificate of the card cannot be read", "reader", c.reader, "slot", slot, "err", err)
	}
	for _, slot := range signingSlots {
		certificate := r.info.Certificates[slot]
		if certificate == nil {
			continue
		}
		algorithm, err := m.Algorithm(certificate)
		if err == nil {
			err = piv.CheckKey(certificate.PublicKey)
		}
		if err != nil {
			algorithm = ""
			m.Log.Warn("a key of the card cannot be used", "reader", c.reader, "slot", slot, "err", err)
		}
		c.keys = append(c.keys, signin.Key{
			ID: slot.String(), Certificate: certificate, Algorithm: algorithm, For: keyPurposes[slot],
		})
		c.slots[slot.String()] = slot
	}
	return c
}

func (c *card) Insertion() uint64     { return c.number }
func (c *card) Reader() string        { return c.reader }
func (c *card) Gone() <-chan struct{} { return c.gone }
func (c *card) Keys() []signin.Key    { return c.keys }

func (c *card) statusLocked() signin.State {
	switch {
	case c.busy:
		return signin.Busy
	case c.tries == 0:
		return signin.PINBlocked
	}
	for _, k := range c.keys {
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
	tries := signin.TriesUnknown
	err := c.transact(ctx, func(tx *pcsc.Tx) (err error) {
		tries, err = piv.TriesLeft(tx, c.settings)
		return err
	})
	if err != nil {
		return signin.TriesUnknown, err
	}
	c.setTries(tries)
	return tries, nil
}

// fullTries is what a right PIN sets the counter to, as far as one can tell
// without asking the card again.
const fullTries = 3

// Sign verifies the PIN, signs, and makes the card forget the PIN, all in one
// transaction.
func (c *card) Sign(ctx context.Context, req signin.CardSignRequest) ([][]byte, error) {
	defer req.PIN.Wipe()
	made := signatures{told: req.Signed}
	request := piv.SignRequest{
		Settings: c.settings, Slot: c.slots[req.Key.ID], Public: req.Key.Certificate.PublicKey,
		Opts: req.Hash, Digests: req.Digests, AllowLastTry: req.AllowLastTry,
		Signed: made.add,
	}
	if strings.HasPrefix(req.Key.Algorithm, "PS") {
		request.Opts = &rsa.PSSOptions{Hash: req.Hash, SaltLength: rsa.PSSSaltLengthEqualsHash}
	}
	err := req.PIN.Use(func(b []byte) error {
		request.PIN = b
		return c.transact(ctx, func(tx *pcsc.Tx) error { return piv.Sign(ctx, tx, request) })
	})
	c.learn(err)
	return made.all(), err
}

// signatures are those that a transaction made until it was given up. It may
// still go on then, and nobody hears of what it makes.
type signatures struct {
	told func(n int) // nil tells nobody

	mu   sync.Mutex
	made [][]byte
	over bool
}

func (s *signatures) add(signature []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.made = append(s.made, signature)
	if s.told != nil {
		s.told(len(s.made))
	}
}

func (s *signatures) all() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return s.made
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

// transact runs f in one transaction and translates its error. After a reset
// by another program it first makes sure that this is still the same card.
func (c *card) transact(ctx context.Context, f func(*pcsc.Tx) error) error {
	err := c.connection.Transact(ctx, func(tx *pcsc.Tx) error {
		if tx.WasReset() {
			if err := c.recognise(ctx, tx); err != nil {
				return err
			}
		}
		return f(tx)
	})
	err = translate(err, c.lastTries())
	if signin.CodeOf(err) == signin.CodeCardRemoved && err != nil {
		c.manager.drop(c)
	}
	return err
}

var errAnotherCard = errors.New("card: another card is in the reader")

func (c *card) recognise(ctx context.Context, tx *pcsc.Tx) error {
	info, err := piv.Inspect(ctx, tx, c.settings.Mode)
	if err != nil {
		return err
	}
	for _, k := range c.keys {
		certificate := info.Certificates[c.slots[k.ID]]
		if certificate == nil || !certificate.Equal(k.Certificate) {
			return errAnotherCard
		}
	}
	return nil
}

var _ signin.Card = (*card)(nil)
