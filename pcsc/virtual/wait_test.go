package virtual_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// state is the reader's state for someone who knows current.
func (b *bench) state(current pcsc.StateFlag) pcsc.ReaderState {
	b.t.Helper()
	states := []pcsc.ReaderState{{Reader: b.Name(), Current: current}}
	wantCode(b.t, b.context().GetStatusChange(states, 0), 0)
	return states[0]
}

func TestAWaitEndsWithWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, virtual.P256("Robin Example"))
		c := b.context()
		states := []pcsc.ReaderState{{Reader: b.Name()}, {Reader: pcsc.PnPReader}}
		next := func(change func()) pcsc.StateFlag {
			t.Helper()
			for i := range states {
				states[i].Current = states[i].Event &^ pcsc.StateChanged
			}
			ended := make(chan error)
			go func() { ended <- c.GetStatusChange(states, -1) }()
			synctest.Wait()
			change()
			wantCode(t, <-ended, 0)
			return states[0].Event
		}
		if got := next(func() {}); got != 1<<16|pcsc.StatePresent|pcsc.StateChanged || !bytes.Equal(states[0].ATR, b.card.ATR()) {
			t.Errorf("at first: %08X, ATR %X", got, states[0].ATR)
		}
		if got := next(b.Remove); got != 2<<16|pcsc.StateEmpty|pcsc.StateChanged || states[0].ATR != nil {
			t.Errorf("removed: %08X, ATR %X", got, states[0].ATR)
		}
		if got := next(func() { b.Insert(b.card) }); got != 3<<16|pcsc.StatePresent|pcsc.StateChanged {
			t.Errorf("inserted: %08X", got)
		}
		if got := next(func() { b.Insert(b.card) }); got>>16 < 4 {
			t.Errorf("swapped: %08X", got)
		}
		next(func() { b.AddReader("Virtual reader 1") })
		if states[1].Event&pcsc.StateChanged == 0 {
			t.Errorf("a new reader: %08X", states[1].Event)
		}
		if got := next(func() { b.RemoveReader(b.Name()) }); got&(pcsc.StateUnknown|pcsc.StateUnavailable) != pcsc.StateUnknown|pcsc.StateUnavailable {
			t.Errorf("unplugged: %08X", got)
		}
	})
}

func TestACardThatGoesOutOfUseIsAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, virtual.P256("Robin Example"))
		h := b.connect()
		known := b.state(0).Event &^ pcsc.StateChanged
		if known&pcsc.StateInUse == 0 {
			t.Fatalf("%08X", known)
		}
		c, states := b.context(), []pcsc.ReaderState{{Reader: b.Name(), Current: known}}
		ended := make(chan error)
		go func() { ended <- c.GetStatusChange(states, -1) }()
		synctest.Wait()
		wantCode(t, h.Disconnect(pcsc.LeaveCard), 0)
		wantCode(t, <-ended, 0)
		if states[0].Event != known&^pcsc.StateInUse|pcsc.StateChanged {
			t.Errorf("%08X", states[0].Event)
		}
	})
}

func TestRemovalAndInsertionBetweenTwoLooksShowInTheCounter(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	known := b.state(0).Event &^ pcsc.StateChanged
	wantCode(t, b.context().GetStatusChange([]pcsc.ReaderState{{Reader: b.Name(), Current: known}}, 0), pcsc.Timeout)
	b.Remove()
	b.Insert(b.card)
	if got := b.state(known); got.Event>>16 != known>>16+2 {
		t.Errorf("%08X after %08X", got.Event, known)
	}
}

func TestAWaitTimesOutOrIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, virtual.P256("Robin Example"))
		c := b.context()
		states := []pcsc.ReaderState{{Reader: b.Name(), Current: b.state(0).Event &^ pcsc.StateChanged}}
		wantCode(t, c.Cancel(), 0) // before the wait: lost
		start := time.Now()
		wantCode(t, c.GetStatusChange(states, time.Hour), pcsc.Timeout)
		if time.Since(start) != time.Hour {
			t.Errorf("it took %v", time.Since(start))
		}
		ended := make(chan error)
		go func() { ended <- c.GetStatusChange(states, -1) }()
		synctest.Wait()
		wantCode(t, c.Cancel(), 0)
		wantCode(t, c.Cancel(), 0)
		wantCode(t, <-ended, pcsc.Cancelled)
	})
}

func TestAWaitForNothingIsRefused(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	c := b.context()
	wantCode(t, c.GetStatusChange(nil, 0), pcsc.InvalidParameter)
	wantCode(t, c.GetStatusChange([]pcsc.ReaderState{{Reader: "No such reader"}}, 0), pcsc.UnknownReader)
	wantCode(t, c.GetStatusChange([]pcsc.ReaderState{{Reader: b.Name(), Current: pcsc.StateIgnore}}, -1), 0)
}

func TestACallOnAWaitingContextIsAMistake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, virtual.P256("Robin Example"))
		c := b.context()
		ended := make(chan error)
		go func() { ended <- c.GetStatusChange([]pcsc.ReaderState{{Reader: pcsc.PnPReader}}, -1) }()
		synctest.Wait()
		func() {
			defer func() {
				if recover() == nil {
					t.Error("not noticed")
				}
			}()
			_, _ = c.ListReaders()
		}()
		wantCode(t, c.Cancel(), 0)
		wantCode(t, <-ended, pcsc.Cancelled)
	})
}

func TestAStoppedServiceKillsEveryContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, virtual.P256("Robin Example"))
		waiting, user, other := b.context(), b.connect(), b.connect()
		wantStatus(t, user, verifyGood, "9000")
		wantCode(t, user.BeginTransaction(), 0)
		ended := make(chan error)
		go func() { ended <- waiting.GetStatusChange([]pcsc.ReaderState{{Reader: pcsc.PnPReader}}, -1) }()
		blocked := make(chan error)
		go func() { blocked <- other.BeginTransaction() }()
		synctest.Wait()
		b.StopService()
		wantCode(t, <-ended, pcsc.CommError)
		wantCode(t, <-blocked, pcsc.CommError)
		_, err := b.Establish()
		wantCode(t, err, pcsc.NoService)
		b.StartService()
		_, err = waiting.ListReaders()
		wantCode(t, err, pcsc.NoService)
		wantCode(t, user.EndTransaction(pcsc.LeaveCard), pcsc.NoService)
		wantCode(t, user.Disconnect(pcsc.ResetCard), pcsc.NoService)
		wantStatus(t, b.connect(), empty, "63C3")
	})
}

func TestReadersComeAndGo(t *testing.T) {
	m := virtual.NewManager()
	c, err := m.Establish()
	wantCode(t, err, 0)
	_, err = c.ListReaders()
	wantCode(t, err, pcsc.NoReadersAvailable)
	r := m.AddReader("Virtual reader 0")
	m.AddReader("Virtual reader 1")
	r.Insert(virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example")))
	h, err := c.Connect(r.Name(), pcsc.ShareShared, pcsc.ProtocolAny)
	wantCode(t, err, 0)
	m.RemoveReader(r.Name())
	m.RemoveReader(r.Name())
	names, err := c.ListReaders()
	if err != nil || len(names) != 1 || names[0] != "Virtual reader 1" {
		t.Errorf("%q, %v", names, err)
	}
	_, err = h.Transmit(empty)
	wantCode(t, err, pcsc.ReaderUnavailable)
	wantCode(t, h.Disconnect(pcsc.LeaveCard), 0)
	r.Insert(virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))) // into a reader that is gone
	if names, _ := c.ListReaders(); len(names) != 1 {
		t.Errorf("%q", names)
	}
}

func TestWhatHappensBeforeAWaitIsLostWithoutACounter(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	states := []pcsc.ReaderState{{Reader: pcsc.PnPReader}}
	c := b.context()
	wantCode(t, c.GetStatusChange(states, 0), pcsc.Timeout)
	b.AddReader("Virtual reader 1")
	wantCode(t, c.GetStatusChange([]pcsc.ReaderState{{Reader: pcsc.PnPReader}}, 0), pcsc.Timeout)
	states[0].Current = states[0].Event
	wantCode(t, c.GetStatusChange(states, 0), 0)
}
