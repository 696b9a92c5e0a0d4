package session_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// withPcscd runs the tests beside a pcscd of their own.
type withPcscd struct{ m *testing.M }

func (w withPcscd) Run() int {
	defer pkcs11test.CleanUp()
	return pcscdtest.Main(w.m)
}

func TestMain(m *testing.M) {
	if !isModuleHost() {
		goleak.VerifyTestMain(withPcscd{m})
	}
}

// overPcscd is a ward whose reader is one of the real pcscd's.
func overPcscd(t *testing.T) *ward {
	t.Helper()
	reader := pcscdtest.Shared(t).Readers[0]
	awaitEmpty(t, reader.Name)
	slot := realSlot{virtual.NewVPCD(reader.Addr), t, reader.Name}
	t.Cleanup(slot.Remove)
	return newWardOver(t, pcsc.System{}, slot)
}

// realSlot is a reader of pcscd. Its driver overlooks a card that comes soon
// after one that was pulled in the middle of a command.
type realSlot struct {
	*virtual.VPCD
	t    *testing.T
	name string
}

func (s realSlot) Insert(card *virtual.Card) {
	s.t.Helper()
	for range 5 {
		s.VPCD.Insert(card)
		for patience := time.Now().Add(2 * time.Second); time.Now().Before(patience); time.Sleep(20 * time.Millisecond) {
			if c, err := pcsc.Connect(s.t.Context(), pcsc.System{}, s.name); err == nil {
				c.Close()
				return
			}
		}
		s.Remove()
	}
	s.t.Fatal("pcscd does not see the card")
}

// awaitEmpty waits until pcscd has seen the last test's card go: it takes the
// next one for that otherwise.
func awaitEmpty(t *testing.T, reader string) {
	t.Helper()
	watcher := pcsc.NewWatcher(pcsc.System{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- watcher.Run(ctx) }()
	defer func() { cancel(); <-ended }() // the agent has a watcher of its own
	snapshots, stop := watcher.Subscribe()
	defer stop()
	deadline := time.After(limit)
	for {
		select {
		case s := <-snapshots:
			for _, r := range s.Readers {
				if r.Name == reader && !r.Present {
					return
				}
			}
		case <-deadline:
			t.Fatal("the reader is not empty")
		}
	}
}

func init() { wards["pcscd"] = overPcscd }
