package card

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/piv"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

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
