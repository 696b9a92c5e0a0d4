//go:build linux || darwin

package handover

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/cardea-agent/cardea/agent/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func me() peer.Owner { return peer.Owner{UID: strconv.Itoa(os.Getuid())} }

// needsRoot skips where this user cannot make a folder of root's.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, whose the broker's folder is")
	}
}

// passFirst is for Wine.
func passFirst(*testing.T, string) {}

// place is where a broker meets its agents.
func place(t *testing.T) string {
	t.Helper()
	needsRoot(t)
	return filepath.Join(t.TempDir(), "run", "broker.sock")
}

func TestAConnectionChangesHandsAndOutlivesTheBroker(t *testing.T) {
	path, port := place(t), newPages(t)
	broker, stop := startBroker(t, path)
	agent := startAgent(t, path, io.Discard)
	awaitConnected(t, agent, true)
	go echo(agent, "first")
	page, accepted := port.connect()
	if err := broker.Hand(me(), accepted); err != nil {
		t.Fatal(err)
	}
	if got := said(t, page, "hello"); got != "first hello" {
		t.Errorf("the page heard %q", got)
	}
	stop()
	awaitConnected(t, agent, false)
	if got := said(t, page, "still there?"); got != "first still there?" {
		t.Errorf("without the broker the page heard %q", got)
	}
	broker, _ = startBroker(t, path)
	awaitConnected(t, agent, true)
	page, accepted = port.connect()
	if err := broker.Hand(me(), accepted); err != nil {
		t.Fatal(err)
	}
	if got := said(t, page, "again"); got != "first again" {
		t.Errorf("from the next broker the page heard %q", got)
	}
}

func TestAnAgentThatTalksIsPutOut(t *testing.T) {
	path := place(t)
	broker, _ := startBroker(t, path)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit))
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Fatal(err)
	}
	if len(rest) > 1 || broker.Agents() != 0 {
		t.Errorf("it heard %q, and %d agents are kept", rest, broker.Agents())
	}
}

func TestAnAgentThatTakesNothingLosesOnlyItsOwn(t *testing.T) {
	path, port := place(t), newPages(t)
	broker, _ := startBroker(t, path)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if b := make([]byte, 1); read(t, conn, b) != sayWelcome {
		t.Fatalf("the broker said %q", b)
	}
	for range 10_000 {
		_, accepted := port.connect()
		if err := broker.Hand(me(), accepted); err != nil {
			if !errors.Is(err, ErrAgentBusy) {
				t.Error(err)
			}
			break
		}
	}
	if broker.Agents() != 1 {
		t.Error("the agent is not kept")
	}
	if _, accepted := port.connect(); !errors.Is(broker.Hand(me(), accepted), ErrAgentBusy) {
		t.Error("a full queue took one more")
	}
}

func read(t *testing.T, conn net.Conn, b []byte) byte {
	t.Helper()
	if _, err := io.ReadFull(conn, b); err != nil {
		t.Fatal(err)
	}
	return b[0]
}

func TestAPlaceThatOthersCouldHaveMadeIsNotDialled(t *testing.T) {
	needsRoot(t)
	for name, prepare := range map[string]func(folder string) error{
		"another user's":  func(f string) error { return errors.Join(os.Mkdir(f, 0o755), os.Chown(f, 65534, 65534)) },
		"open to writing": func(f string) error { return errors.Join(os.Mkdir(f, 0o755), os.Chmod(f, 0o777)) },
		"a link":          func(f string) error { return errors.Join(os.Mkdir(f+"2", 0o755), os.Symlink(f+"2", f)) },
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "run")
			if err := prepare(folder); err != nil {
				t.Fatal(err)
			}
			if r, err := dial(t.Context(), filepath.Join(folder, "broker.sock")); !errors.Is(err, errUntrusted) {
				t.Errorf("%v, %v", r, err)
			}
			if _, err := Meet(filepath.Join(folder, "broker.sock")); !errors.Is(err, errUntrusted) {
				t.Errorf("a broker meets agents there: %v", err)
			}
		})
	}
}
