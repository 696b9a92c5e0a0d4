//go:build linux

package virtual_test

import (
	"bytes"
	"testing"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// world is a resource manager, ours or pcscd, with one reader and a card in it.
type world struct {
	pcsc.Driver
	reader string
	remove func() // returns when PC/SC has seen it
	card   *virtual.Card
	t      *testing.T
}

// connect opens the card over a context of its own, as another program would.
func (w *world) connect(mode pcsc.ShareMode, protocols pcsc.Protocol) (pcsc.Context, pcsc.Handle, error) {
	w.t.Helper()
	c, err := w.Establish()
	if err != nil {
		w.t.Fatal(err)
	}
	h, err := c.Connect(w.reader, mode, protocols)
	if err != nil {
		_ = c.Release()
	} else {
		w.t.Cleanup(func() { _ = c.Release() })
	}
	return c, h, err
}

func (w *world) shared() pcsc.Handle {
	w.t.Helper()
	_, h, err := w.connect(pcsc.ShareShared, pcsc.ProtocolT1)
	wantCode(w.t, err, 0)
	return h
}

// scenarios are played in the Manager and in pcscd: what holds in one must hold
// in the other.
var scenarios = map[string]func(t *testing.T, w *world){
	"the PIN's status belongs to the card": func(t *testing.T, w *world) {
		one, other := w.shared(), w.shared()
		wantStatus(t, one, verifyGood, "9000")
		wantStatus(t, other, empty, "9000")
	},
	"a reset is seen by every handle until it reconnects": func(t *testing.T, w *world) {
		one, other := w.shared(), w.shared()
		wantCode(t, one.BeginTransaction(), 0)
		wantStatus(t, one, verifyGood, "9000")
		wantCode(t, one.EndTransaction(pcsc.ResetCard), 0)
		for _, h := range []pcsc.Handle{one, other} {
			_, err := h.Transmit(empty)
			wantCode(t, err, pcsc.CardReset)
			wantCode(t, h.BeginTransaction(), pcsc.CardReset)
			wantCode(t, h.Reconnect(pcsc.ShareShared, pcsc.ProtocolT1, pcsc.LeaveCard), 0)
			wantStatus(t, h, empty, "63C3")
		}
	},
	"a handle that closes with a reset resets the others": func(t *testing.T, w *world) {
		one, other := w.shared(), w.shared()
		wantStatus(t, one, verifyGood, "9000")
		wantCode(t, one.Disconnect(pcsc.ResetCard), 0)
		_, err := other.Transmit(empty)
		wantCode(t, err, pcsc.CardReset)
		wantCode(t, other.Reconnect(pcsc.ShareShared, pcsc.ProtocolT1, pcsc.ResetCard), 0)
		wantStatus(t, other, empty, "63C3")
	},
	"a transaction that did not begin": func(t *testing.T, w *world) {
		one, other := w.shared(), w.shared()
		wantCode(t, one.EndTransaction(pcsc.LeaveCard), pcsc.NotTransacted)
		wantCode(t, other.BeginTransaction(), 0)
		wantCode(t, one.EndTransaction(pcsc.LeaveCard), pcsc.SharingViolation)
		wantCode(t, other.EndTransaction(pcsc.LeaveCard), 0)
	},
	"exclusive use": func(t *testing.T, w *world) {
		_, alone, err := w.connect(pcsc.ShareExclusive, pcsc.ProtocolT1)
		wantCode(t, err, 0)
		_, _, err = w.connect(pcsc.ShareShared, pcsc.ProtocolT1)
		wantCode(t, err, pcsc.SharingViolation)
		wantCode(t, alone.Disconnect(pcsc.LeaveCard), 0)
		w.shared()
		_, _, err = w.connect(pcsc.ShareExclusive, pcsc.ProtocolT1)
		wantCode(t, err, pcsc.SharingViolation)
	},
	"protocols": func(t *testing.T, w *world) {
		if p := w.shared().ActiveProtocol(); p != pcsc.ProtocolT1 {
			t.Errorf("protocol %d", p)
		}
		_, _, err := w.connect(pcsc.ShareShared, pcsc.ProtocolT0)
		wantCode(t, err, pcsc.ProtoMismatch)
	},
	"a program that dies in a transaction resets the card": func(t *testing.T, w *world) {
		c, h, err := w.connect(pcsc.ShareShared, pcsc.ProtocolT1)
		wantCode(t, err, 0)
		other := w.shared()
		wantCode(t, h.BeginTransaction(), 0)
		wantStatus(t, h, verifyGood, "9000")
		wantCode(t, c.Release(), 0)
		_, err = other.Transmit(empty)
		wantCode(t, err, pcsc.CardReset)
		if w.card.PINVerified() {
			t.Error("the PIN is still verified")
		}
	},
	"a program that dies outside a transaction leaves the PIN verified": func(t *testing.T, w *world) {
		c, h, err := w.connect(pcsc.ShareShared, pcsc.ProtocolT1)
		wantCode(t, err, 0)
		other := w.shared()
		wantStatus(t, h, verifyGood, "9000")
		wantCode(t, c.Release(), 0)
		wantStatus(t, other, empty, "9000")
	},
	"a pulled card": func(t *testing.T, w *world) {
		one, other := w.shared(), w.shared()
		wantCode(t, one.BeginTransaction(), 0)
		w.remove()
		wantCode(t, one.EndTransaction(pcsc.LeaveCard), pcsc.RemovedCard)
		_, err := other.Transmit(empty)
		wantCode(t, err, pcsc.RemovedCard)
		wantCode(t, other.BeginTransaction(), pcsc.RemovedCard)
		wantCode(t, other.Reconnect(pcsc.ShareShared, pcsc.ProtocolT1, pcsc.LeaveCard), pcsc.NoSmartcard)
		_, _, err = w.connect(pcsc.ShareShared, pcsc.ProtocolT1)
		wantCode(t, err, pcsc.NoSmartcard)
		wantCode(t, other.Disconnect(pcsc.LeaveCard), 0)
	},
	"what a reader's state says": func(t *testing.T, w *world) {
		want := func(flags pcsc.StateFlag) {
			t.Helper()
			c, err := w.Establish()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Release() }()
			states := []pcsc.ReaderState{{Reader: w.reader}}
			wantCode(t, c.GetStatusChange(states, 0), 0)
			if got := states[0].Event & 0xFFFF; got != flags|pcsc.StateChanged {
				t.Errorf("state %04X, want %04X", got, flags|pcsc.StateChanged)
			}
			if present := flags&pcsc.StatePresent != 0; present != bytes.Equal(states[0].ATR, w.card.ATR()) {
				t.Errorf("ATR %X", states[0].ATR)
			}
		}
		want(pcsc.StatePresent)
		h := w.shared()
		want(pcsc.StatePresent | pcsc.StateInUse)
		wantCode(t, h.Reconnect(pcsc.ShareExclusive, pcsc.ProtocolT1, pcsc.LeaveCard), 0)
		want(pcsc.StatePresent | pcsc.StateExclusive)
		wantCode(t, h.Disconnect(pcsc.LeaveCard), 0)
		want(pcsc.StatePresent)
		w.remove()
		want(pcsc.StateEmpty)
	},
	"a reader that does not exist": func(t *testing.T, w *world) {
		w.reader = "No such reader"
		_, _, err := w.connect(pcsc.ShareShared, pcsc.ProtocolT1)
		wantCode(t, err, pcsc.UnknownReader)
	},
}

func TestTheManagerBehavesAsPCSCD(t *testing.T) {
	for name, play := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Run("Manager", func(t *testing.T) {
				b := newBench(t, virtual.P256("Robin Example"))
				play(t, &world{b.Manager, b.Name(), b.Remove, b.card, t})
			})
			t.Run("pcscd", func(t *testing.T) {
				card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))
				reader, slot := insertInPCSCD(t, card)
				play(t, &world{pcsc.System{}, reader, func() { slot.Remove(); awaitCard(t, reader, false) }, card, t})
			})
		})
	}
}
