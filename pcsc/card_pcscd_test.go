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

// client is another program's connection to the first reader.
func client(t *testing.T, daemon *pcscdtest.Daemon, mode pcsc.ShareMode) (pcsc.Context, pcsc.Handle) {
	t.Helper()
	system, err := pcsc.System{}.Establish()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = system.Release() })
	handle, err := system.Connect(daemon.Readers[0].Name, mode, pcsc.ProtocolAny)
	if err != nil {
		t.Fatal(err)
	}
	return system, handle
}

func exchange(tx *pcsc.Tx) error {
	command := []byte{0x00, 0xA4, 0x04, 0x00, 0x00}
	response, err := tx.Transmit(command)
	if err == nil && !bytes.Equal(response, append(command, 0x90, 0x00)) {
		return errors.New("another response")
	}
	return err
}

func TestACardInPcscdIsSharedAndReset(t *testing.T) {
	noLeaks(t)
	daemon := pcscdtest.Shared(t)
	card := newEcho(1)
	c, _ := connect(t, daemon, card)
	if err := c.Transact(t.Context(), exchange); err != nil {
		t.Fatal(err)
	}

	// Another program resets the card.
	_, other := client(t, daemon, pcsc.ShareShared)
	if err := other.Reconnect(pcsc.ShareShared, pcsc.ProtocolAny, pcsc.ResetCard); err != nil {
		t.Fatal(err)
	}
	wasReset := func(tx *pcsc.Tx) error {
		if !tx.WasReset() {
			t.Error("the reset is not told")
		}
		return exchange(tx)
	}
	if err := c.Transact(t.Context(), wasReset); err != nil {
		t.Error(err)
	}

	// We reset it: a program that was connected learns of it, and so do we.
	before := card.resets.Load()
	if err := c.Transact(t.Context(), func(tx *pcsc.Tx) error { tx.ResetAtEnd(); return nil }); err != nil {
		t.Error(err)
	}
	if got := card.resets.Load() - before; got != 1 {
		t.Errorf("the card was reset %d times", got)
	}
	if err := other.BeginTransaction(); !errors.Is(err, pcsc.CardReset) {
		t.Errorf("the other program's transaction: %v", err)
	}
	if err := c.Transact(t.Context(), wasReset); err != nil {
		t.Error(err)
	}
}

func TestATransactionWaitsForAnotherNoLongerThanItsContext(t *testing.T) {
	noLeaks(t)
	daemon := pcscdtest.Shared(t)
	c, _ := connect(t, daemon, newEcho(1))
	_, other := client(t, daemon, pcsc.ShareShared)
	if err := other.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Transact(ctx, exchange); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a transaction beside another: %v", err)
	}
	if err := other.EndTransaction(pcsc.LeaveCard); err != nil {
		t.Fatal(err)
	}
	if err := c.Transact(t.Context(), exchange); err != nil {
		t.Errorf("a transaction after another: %v", err)
	}
	// The abandoned one holds nothing.
	if err := other.BeginTransaction(); err != nil {
		t.Error(err)
	}
	if err := other.Disconnect(pcsc.LeaveCard); err != nil {
		t.Error(err)
	}
}

func TestACardThatIsPulledStaysRemoved(t *testing.T) {
	noLeaks(t)
	daemon := pcscdtest.Shared(t)
	card := newEcho(1)
	c, v := connect(t, daemon, card)
	err := c.Transact(t.Context(), func(tx *pcsc.Tx) error {
		daemon.Readers[0].Remove()
		return exchange(tx)
	})
	if !errors.Is(err, pcsc.ErrCardRemoved) {
		t.Errorf("pulled within a transaction: %v", err)
	}
	v.await("no card", present(0, false))
	if _, err := pcsc.Connect(t.Context(), pcsc.System{}, daemon.Readers[0].Name); !errors.Is(err, pcsc.ErrNoCard) {
		t.Errorf("an empty reader: %v", err)
	}

	// The same card again is not the old connection's.
	daemon.Readers[0].Insert(t, card.serve)
	v.await("the card again", present(0, true))
	if err := c.Transact(t.Context(), exchange); err == nil {
		t.Error("the old connection turned to another insertion")
	}

	fresh, err := pcsc.Connect(t.Context(), pcsc.System{}, daemon.Readers[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	daemon.Readers[0].Remove()
	v.await("no card", present(0, false))
	for range 2 {
		if err := fresh.Transact(t.Context(), exchange); !errors.Is(err, pcsc.ErrCardRemoved) {
			t.Errorf("pulled between transactions: %v", err)
		}
	}
}

func TestACardThatIsPulledInTheMiddleOfACommandIsRemoved(t *testing.T) {
	noLeaks(t)
	daemon := pcscdtest.Shared(t)
	card := newEcho(1)
	c, v := connect(t, daemon, card)
	err := c.Transact(t.Context(), func(tx *pcsc.Tx) error {
		if err := exchange(tx); err != nil {
			return err
		}
		card.gone.Store(true)
		return exchange(tx)
	})
	if !errors.Is(err, pcsc.ErrCardRemoved) {
		t.Errorf("got %v", err)
	}
	daemon.Readers[0].Remove()
	v.await("no card", present(0, false))
}

func TestWhatIsWrongWithAConnectionIsTold(t *testing.T) {
	noLeaks(t)
	daemon := pcscdtest.Shared(t)
	c, _ := connect(t, daemon, newEcho(1))
	c.Close()
	try := func(want error, reader string) {
		t.Helper()
		c, err := pcsc.Connect(t.Context(), pcsc.System{}, reader)
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	try(pcsc.ErrNoReader, "no such reader")
	try(pcsc.ErrNoCard, daemon.Readers[1].Name)
	_, other := client(t, daemon, pcsc.ShareExclusive)
	try(pcsc.ErrInUse, daemon.Readers[0].Name)
	if err := other.Disconnect(pcsc.LeaveCard); err != nil {
		t.Fatal(err)
	}
	try(nil, daemon.Readers[0].Name)

	c, err := pcsc.Connect(t.Context(), pcsc.System{}, daemon.Readers[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := daemon.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := c.Transact(t.Context(), exchange); !errors.Is(err, pcsc.ErrNoService) {
		t.Errorf("a connection of a daemon that died: %v", err)
	}
}

func TestSystemRefusesWhatTheBindingPanicsOn(t *testing.T) {
	daemon := pcscdtest.Shared(t)
	c, _ := connect(t, daemon, newEcho(1))
	c.Close()
	system, handle := client(t, daemon, pcsc.ShareShared)
	tests := []struct {
		name string
		err  error
		want pcsc.Code
	}{
		{"a wait for nothing", system.GetStatusChange(nil, 0), pcsc.InvalidParameter},
		{"no protocol", handle.Reconnect(pcsc.ShareShared, 0, pcsc.LeaveCard), pcsc.InvalidValue},
		{"raw protocol", handle.Reconnect(pcsc.ShareShared, 4, pcsc.LeaveCard), pcsc.InvalidValue},
	}
	for _, test := range tests {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, test.err, test.want)
		}
	}
	if _, err := handle.Transmit(nil); !errors.Is(err, pcsc.InvalidParameter) {
		t.Errorf("an empty command: %v", err)
	}
	if _, err := system.Connect(daemon.Readers[0].Name, pcsc.ShareShared, 4); !errors.Is(err, pcsc.InvalidValue) {
		t.Errorf("connecting with an odd protocol: %v", err)
	}
}

func TestOneWaitAtATimeInTheWholeProcess(t *testing.T) {
	noLeaks(t)
	pcscdtest.Shared(t)
	type result struct {
		system pcsc.Context
		err    error
	}
	var systems [2]pcsc.Context
	results := make(chan result)
	for i := range systems {
		system, err := pcsc.System{}.Establish()
		if err != nil {
			t.Fatal(err)
		}
		systems[i] = system
		go func() {
			results <- result{system, system.GetStatusChange([]pcsc.ReaderState{{Reader: pcsc.PnPReader}}, patience)}
		}()
	}
	refused := <-results
	if !errors.Is(refused.err, pcsc.ErrWaiting) {
		t.Errorf("the second wait: %v", refused.err)
	}
	waiting := systems[0]
	if refused.system == waiting {
		waiting = systems[1]
	}
	for ended := false; !ended; { // a Cancel before the wait is lost
		if err := waiting.Cancel(); err != nil {
			t.Fatal(err)
		}
		select {
		case r := <-results:
			ended = true
			if !errors.Is(r.err, pcsc.Cancelled) {
				t.Errorf("the cancelled wait: %v", r.err)
			}
		case <-time.After(time.Millisecond):
		}
	}
	for _, system := range systems {
		if err := system.Release(); err != nil {
			t.Error(err)
		}
	}
}

// The budget of a whole sign-in is half a millisecond over the raw calls; it
// has one transaction and about ten commands.
func BenchmarkTransact(b *testing.B) {
	daemon := pcscdtest.Shared(b)
	card := newEcho(1)
	daemon.Readers[0].Insert(b, card.serve)
	var c *pcsc.Card
	for c == nil {
		c, _ = pcsc.Connect(b.Context(), pcsc.System{}, daemon.Readers[0].Name)
	}
	defer c.Close()
	system, err := pcsc.System{}.Establish()
	if err != nil {
		b.Fatal(err)
	}
	defer system.Release()
	raw, err := system.Connect(daemon.Readers[0].Name, pcsc.ShareShared, pcsc.ProtocolAny)
	if err != nil {
		b.Fatal(err)
	}
	command := []byte{0x00, 0xA4, 0x04, 0x00, 0x00}
	run := func(b *testing.B, transmit func([]byte) ([]byte, error)) {
		for range 10 {
			if _, err := transmit(command); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("raw", func(b *testing.B) {
		for b.Loop() {
			if err := raw.BeginTransaction(); err != nil {
				b.Fatal(err)
			}
			run(b, raw.Transmit)
			if err := raw.EndTransaction(pcsc.LeaveCard); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("card", func(b *testing.B) {
		for b.Loop() {
			if err := c.Transact(b.Context(), func(tx *pcsc.Tx) error { run(b, tx.Transmit); return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
