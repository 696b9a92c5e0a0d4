package card

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/piv"
)

// pivDriver speaks to PIV cards directly.
type pivDriver struct {
	pcsc      pcsc.Driver
	algorithm func(*x509.Certificate) (string, error)
	log       *slog.Logger
	modules   *modules // that may be at work meanwhile
}

// pivCard is a PIV card. Its connection stays open: it is the cheapest proof
// that it is still the same card.
type pivCard struct {
	modules    *modules
	connection *pcsc.Card
	settings   piv.Settings
	left       int // PIN tries when it was read
	found      []signin.Key
	slots      map[string]piv.Slot // of the keys' IDs
}

func (d pivDriver) read(ctx context.Context, reader pcsc.Reader) (spoken, error) {
	connection, err := pcsc.Connect(ctx, d.pcsc, reader.Name)
	if err != nil {
		return nil, err
	}
	var info piv.Card
	err = connection.Transact(ctx, func(tx *pcsc.Tx) (err error) {
		info, err = piv.Inspect(ctx, tx, apdu.ModeFor(reader.ATR, tx.Protocol() == pcsc.ProtocolT1))
		return err
	})
	if err != nil {
		connection.Close()
		if errors.Is(err, piv.ErrNotPIV) {
			err = fmt.Errorf("%w: %w", errNotMine, err)
		}
		return nil, err
	}
	return d.card(reader.Name, connection, info), nil
}

// signingSlots are the slots whose keys can sign for a person. The other two
// are for decryption and for doors, which ask for no PIN.
var signingSlots = []piv.Slot{piv.Authentication, piv.Signature}

// keyPurposes are the slots' own, whatever their certificates say.
var keyPurposes = map[piv.Slot]signin.KeyPurpose{
	piv.Authentication: signin.ForAuthentication, piv.Signature: signin.ForSignatures,
}

func (d pivDriver) card(reader string, connection *pcsc.Card, info piv.Card) *pivCard {
	c := &pivCard{modules: d.modules, connection: connection, settings: info.Settings, left: info.TriesLeft, slots: map[string]piv.Slot{}}
	for slot, err := range info.Failures {
		d.log.Warn("a certificate of the card cannot be read", "reader", reader, "slot", slot, "err", err)
	}
	for _, slot := range signingSlots {
		certificate := info.Certificates[slot]
		if certificate == nil {
			continue
		}
		algorithm, err := d.algorithm(certificate)
		if err == nil {
			err = piv.CheckKey(certificate.PublicKey)
		}
		if err != nil {
			algorithm = ""
			d.log.Warn("a key of the card cannot be used", "reader", reader, "slot", slot, "err", err)
		}
		c.found = append(c.found, signin.Key{
			ID: slot.String(), Certificate: certificate, Algorithm: algorithm, For: keyPurposes[slot],
			Shared: sharedWithin(info.Certificates, slot),
		})
		c.slots[slot.String()] = slot
	}
	return c
}

// sharedWithin reports whether a slot that signs for nobody has the same key.
func sharedWithin(certificates map[piv.Slot]*x509.Certificate, slot piv.Slot) bool {
	for other, c := range certificates {
		if !slices.Contains(signingSlots, other) && bytes.Equal(c.RawSubjectPublicKeyInfo, certificates[slot].RawSubjectPublicKeyInfo) {
			return true
		}
	}
	return false
}

func (c *pivCard) keys() []signin.Key   { return c.found }
func (c *pivCard) keypad() bool         { return false }
func (c *pivCard) pins() []int          { return []int{c.left} }
func (c *pivCard) fullTries() int       { return 3 } // as most cards; some have more
func (c *pivCard) pinOf(signin.Key) int { return 0 }
func (c *pivCard) close()               { c.connection.Close() }

func (c *pivCard) tries(ctx context.Context, _ signin.Key) (int, error) {
	left := signin.TriesUnknown
	err := c.transact(ctx, func(tx *pcsc.Tx) (err error) {
		left, err = piv.TriesLeft(tx, c.settings)
		return err
	})
	if err != nil {
		return signin.TriesUnknown, err
	}
	return left, nil
}

func (c *pivCard) sign(ctx context.Context, req signin.CardSignRequest, _ <-chan struct{}) ([][]byte, error) {
	defer c.modules.sign(ctx)()
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
	return made.all(), err
}

// transact runs f in one transaction. After a reset by another program it first
// makes sure that this is still the same card.
func (c *pivCard) transact(ctx context.Context, f func(*pcsc.Tx) error) error {
	return c.connection.Transact(ctx, func(tx *pcsc.Tx) error {
		if tx.WasReset() {
			if err := c.recognise(ctx, tx); err != nil {
				return err
			}
		}
		return f(tx)
	})
}

var errAnotherCard = errors.New("card: another card is in the reader")

func (c *pivCard) recognise(ctx context.Context, tx *pcsc.Tx) error {
	info, err := piv.Inspect(ctx, tx, c.settings.Mode)
	if err != nil {
		return err
	}
	for _, k := range c.found {
		certificate := info.Certificates[c.slots[k.ID]]
		if certificate == nil || !certificate.Equal(k.Certificate) {
			return errAnotherCard
		}
	}
	return nil
}

var (
	_ driver = pivDriver{}
	_ spoken = (*pivCard)(nil)
)
