//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-agent/cardea/agent/audit"
	"github.com/cardea-agent/cardea/agent/card"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/token"
)

// overFloor is what the product may add to the card's own work between the PIN
// and the token.
const overFloor = 0.5 // ms

// desk is the sign-in without its door: cards and the use case.
type desk struct {
	stack
	cards   *card.Manager
	service *signin.Service
}

// measureAuthenticate measures from the PIN answered to the token, and counts
// the commands on the way.
func measureAuthenticate(ctx context.Context, s stack, rounds int) (figures []figure, err error) {
	ctx, stop := context.WithCancel(ctx)
	var answered func()
	d := newDesk(s, instant{func() { answered() }})
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return d.cards.Run(running) })
	group.Go(func() error { return d.service.Run(running) })
	defer func() {
		stop()
		err = errors.Join(err, group.Wait())
	}()
	for _, k := range []kind{p256, rsa2048} {
		more, err := d.measure(ctx, k, rounds, &answered)
		if err != nil {
			return nil, fmt.Errorf("with %s%s: %w", k.name, s.suffix, err)
		}
		figures = append(figures, more...)
	}
	return figures, nil
}

func newDesk(s stack, person signin.Prompter) desk {
	policy, log := parseRules(), slog.New(slog.DiscardHandler)
	d := desk{stack: s}
	d.cards = card.New(card.Config{Driver: s.driver, Usable: policy.Usable, Algorithm: token.AlgorithmFor, Log: log})
	d.service = signin.New(signin.Config{
		Cards: d.cards, Prompter: person, Rules: policy, Tokens: token.New("https://portal.example/releases/bench"),
		Audit: audit.New(io.Discard), Log: log,
	})
	return d
}

// await waits for a state.
func (d desk) await(ctx context.Context, want signin.State) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		snapshot, changed := d.cards.Snapshot()
		if snapshot.State == want {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the cards are %s and never became %s: %w", snapshot.State, want, ctx.Err())
		}
	}
}

// measure puts a card in, signs in many times, and takes the card out.
func (d desk) measure(ctx context.Context, k kind, rounds int, answered *func()) ([]figure, error) {
	remove, err := d.insert(k)
	if err != nil {
		return nil, err
	}
	defer remove() //nolint:errcheck // only where another error is told
	if err := d.await(ctx, signin.Ready); err != nil {
		return nil, err
	}
	floor, err := newRaw(d.driver, d.reader)
	if err != nil {
		return nil, err
	}
	defer floor.close()
	var began time.Time
	var before int64
	*answered = func() { began, before = time.Now(), d.driver.commands.Load() }

	commands, fewest := series{}, series{}
	floors, products, err := compare(rounds,
		func() error {
			before := d.driver.commands.Load()
			err := floor.run(afterPIN(k.algorithm))
			fewest = append(fewest, float64(d.driver.commands.Load()-before))
			return err
		},
		func() (time.Duration, error) {
			result, err := d.service.Authenticate(ctx, signin.Request{Origin: origin, Nonce: nonce()}, func(signin.Progress) {})
			took := time.Since(began)
			commands = append(commands, float64(d.driver.commands.Load()-before))
			if err != nil {
				return 0, err
			}
			return took, d.service.EndSession(origin, result.Session)
		})
	if err := errors.Join(err, remove()); err != nil {
		return nil, err
	}
	if err := d.await(ctx, signin.NoCard); err != nil {
		return nil, err
	}
	apdus := "authenticate_apdus"
	if k.name != p256.name {
		apdus += "_" + k.name
	}
	return []figure{
		summary("authenticate_"+k.name+"_ms"+d.suffix, "ms", products).above(floors).within(floors.median() + overFloor),
		summary(apdus+d.suffix, "APDUs", commands).above(fewest).within(fewest.median()),
	}, nil
}

func nonce() string {
	b := make([]byte, 36)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}
