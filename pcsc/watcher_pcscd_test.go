//go:build linux && cgo

package pcsc_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
)

func TestAWatcherSeesCardsComeAndGo(t *testing.T) {
	noLeaks(t)
	daemon := pcscdtest.Shared(t)
	v := look(t, watch(t, pcsc.System{}))
	s := v.await("two readers", func(s pcsc.Snapshot) bool { return len(s.Readers) == 2 })
	for i, r := range s.Readers {
		if r.Name != daemon.Readers[i].Name {
			t.Errorf("reader %d is %q, want %q", i, r.Name, daemon.Readers[i].Name)
		}
	}
	v.await("two empty readers", func(s pcsc.Snapshot) bool { return present(0, false)(s) && present(1, false)(s) })

	card := newEcho(1)
	daemon.Readers[1].Insert(t, card.serve)
	s = v.await("a card in the second reader", present(1, true))
	if r := s.Readers[1]; !bytes.Equal(r.ATR, card.atr) || r.Insertion == 0 || r.Mute || r.Exclusive {
		t.Errorf("the reader with a card is %+v", r)
	}
	if r := s.Readers[0]; r.Present || r.ATR != nil {
		t.Errorf("the reader without a card is %+v", r)
	}
	daemon.Readers[1].Remove()
	if s = v.await("no card", present(1, false)); s.Readers[1].ATR != nil {
		t.Errorf("the emptied reader is %+v", s.Readers[1])
	}
}

// stalled holds the waits of System up until it is told to let them through.
type stalled struct {
	pcsc.Driver
	gate chan struct{}
}

type stalledContext struct {
	pcsc.Context
	gate chan struct{}
}

func (d stalled) Establish() (pcsc.Context, error) {
	c, err := d.Driver.Establish()
	return stalledContext{c, d.gate}, err
}

func (c stalledContext) GetStatusChange(states []pcsc.ReaderState, timeout time.Duration) error {
	for _, s := range states {
		if s.Current&pcsc.StatePresent != 0 {
			<-c.gate
		}
	}
	return c.Context.GetStatusChange(states, timeout)
}

func TestASwapBetweenTwoLooksIsSeen(t *testing.T) {
	noLeaks(t)
	daemon := pcscdtest.Shared(t)
	card := newEcho(1)
	gate := make(chan struct{})
	w := watch(t, stalled{pcsc.System{}, gate})
	t.Cleanup(func() { close(gate) }) // before the end of the watch
	v := look(t, w)
	v.await("an empty reader", present(0, false))
	daemon.Readers[0].Insert(t, card.serve)
	before := v.await("a card", present(0, true))

	// The Watcher is now held before its next wait. Meanwhile the card goes and
	// comes back, which a context of our own sees.
	system, err := pcsc.System{}.Establish()
	if err != nil {
		t.Fatal(err)
	}
	defer system.Release()
	state := []pcsc.ReaderState{{Reader: daemon.Readers[0].Name}}
	until := func(flag pcsc.StateFlag) {
		t.Helper()
		for state[0].Event&flag == 0 {
			if err := system.GetStatusChange(state, patience); err != nil {
				t.Fatal(err)
			}
			state[0].Current = state[0].Event &^ pcsc.StateChanged
		}
	}
	until(pcsc.StatePresent)
	daemon.Readers[0].Remove()
	until(pcsc.StateEmpty)
	daemon.Readers[0].Insert(t, card.serve)
	until(pcsc.StatePresent)

	gate <- struct{}{}
	after := v.await("another insertion", func(s pcsc.Snapshot) bool {
		return s.Readers[0].Insertion != before.Readers[0].Insertion
	})
	if !after.Readers[0].Present {
		t.Errorf("the swapped card is not there: %+v", after)
	}
}

func TestAWatcherSurvivesTheEndOfPcscd(t *testing.T) {
	noLeaks(t)
	daemon := pcscdtest.Shared(t)
	card := newEcho(1)
	v := look(t, watch(t, pcsc.System{}))
	v.await("an empty reader", present(0, false))
	daemon.Readers[0].Insert(t, card.serve)
	insertion := v.await("a card", present(0, true)).Readers[0].Insertion

	for range 2 {
		if err := daemon.Stop(); err != nil {
			t.Fatal(err)
		}
		s := v.await("a service that is down", func(s pcsc.Snapshot) bool { return s.Err != nil })
		if !errors.Is(s.Err, pcsc.ErrNoService) || len(s.Readers) != 0 {
			t.Errorf("without pcscd the snapshot is %+v", s)
		}
		if err := daemon.Restart(); err != nil {
			t.Fatal(err)
		}
		s = v.await("the card again", present(0, true))
		if s.Readers[0].Insertion == insertion {
			t.Error("the card counts as the same insertion over a restart")
		}
		insertion = s.Readers[0].Insertion
	}
}

func TestAWatcherWaitsForPcscdToStart(t *testing.T) {
	noLeaks(t)
	daemon := pcscdtest.Shared(t)
	if err := daemon.Stop(); err != nil {
		t.Fatal(err)
	}
	v := look(t, watch(t, pcsc.System{}))
	if !errors.Is(v.last.Err, pcsc.ErrNoService) {
		t.Errorf("the first snapshot is %+v", v.last)
	}
	if err := daemon.Restart(); err != nil {
		t.Fatal(err)
	}
	v.await("two readers", func(s pcsc.Snapshot) bool { return s.Err == nil && len(s.Readers) == 2 })
}

// A Cancel that comes before the wait is lost: the moments tried are before,
// around and after the start of the wait.
func TestAWatcherEndsPromptly(t *testing.T) {
	noLeaks(t)
	pcscdtest.Shared(t)
	for i := range 40 {
		w := pcsc.NewWatcher(pcsc.System{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*250*time.Microsecond)
		start := time.Now()
		if err := w.Run(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		if took := time.Since(start); took > patience { // a wait that was not cancelled takes minutes
			t.Fatalf("Run ended %v after its start, its context at %v", took, time.Duration(i)*250*time.Microsecond)
		}
	}
}
