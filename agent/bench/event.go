//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/endpoint/endpointtest"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// eventGoal is for the time from the watcher's waking to the page.
const eventGoal = 5 // ms

// wakes is a driver that notes when a wait came back with what is looked for.
type wakes struct {
	pcsc.Driver

	mu      sync.Mutex // guards what follows
	awaited pcsc.StateFlag
	at      time.Time // zero until it came
}

type wakingContext struct {
	pcsc.Context
	wakes *wakes
}

func (w *wakes) Establish() (pcsc.Context, error) {
	c, err := w.Driver.Establish()
	return wakingContext{c, w}, err
}

func (c wakingContext) GetStatusChange(states []pcsc.ReaderState, timeout time.Duration) error {
	err := c.Context.GetStatusChange(states, timeout)
	if err == nil {
		c.wakes.note(time.Now(), states)
	}
	return err
}

func (w *wakes) note(now time.Time, states []pcsc.ReaderState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at.IsZero() && slices.ContainsFunc(states, func(s pcsc.ReaderState) bool { return s.Event&w.awaited != 0 }) {
		w.at = now
	}
}

// expect forgets the last wake and looks for a flag that is not set yet.
func (w *wakes) expect(flag pcsc.StateFlag) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awaited, w.at = flag, time.Time{}
}

func (w *wakes) last() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

// measureEvents measures from the return of PC/SC's wait to the page, which is
// told of a card that is out, or of one that is in and was read. It does so in
// process: what comes before the return is PC/SC's.
func measureEvents(ctx context.Context, folder string, rounds int) (figures []figure, err error) {
	manager, c := virtual.NewManager(), p256.card()
	slot, driver := manager.AddReader("Bench Reader"), &wakes{Driver: manager}
	a, err := agentHere(driver, folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.stop()) }()
	page, err := endpointtest.Open(ctx, a.address, origin)
	if err != nil {
		return nil, err
	}
	defer page.Close()
	var heard protocol.Snapshot
	if err := page.Call(ctx, protocol.MethodWatch, struct{}{}, &heard); err != nil {
		return nil, err
	}
	event := func(flag pcsc.StateFlag, want signin.State, happen func()) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		driver.expect(flag)
		happen()
		for heard.State != want {
			if err := page.Next(ctx, protocol.NotifyStatus, &heard); err != nil {
				return 0, fmt.Errorf("the page never heard %s: %w", want, err)
			}
		}
		return time.Since(driver.last()), nil
	}
	var ins, outs series
	for range rounds {
		in, err := event(pcsc.StatePresent, signin.Ready, func() { slot.Insert(c) })
		if err != nil {
			return nil, err
		}
		out, err := event(pcsc.StateEmpty, signin.NoCard, slot.Remove)
		if err != nil {
			return nil, err
		}
		ins.add(in)
		outs.add(out)
	}
	out := summary("event_to_page_ms", "ms", outs).within(eventGoal)
	in := summary("insertion_to_page_ms", "ms", ins).within(eventGoal)
	out.goalOfP99, in.goalOfP99 = true, true
	return []figure{out, in}, nil
}
