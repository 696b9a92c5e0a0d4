package card

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/piv"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

// moduleDriver speaks to cards through one module.
type moduleDriver struct {
	pcsc      pcsc.Driver
	algorithm func(*x509.Certificate) (string, error)
	log       *slog.Logger
	modules   *modules
	module    Module
	mayBePIV  bool // else it is not asked: some cards count what they do not know
}

// moduleCard is a card that a module knows. The module's process knows nothing
// of it between two operations: each looks for its certificate anew. Our own
// connection stays open, to make the card forget a PIN.
type moduleCard struct {
	moduleDriver
	connection *pcsc.Card
	isPIV      bool
	settings   piv.Settings // where it is a PIV card
	onReader   bool         // its PIN is typed there
	found      []signin.Key
	pin        map[string]int // of a key's ID
	left       []int          // tries of each PIN when it was read
}

func (c *moduleCard) keys() []signin.Key       { return c.found }
func (c *moduleCard) keypad() bool             { return c.onReader }
func (c *moduleCard) pins() []int              { return c.left }
func (c *moduleCard) fullTries() int           { return signin.TriesUnknown }
func (c *moduleCard) pinOf(key signin.Key) int { return c.pin[key.ID] }
func (c *moduleCard) close()                   { c.connection.Close() }

// present fails when the card that was read is out. A connection to a card that
// was swapped says so for ever; nothing is sent.
func (c *moduleCard) present(ctx context.Context) error {
	return c.connection.Transact(ctx, func(*pcsc.Tx) error { return nil })
}

// failure is the error of a module. A module whose card is out says all kinds of
// things, or nothing more.
func (c *moduleCard) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = translateModule(err)
	if signin.CodeOf(err) == signin.CodeModuleFailed {
		if out := c.present(ctx); isOut(out) {
			return errors.Join(out, err)
		}
	}
	return err
}

func isOut(err error) bool {
	return errors.Is(err, pcsc.ErrCardRemoved) || errors.Is(err, pcsc.ErrNoCard) || errors.Is(err, pcsc.ErrNoReader) || errors.Is(err, pcsc.ErrClosed)
}

// tries asks for the flags.
func (c *moduleCard) tries(ctx context.Context, key signin.Key) (int, error) {
	done, err := c.modules.take(ctx)
	if err != nil {
		return signin.TriesUnknown, err
	}
	defer done()
	return c.triesNow(ctx, key)
}

func (c *moduleCard) triesNow(ctx context.Context, key signin.Key) (int, error) {
	token, err := c.module.Token(ctx, c.connection.Reader(), key.Certificate.Raw)
	if err != nil {
		return signin.TriesUnknown, c.failure(ctx, err)
	}
	return triesOf(token.Tries), nil
}

// sign has the module log in and sign, and makes the card forget the PIN. No
// transaction of ours is open while the module has the card.
func (c *moduleCard) sign(ctx context.Context, req signin.CardSignRequest, gone <-chan struct{}) ([][]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer c.whenOut(gone, cancel)()
	done, err := c.modules.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := c.present(ctx); err != nil {
		return nil, err
	}
	request := c.request(req)
	var made [][]byte
	send := func(pin []byte) (err error) {
		request.PIN = pin
		made, err = c.module.Sign(ctx, request)
		return err
	}
	if c.onReader {
		err = send(nil)
	} else {
		err = req.PIN.Use(send)
	}
	var out error
	if len(made) > 0 || mayBeVerified(err) && c.stillThere(req.Key, err) {
		out = c.forget(gone)
	}
	switch {
	case err != nil && out != nil:
		return made, errors.Join(out, err)
	case err != nil:
		return made, c.failure(ctx, err)
	}
	return made, nil
}

// whenOut ends an operation when the card is out: a module may wait for it for
// ever.
func (c *moduleCard) whenOut(gone <-chan struct{}, cancel context.CancelCauseFunc) (stop func()) {
	over := make(chan struct{})
	go func() {
		select {
		case <-gone:
			cancel(&signin.Error{Code: signin.CodeCardRemoved})
		case <-over:
		}
	}()
	return func() { close(over) }
}

func (c *moduleCard) request(req signin.CardSignRequest) host.SignRequest {
	var r host.SignRequest
	r.Reader, r.Certificate = c.connection.Reader(), req.Key.Certificate.Raw
	r.Mechanism, r.Hash, r.Digests = mechanismOf(req.Key.Algorithm), req.Hash, req.Digests
	r.AllowLastTry = req.AllowLastTry
	n := 0
	r.Signed = func(int, []byte) {
		n++
		if req.Signed != nil {
			req.Signed(n)
		}
	}
	return r
}

// mayBeVerified reports whether the card may hold the PIN for verified after an
// operation that made no signature. Where it surely does not, others' log-ins
// are left alone.
func mayBeVerified(err error) bool {
	if failure, ok := errors.AsType[*host.Failure](err); ok {
		return failure.PINGiven
	}
	for _, refused := range []error{host.ErrLastTry, host.ErrPINForm, host.ErrPINIncorrect, host.ErrPINLocked, signin.ErrPINUsed} {
		if errors.Is(err, refused) {
			return false
		}
	}
	return true
}

// stillThere reports whether the card is in the reader, after a module said that
// it is not. It may have lost a session on it, or another card may be there,
// which is to be left alone: a reset hides a swap from our connection.
func (c *moduleCard) stillThere(key signin.Key, err error) bool {
	if !errors.Is(err, host.ErrTokenGone) && !errors.Is(err, host.ErrKeyGone) {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), forgetTime)
	defer cancel()
	_, err = c.module.Token(ctx, c.connection.Reader(), key.Certificate.Raw)
	return !errors.Is(err, host.ErrTokenGone) && !errors.Is(err, host.ErrKeyGone)
}

// forgetTime bounds how long another program's transaction may keep us from
// making a card forget.
const forgetTime = 10 * time.Second

// forget makes the card forget the PIN, which every program could use. It goes
// over our own connection, which never turns to another card, and not at all
// when the card is out: then it has forgotten, and the error says that it is out.
func (c *moduleCard) forget(gone <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), forgetTime)
	defer cancel()
	err := c.connection.Transact(ctx, func(tx *pcsc.Tx) error {
		select {
		case <-gone: // a reset hides a swap from the connection
			return pcsc.ErrCardRemoved
		default:
		}
		if c.isPIV {
			return piv.Forget(tx, c.settings)
		}
		tx.ResetAtEnd()
		return nil
	})
	if err != nil && !isOut(err) {
		c.log.Error("the card may not have forgotten the PIN", "reader", c.connection.Reader(), "err", err)
		return nil
	}
	return err
}

var (
	_ driver = moduleDriver{}
	_ spoken = (*moduleCard)(nil)
	_ Module = (*host.Host)(nil)
)
