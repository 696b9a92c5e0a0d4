package card

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
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

// read takes the turn, so that no other module has the card meanwhile.
func (d moduleDriver) read(ctx context.Context, reader pcsc.Reader) (spoken, error) {
	done, err := d.modules.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	connection, err := pcsc.Connect(ctx, d.pcsc, reader.Name)
	if err != nil {
		return nil, err
	}
	c := &moduleCard{moduleDriver: d, connection: connection}
	if err := c.fill(ctx, reader); err != nil {
		connection.Close()
		return nil, err
	}
	return c, nil
}

// fill finds out what is on the card.
func (c *moduleCard) fill(ctx context.Context, reader pcsc.Reader) error {
	if c.mayBePIV {
		if err := c.recognise(ctx, reader); err != nil {
			return err
		}
	}
	tokens, err := c.module.Tokens(ctx, reader.Name)
	if err != nil {
		return c.failure(ctx, err)
	}
	if len(tokens) == 0 {
		return fmt.Errorf("%w: the module sees no token", errNotMine)
	}
	if err := c.present(ctx); err != nil {
		return err
	}
	c.add(reader.Name, tokens)
	return nil
}

// recognise finds out whether the card can be made to forget a PIN as PIV cards
// can.
func (c *moduleCard) recognise(ctx context.Context, reader pcsc.Reader) error {
	err := c.connection.Transact(ctx, func(tx *pcsc.Tx) (err error) {
		c.settings, err = piv.Recognise(tx, apdu.ModeFor(reader.ATR, tx.Protocol() == pcsc.ProtocolT1))
		return err
	})
	if c.isPIV = err == nil; err != nil && isPCSC(err) {
		return err
	}
	return nil
}

// isPCSC tells an error of the connection from a card that is not PIV or answers
// oddly, which is the module's matter.
func isPCSC(err error) bool {
	_, failed := errors.AsType[*pcsc.Error](err)
	return failed || errors.Is(err, pcsc.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// add takes the keys of all tokens of the reader over: some modules make a token
// of each PIN of a card.
func (c *moduleCard) add(reader string, tokens []host.Token) {
	c.pin = map[string]int{}
	var others []*x509.Certificate // of no person
	for _, t := range tokens {
		c.onReader = c.onReader || t.Keypad
		pin := len(c.left)
		c.left = append(c.left, triesOf(t.Tries))
		for _, k := range t.Keys {
			certificate, err := x509.ParseCertificate(k.Certificate)
			if err != nil {
				c.log.Warn("a certificate of the card cannot be read", "reader", reader, "id", fmt.Sprintf("%X", k.ID), "err", err)
				continue
			}
			if certificate.IsCA {
				others = append(others, certificate)
				continue
			}
			if slices.ContainsFunc(c.found, func(o signin.Key) bool { return o.Certificate.Equal(certificate) }) {
				continue // seen through another token
			}
			key := c.key(reader, k, certificate)
			c.found = append(c.found, key)
			c.pin[key.ID] = pin
		}
	}
	for i := range c.found {
		c.found[i].Shared = slices.ContainsFunc(others, func(o *x509.Certificate) bool {
			return bytes.Equal(o.RawSubjectPublicKeyInfo, c.found[i].Certificate.RawSubjectPublicKeyInfo)
		})
	}
	c.orderPINs()
}

// key makes the key of a certificate.
func (c *moduleCard) key(reader string, k host.Key, certificate *x509.Certificate) signin.Key {
	key := signin.Key{ID: fmt.Sprintf("%X", k.ID), Certificate: certificate, For: purposeOf(certificate)}
	for n := 2; slices.ContainsFunc(c.found, func(o signin.Key) bool { return o.ID == key.ID }); n++ {
		key.ID = fmt.Sprintf("%X-%d", k.ID, n)
	}
	algorithm, err := c.algorithm(certificate)
	if err == nil {
		algorithm, err = fitting(algorithm, k.Mechanisms)
	}
	if err != nil {
		c.log.Warn("a key of the card cannot be used", "reader", reader, "id", key.ID, "err", err)
	}
	key.Algorithm = algorithm
	return key
}

// purposeOf goes by the certificate: a module tells nothing more. One that says
// both is left open, and policy decides.
func purposeOf(c *x509.Certificate) signin.KeyPurpose {
	switch c.KeyUsage & (x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment) {
	case x509.KeyUsageDigitalSignature:
		return signin.ForAuthentication
	case x509.KeyUsageContentCommitment:
		return signin.ForSignatures
	}
	return ""
}

// fitting is the algorithm, or the other kind of RSA's with the same hash where
// the token has only that.
func fitting(algorithm string, mechanisms []host.Mechanism) (string, error) {
	other := "PS" + strings.TrimPrefix(algorithm, "RS")
	switch {
	case slices.Contains(mechanisms, mechanismOf(algorithm)):
		return algorithm, nil
	case strings.HasPrefix(algorithm, "RS") && slices.Contains(mechanisms, mechanismOf(other)):
		return other, nil
	}
	return "", fmt.Errorf("card: the token cannot do %s, only %v", algorithm, mechanisms)
}

// mechanismOf is that of a JWA name (RFC 7518, section 3.1).
func mechanismOf(algorithm string) host.Mechanism {
	switch {
	case strings.HasPrefix(algorithm, "RS"):
		return host.RSAPKCS1
	case strings.HasPrefix(algorithm, "PS"):
		return host.RSAPSS
	}
	return host.ECDSA
}

// orderPINs makes the PIN of the first key that signs in the first one: it is
// the one whose state people see.
func (c *moduleCard) orderPINs() {
	i := slices.IndexFunc(c.found, func(k signin.Key) bool { return k.For != signin.ForSignatures })
	if i < 0 {
		return
	}
	first := c.pin[c.found[i].ID]
	c.left[0], c.left[first] = c.left[first], c.left[0]
	for id, pin := range c.pin {
		switch pin {
		case first:
			c.pin[id] = 0
		case 0:
			c.pin[id] = first
		}
	}
}

// triesOf is what flags say of a counter.
func triesOf(t host.Tries) int {
	switch t {
	case host.TriesLocked:
		return 0
	case host.TriesFinal:
		return 1
	case host.TriesLow:
		return triesLow
	}
	return signin.TriesUnknown
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
