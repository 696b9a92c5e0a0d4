package virtual_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// bench is a manager with one reader and a card in it.
type bench struct {
	*virtual.Manager
	*virtual.Reader
	card *virtual.Card
	t    *testing.T
}

func newBench(t *testing.T, p virtual.Profile) *bench {
	t.Helper()
	b := &bench{Manager: virtual.NewManager(), card: virtual.NewCard(virtual.NewCA("Test CA"), p), t: t}
	b.Reader = b.AddReader("Virtual reader 0")
	b.Insert(b.card)
	return b
}

func (b *bench) context() pcsc.Context {
	b.t.Helper()
	c, err := b.Establish()
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) connect() pcsc.Handle {
	b.t.Helper()
	h, err := b.context().Connect(b.Name(), pcsc.ShareShared, pcsc.ProtocolAny)
	if err != nil {
		b.t.Fatal(err)
	}
	return h
}

func wantCode(t *testing.T, err error, want pcsc.Code) {
	t.Helper()
	if want == 0 && err != nil {
		t.Fatalf("got %v, want no error", err)
	}
	if want != 0 && !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func TestAPulledCardIsNotTransactedThenRemoved(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	h := b.connect()
	b.card.Script(virtual.RemoveAt(1))
	_, err := h.Transmit([]byte{0, 0x20, 0, 0x80})
	wantCode(t, err, pcsc.NotTransacted)
	_, err = h.Transmit([]byte{0, 0x20, 0, 0x80})
	wantCode(t, err, pcsc.RemovedCard)
	wantCode(t, h.BeginTransaction(), pcsc.RemovedCard)
	wantCode(t, h.Reconnect(pcsc.ShareShared, pcsc.ProtocolAny, pcsc.LeaveCard), pcsc.NoSmartcard)
	b.Insert(b.card)
	wantCode(t, h.Reconnect(pcsc.ShareShared, pcsc.ProtocolAny, pcsc.LeaveCard), 0)
	wantCode(t, h.BeginTransaction(), 0)
}

var (
	empty      = []byte{0, 0x20, 0, 0x80}
	verifyGood = []byte{0, 0x20, 0, 0x80, 8, '1', '2', '3', '4', '5', '6', 0xFF, 0xFF}
)

func wantStatus(t *testing.T, h pcsc.Handle, command []byte, want string) {
	t.Helper()
	answer, err := h.Transmit(command)
	if err != nil || hexadecimal(answer) != want {
		t.Fatalf("%X, %v, want %s", answer, err, want)
	}
}

func TestWhatOneHandleVerifiedEveryHandleCanUse(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	one, other := b.connect(), b.connect()
	wantStatus(t, one, verifyGood, "9000")
	wantStatus(t, other, empty, "9000")
	wantCode(t, one.Disconnect(pcsc.LeaveCard), 0)
	wantStatus(t, other, empty, "9000")
}

func TestAResetIsSeenByEveryHandleUntilItReconnects(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	one, other := b.connect(), b.connect()
	wantCode(t, one.BeginTransaction(), 0)
	wantStatus(t, one, verifyGood, "9000")
	wantCode(t, one.EndTransaction(pcsc.ResetCard), 0)
	for _, h := range []pcsc.Handle{one, other} {
		_, err := h.Transmit(empty)
		wantCode(t, err, pcsc.CardReset)
		wantCode(t, h.BeginTransaction(), pcsc.CardReset)
		wantCode(t, h.Reconnect(pcsc.ShareShared, pcsc.ProtocolAny, pcsc.LeaveCard), 0)
		wantStatus(t, h, empty, "63C3")
	}
}

func TestATransactionKeepsOthersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, virtual.P256("Robin Example"))
		one, other, fourth := b.connect(), b.connect(), b.connect()
		wantCode(t, one.BeginTransaction(), 0)
		wantCode(t, one.BeginTransaction(), 0)
		wantCode(t, other.EndTransaction(pcsc.LeaveCard), pcsc.SharingViolation)
		var began, sent, connected atomic.Bool
		var all sync.WaitGroup
		all.Go(func() {
			wantCode(t, other.BeginTransaction(), 0)
			began.Store(true)
			wantCode(t, other.EndTransaction(pcsc.LeaveCard), 0)
		})
		third := b.context()
		all.Go(func() {
			if _, err := third.Connect(b.Name(), pcsc.ShareShared, pcsc.ProtocolT1); err != nil {
				t.Error(err)
			}
			connected.Store(true)
		})
		all.Go(func() {
			if _, err := fourth.Transmit(empty); err != nil {
				t.Error(err)
			}
			sent.Store(true)
		})
		synctest.Wait()
		wantCode(t, one.EndTransaction(pcsc.LeaveCard), 0)
		synctest.Wait()
		if began.Load() || sent.Load() || connected.Load() {
			t.Error("another handle was let in before the outer transaction ended")
		}
		wantCode(t, one.EndTransaction(pcsc.LeaveCard), 0)
		all.Wait()
		wantCode(t, one.EndTransaction(pcsc.LeaveCard), pcsc.NotTransacted)
	})
}

func TestATransactionEndsWithTheCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, virtual.P256("Robin Example"))
		one, other := b.connect(), b.connect()
		wantCode(t, one.BeginTransaction(), 0)
		waited := make(chan error)
		go func() { waited <- other.BeginTransaction() }()
		synctest.Wait()
		b.Remove()
		wantCode(t, <-waited, pcsc.RemovedCard)
		wantCode(t, one.EndTransaction(pcsc.LeaveCard), pcsc.RemovedCard)
		b.Insert(b.card)
		_, err := one.Transmit(empty)
		wantCode(t, err, pcsc.RemovedCard)
		wantCode(t, other.Reconnect(pcsc.ShareShared, pcsc.ProtocolAny, pcsc.LeaveCard), 0)
		wantCode(t, other.BeginTransaction(), 0)
	})
}

func TestACardPulledDuringACommandIsNotTransacted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := virtual.Timing{Command: time.Second}
		b := newBench(t, virtual.P256("Robin Example").With(virtual.As(slow)))
		h := b.connect()
		failed := make(chan error)
		start := time.Now()
		go func() {
			_, err := h.Transmit(empty)
			failed <- err
		}()
		synctest.Wait()
		b.Remove()
		wantCode(t, <-failed, pcsc.NotTransacted)
		if time.Since(start) != 0 {
			t.Errorf("it took %v", time.Since(start))
		}
	})
}

func TestExclusiveUseIsASharingViolationForOthers(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	alone, err := b.context().Connect(b.Name(), pcsc.ShareExclusive, pcsc.ProtocolAny)
	wantCode(t, err, 0)
	_, err = b.context().Connect(b.Name(), pcsc.ShareShared, pcsc.ProtocolAny)
	wantCode(t, err, pcsc.SharingViolation)
	if state := b.state(0); state.Event&pcsc.StateExclusive == 0 {
		t.Errorf("state %08X", state.Event)
	}
	wantCode(t, alone.EndTransaction(pcsc.LeaveCard), pcsc.NotTransacted)
	wantCode(t, alone.Reconnect(pcsc.ShareShared, pcsc.ProtocolAny, pcsc.LeaveCard), 0)
	shared, err := b.context().Connect(b.Name(), pcsc.ShareShared, pcsc.ProtocolAny)
	wantCode(t, err, 0)
	wantCode(t, alone.Reconnect(pcsc.ShareExclusive, pcsc.ProtocolAny, pcsc.LeaveCard), pcsc.SharingViolation)
	wantCode(t, shared.Disconnect(pcsc.LeaveCard), 0)
	wantCode(t, alone.Reconnect(pcsc.ShareExclusive, pcsc.ProtocolAny, pcsc.LeaveCard), 0)
	b.Remove()
	wantCode(t, alone.Disconnect(pcsc.ResetCard), 0)
	b.Insert(b.card)
	b.connect()
}

func TestConnectSaysWhyItFails(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	c := b.context()
	connect := func(reader string, mode pcsc.ShareMode, protocols pcsc.Protocol) error {
		_, err := c.Connect(reader, mode, protocols)
		return err
	}
	wantCode(t, connect("No such reader", pcsc.ShareShared, pcsc.ProtocolAny), pcsc.UnknownReader)
	wantCode(t, connect(b.Name(), 7, pcsc.ProtocolAny), pcsc.InvalidValue)
	wantCode(t, connect(b.Name(), pcsc.ShareShared, 0), pcsc.ProtoMismatch)
	h := b.connect()
	if h.ActiveProtocol() != pcsc.ProtocolT1 {
		t.Errorf("protocol %d", h.ActiveProtocol())
	}
	wantCode(t, connect(b.Name(), pcsc.ShareShared, pcsc.ProtocolT0), pcsc.ProtoMismatch)
	b.Remove()
	wantCode(t, connect(b.Name(), pcsc.ShareShared, pcsc.ProtocolAny), pcsc.NoSmartcard)
	b.Insert(virtual.NewCard(virtual.NewCA("Test CA"), virtual.Dead()))
	wantCode(t, connect(b.Name(), pcsc.ShareShared, pcsc.ProtocolAny), pcsc.UnpoweredCard)
	if state := b.state(0); state.Event&0xFFFF != pcsc.StatePresent|pcsc.StateMute|pcsc.StateInUse|pcsc.StateChanged || len(state.ATR) != 0 {
		t.Errorf("a dead card: state %08X, ATR %X", state.Event, state.ATR)
	}
	wantCode(t, h.Disconnect(pcsc.LeaveCard), 0)
	wantCode(t, h.Disconnect(pcsc.LeaveCard), pcsc.InvalidHandle)
	_, err := h.Transmit(empty)
	wantCode(t, err, pcsc.InvalidHandle)
}

func TestAReleasedContextIsAnInvalidHandle(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	c := b.context()
	h, err := c.Connect(b.Name(), pcsc.ShareShared, pcsc.ProtocolAny)
	wantCode(t, err, 0)
	wantCode(t, c.Release(), 0)
	wantCode(t, c.Release(), pcsc.InvalidHandle)
	wantCode(t, c.Cancel(), pcsc.InvalidHandle)
	_, err = c.ListReaders()
	wantCode(t, err, pcsc.InvalidHandle)
	_, err = h.Transmit(empty)
	wantCode(t, err, pcsc.InvalidHandle)
}

func TestAMuteCardIsNotTransactedAndStays(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	h := b.connect()
	b.card.Script(virtual.MuteAt(1))
	_, err := h.Transmit(empty)
	wantCode(t, err, pcsc.NotTransacted)
	wantStatus(t, h, empty, "63C3")
	_, err = h.Transmit(nil)
	wantCode(t, err, pcsc.InvalidParameter)
}
