//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	"github.com/cardea-agent/cardea/agent/endpoint/endpointtest"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// requestGoals are for the whole request, with a prompt that answers at once.
var requestGoals = map[string]float64{p256.name: 1.5, rsa2048.name: 2.8} // ms

// ward is an agent with a reader, and a tray whose person answers at once.
type ward struct {
	agent
	stack
	stop func() error
}

// newWard takes over the agent.
func newWard(ctx context.Context, s stack, a agent) (ward, error) {
	tray, err := startTray(ctx, a.socket, instant{})
	if err != nil {
		return ward{}, errors.Join(err, a.stop())
	}
	w := ward{agent: a, stack: s}
	w.stop = func() error { return errors.Join(tray(), a.stop()) }
	return w, nil
}

// signIn is one request from the page's message to the token, and the end of
// the session, which does not count.
func signIn(ctx context.Context, page *endpointtest.Page) (took time.Duration, err error) {
	var result protocol.AuthenticateResult
	began := time.Now()
	if err := page.Call(ctx, protocol.MethodAuthenticate, protocol.AuthenticateParams{Nonce: nonce()}, &result); err != nil {
		return 0, err
	}
	took = time.Since(began)
	return took, page.Call(ctx, protocol.MethodEndSession, protocol.EndSessionParams{Session: result.Session}, nil)
}

// compare puts a card in, signs in many times, and takes the card out. Its
// floor is the same commands in two transactions: the tries left are asked for
// before the PIN is.
func (w ward) compare(ctx context.Context, k kind, rounds int) (floors, products series, err error) {
	remove, err := w.insert(k)
	if err != nil {
		return nil, nil, err
	}
	defer remove() //nolint:errcheck // only where another error is told
	if err := w.await(ctx, signin.Ready); err != nil {
		return nil, nil, err
	}
	page, err := endpointtest.Open(ctx, w.address, origin)
	if err != nil {
		return nil, nil, err
	}
	defer page.Close()
	floor, err := newRaw(w.driver, w.reader)
	if err != nil {
		return nil, nil, err
	}
	defer floor.close()
	after := afterPIN(k.algorithm)
	floors, products, err = compare(rounds,
		func() error { return floor.run(beforePIN, after) },
		func() (time.Duration, error) { return signIn(ctx, page) })
	if err := errors.Join(err, remove()); err != nil {
		return nil, nil, err
	}
	return floors, products, w.await(ctx, signin.NoCard)
}

// measureRequests measures the whole request.
func (w ward) measureRequests(ctx context.Context, rounds int) (figures []figure, err error) {
	for _, k := range []kind{p256, rsa2048} {
		floors, products, err := w.compare(ctx, k, rounds)
		if err != nil {
			return nil, err
		}
		figures = append(figures, summary("request_"+k.name+"_ms"+w.suffix, "ms", products).
			above(floors).within(requestGoals[k.name]))
	}
	return figures, nil
}

// measureContactCard measures the same sign-in on a card that is as slow as
// people's cards: what the product adds must be lost in the card's own time.
func (w ward) measureContactCard(ctx context.Context, rounds int) (figure, error) {
	floors, products, err := w.compare(ctx, contact, rounds)
	if err != nil {
		return figure{}, err
	}
	return summary("contact_card_sign_in_ms"+w.suffix, "ms", products).above(floors).within(floors.median() * 1.02), nil
}
