package virtual

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// What may happen to a command instead of an answer.
var (
	// ErrRemoved: the card left the reader.
	ErrRemoved = errors.New("virtual: the card was removed")
	// ErrMute: the card did not answer.
	ErrMute = errors.New("virtual: the card did not answer")
)

// pivATR is the answer to reset of a PIV card, as piv-go and OpenSC expect it:
// T=0 and T=1, historical bytes with the PIV application identifier.
var pivATR = []byte{
	0x3B, 0x8B, 0x80, 0x01, 0x80, 0xF9, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0xC8,
}

// Card is one virtual card. It is in one reader at a time; the caller sees to
// that. Safe for use by several goroutines: it does one command after another.
type Card struct {
	atr     []byte
	guid    [16]byte
	ca      *CA
	profile Profile

	log    log
	script script

	mu       sync.Mutex // guards all below; held for a whole command, its modelled time included
	keys     map[KeySlot]*cardKey
	objects  map[uint32][]byte
	pin, puk secret
	verified bool // the PIN's security status
	fresh    bool // the PIN was verified by the command before
	chain    *command
	response []byte // what GET RESPONSE has still to fetch
}

// cardKey is a private key and what the card says about it.
type cardKey struct {
	Key
	private     crypto.Signer
	certificate *x509.Certificate
}

// NewCard makes the card that the profile describes, with new keys and with
// certificates from ca. It panics when there can be no such card: that is a
// mistake in the calling program.
func NewCard(ca *CA, p Profile) *Card {
	c := &Card{atr: pivATR, guid: p.GUID, ca: ca, profile: p, keys: map[KeySlot]*cardKey{}}
	if p.ATR != nil {
		c.atr = slices.Clone(p.ATR)
	}
	if c.guid == [16]byte{} {
		_, _ = rand.Read(c.guid[:]) // documented never to fail
		c.guid[6], c.guid[8] = c.guid[6]&0x0F|0x40, c.guid[8]&0x3F|0x80
	}
	c.pin = newSecret(orDefault(p.PIN, DefaultPIN), orDefault(p.PINTries, defaultTries), p.WrongPINs)
	c.pin.notSet = p.PINNotSet
	c.puk = newSecret(orDefault(p.PUK, DefaultPUK), orDefault(p.PUKTries, defaultTries), p.WrongPUKs)
	c.profile.PIN, c.profile.PUK = "", "" // the card keeps them in one place only
	for _, k := range p.Keys {
		if _, twice := c.keys[k.Slot]; twice {
			panic(fmt.Sprintf("virtual: two keys in slot %02X", byte(k.Slot)))
		}
		c.keys[k.Slot] = c.makeKey(k)
	}
	c.makeObjects()
	return c
}

// makeKey makes a new key and certificate as k says.
func (c *Card) makeKey(k Key) *cardKey {
	if k.Subject.String() == "" {
		k.Subject = pkix.Name{CommonName: c.profile.Holder}
	}
	if k.Issuer == nil {
		k.Issuer = c.ca
	}
	made := &cardKey{Key: k}
	if k.SameAs != 0 {
		made.private = c.keys[k.SameAs].private // a panic is the profile's mistake
	} else {
		made.private = k.Issuer.newKey(k.Algorithm)
	}
	made.certificate = k.Issuer.issue(k, made.private.Public())
	return made
}

// ATR returns the answer to reset; empty when the card gives none.
func (c *Card) ATR() []byte { return slices.Clone(c.atr) }

// GUID returns the card's identifier, as its CHUID has it.
func (c *Card) GUID() [16]byte { return c.guid }

// Certificate returns the certificate of a key slot, also when the profile
// leaves it out of the card. Nil when the card has no such key.
func (c *Card) Certificate(slot KeySlot) *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.keys[slot]; k != nil {
		return k.certificate
	}
	return nil
}

// Renew replaces the key in slot by a new one, with a new certificate for the
// same subject, valid from now for two years, and returns that.
func (c *Card) Renew(slot KeySlot) *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.keys[slot]
	if old == nil {
		panic(fmt.Sprintf("virtual: no key to renew in slot %02X", byte(slot)))
	}
	k := old.Key
	k.NotBefore, k.NotAfter = time.Now().Add(-time.Minute), time.Time{}
	c.keys[slot] = c.makeKey(k)
	c.makeObjects()
	return c.keys[slot].certificate
}

// PINVerified says whether whoever speaks to the card now could use a key that
// needs the PIN. Not a command: it is not counted and not slowed down.
func (c *Card) PINVerified() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verified
}

// TriesLeft returns what is left of the counters of PIN and PUK.
func (c *Card) TriesLeft() (pin, puk int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pin.left, c.puk.left
}

// Reset is a warm or cold reset: the PIN is no longer verified, and the PIV
// application is selected. It takes the modelled time and ends early with
// ErrRemoved when ctx ends.
func (c *Card) Reset(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log.resets.Add(1)
	c.verified, c.fresh, c.chain, c.response = false, false, nil, nil
	return wait(ctx, c.profile.Timing.Reset)
}

// Transmit answers one command APDU. The answer has at least the two bytes of a
// status word. Errors are ErrMute and ErrRemoved; a ctx that ends is a card
// that was pulled.
func (c *Card) Transmit(ctx context.Context, raw []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ErrRemoved
	}
	c.log.count()
	answer, err := c.answer(ctx, raw)
	c.log.add(raw, answer)
	return answer, err
}

// answer is the card's script, its work and its slowness. Called with the lock held.
func (c *Card) answer(ctx context.Context, raw []byte) ([]byte, error) {
	fault := c.script.next(raw)
	if fault.before != nil {
		if answer, err := fault.before(ctx); answer != nil || err != nil {
			return answer, err
		}
	}
	start := time.Now()
	answer, work := c.execute(raw)
	if timing := &c.profile.Timing; !timing.instant() {
		busy := timing.command(len(raw), len(answer)) + timing.operation(work)
		if err := wait(ctx, busy-time.Since(start)); err != nil {
			return nil, err
		}
	}
	if fault.after != nil {
		return fault.after(answer)
	}
	return answer, nil
}

// wait sleeps for d as a card does: until it is pulled.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ErrRemoved
	}
}
