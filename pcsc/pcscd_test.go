//go:build linux && cgo

package pcsc_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
)

func TestMain(m *testing.M) { os.Exit(pcscdtest.Main(m)) }

// patience bounds every wait for pcscd, which looks for cards each 400 ms.
const patience = 30 * time.Second

// echo is a card that answers each command with the command and 9000, or not at
// all while it is mute.
type echo struct {
	atr    []byte
	resets atomic.Int32
	mute   atomic.Bool
	gone   atomic.Bool // it breaks off at the next command
}

func newEcho(historical byte) *echo {
	return &echo{atr: []byte{0x3B, 0x81, 0x01, historical}} // T=1
}

func (e *echo) serve(conn net.Conn) {
	for {
		message, err := receive(conn)
		if err != nil {
			return
		}
		var answer []byte
		switch {
		case len(message) == 1 && message[0] == 2:
			e.resets.Add(1)
		case len(message) == 1 && message[0] == 4:
			answer = e.atr
		case len(message) > 1 && e.gone.Load():
			return
		case len(message) > 1 && !e.mute.Load():
			answer = append(message, 0x90, 0x00)
		}
		if answer == nil {
			continue
		}
		answer = append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// receive reads one message of vpcd, which sends length and body apart and
// waits 40 ms between them for an acknowledgement unless it is a quick one.
func receive(conn net.Conn) ([]byte, error) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	read := func(b []byte) error {
		if err := raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
		}); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, b)
		return err
	}
	var length [2]byte
	if err := read(length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	return message, read(message)
}

// watch runs a Watcher for the length of the test, whose end it checks.
func watch(t *testing.T, driver pcsc.Driver) *pcsc.Watcher {
	t.Helper()
	w := pcsc.NewWatcher(driver)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run returned %v", err)
			}
		case <-time.After(patience):
			t.Error("Run did not return")
		}
	})
	return w
}

// view is a subscription and the newest snapshot that it delivered.
type view struct {
	t         *testing.T
	snapshots <-chan pcsc.Snapshot
	last      pcsc.Snapshot
}

func look(t *testing.T, w *pcsc.Watcher) *view {
	snapshots, _ := w.Subscribe()
	return &view{t: t, snapshots: snapshots, last: <-snapshots}
}

// await returns the first snapshot, from the newest on, that is as wanted.
func (v *view) await(what string, wanted func(pcsc.Snapshot) bool) pcsc.Snapshot {
	v.t.Helper()
	timeout := time.After(patience)
	for !wanted(v.last) {
		select {
		case s, ok := <-v.snapshots:
			if !ok {
				v.t.Fatalf("the subscription ended before %s", what)
			}
			v.last = s
		case <-timeout:
			v.t.Fatalf("no snapshot with %s; the last was %+v\n%s", what, v.last, pcscdtest.Shared(v.t).Log())
		}
	}
	return v.last
}

// present wants a card, or none, in the numbered reader of two.
func present(reader int, want bool) func(pcsc.Snapshot) bool {
	return func(s pcsc.Snapshot) bool {
		return s.Err == nil && len(s.Readers) == 2 && s.Readers[reader].Present == want
	}
}

// connect opens the card in the first reader once pcscd has seen it.
func connect(t *testing.T, daemon *pcscdtest.Daemon, card *echo) (*pcsc.Card, *view) {
	t.Helper()
	v := look(t, watch(t, pcsc.System{}))
	v.await("an empty reader", present(0, false))
	daemon.Readers[0].Insert(t, card.serve)
	v.await("a card", present(0, true))
	c, err := pcsc.Connect(t.Context(), pcsc.System{}, daemon.Readers[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, v
}

// noLeaks fails the test if goroutines that it started outlive it.
func noLeaks(t *testing.T) {
	ignore := []goleak.Option{
		goleak.IgnoreCurrent(),
		// The daemon that a test started last outlives it.
		goleak.IgnoreAnyFunction("github.com/cardea-agent/cardea/pcsc/pcscdtest.(*Daemon).run.func1"),
	}
	t.Cleanup(func() { goleak.VerifyNone(t, ignore...) })
}
