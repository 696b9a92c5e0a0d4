package virtual_test

import (
	"errors"
	"testing"

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
