//go:build linux

package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-agent/cardea/agent/card"
	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// measureOpenSC measures from the return of PC/SC's wait, with a card in the
// reader, to a signature by it through OpenSC: the card is read, and then signs.
// The floor is OpenSC in this process, from C_Initialize to C_Finalize.
func measureOpenSC(ctx context.Context, s stack, rounds int) ([]figure, error) {
	const name = "opensc_first_sign_ms"
	list, file, err := openSCList()
	if errors.Is(err, cards.ErrMissing) {
		return []figure{notMeasured(name, "ms", "OpenSC is not installed")}, nil
	}
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	driver := &wakes{Driver: s.driver}
	policy := parseRules()
	d := desk{stack: s, cards: card.New(card.Config{
		Driver: driver, List: list, Usable: policy.Usable, Algorithm: token.AlgorithmFor, Log: slog.New(slog.DiscardHandler), Modules: openHost,
	})}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return d.cards.Run(running) })
	floors, products, err := d.firstSignatures(ctx, driver, file, min(rounds, slow))
	stop()
	if err := errors.Join(err, group.Wait()); err != nil {
		return nil, err
	}
	return []figure{summary(name, "ms", products).above(floors)}, nil
}

func openHost(module cards.Module, file string) card.Module {
	command, err := host.Self(moduleRole)
	if err != nil {
		panic(err) // this program's own path
	}
	return card.StartModule(command, module, file, slog.New(slog.DiscardHandler))
}

// openSCList is the shipped list, with the bench's card led to OpenSC.
func openSCList() (*cards.List, string, error) {
	list, err := card.ShippedList().With(fmt.Appendf(nil, `
[[card]]
id = "bench"
name = "Bench card"
atr = "% X"
speak = "pkcs11"
modules = ["opensc"]
`, p256.card().ATR()))
	if err != nil {
		return nil, "", err
	}
	file, err := list.For(p256.card().ATR()).Modules[0].File()
	return list, file, err
}

// firstSignatures puts a card in again and again.
func (d desk) firstSignatures(ctx context.Context, driver *wakes, file string, rounds int) (floors, products series, err error) {
	for range rounds {
		floor, product, err := d.firstSignature(ctx, driver, file)
		if err != nil {
			return nil, nil, err
		}
		floors.add(floor)
		products.add(product)
	}
	return floors, products, nil
}

func (d desk) firstSignature(ctx context.Context, driver *wakes, file string) (floor, product time.Duration, err error) {
	driver.expect(pcsc.StatePresent)
	remove, err := d.insert(p256)
	if err != nil {
		return 0, 0, err
	}
	defer remove() //nolint:errcheck // only where another error is told
	if err := d.await(ctx, signin.Ready); err != nil {
		return 0, 0, err
	}
	snapshot, _ := d.cards.Snapshot()
	in := snapshot.Readers[0].Card
	digest := sha256.Sum256([]byte("bench"))
	made, err := in.Sign(ctx, signin.CardSignRequest{
		Key: in.Keys()[0], PIN: signin.NewPIN([]byte(virtual.DefaultPIN)), Hash: crypto.SHA256, Digests: [][]byte{digest[:]},
	})
	product = time.Since(driver.last())
	if err := enough(made, 1, err); err != nil {
		return 0, 0, err
	}
	raw, err := pkcs11test.NewRaw(file, d.reader, in.Keys()[0].Certificate, virtual.DefaultPIN)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	made, err = raw.Sign([][]byte{digest[:]})
	floor = time.Since(began)
	raw.Close()
	if err := errors.Join(enough(made, 1, err), remove()); err != nil {
		return 0, 0, err
	}
	return floor, product, d.await(ctx, signin.NoCard)
}
