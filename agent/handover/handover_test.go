//go:build linux || darwin

package handover

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/cardea-agent/cardea/agent/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is far above what anything here takes.
const limit = 30 * time.Second

func me() peer.Owner { return peer.Owner{UID: strconv.Itoa(os.Getuid())} }

// needsRoot skips where this user cannot make a folder of root's.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, whose the broker's folder is")
	}
}

// place is where a broker meets its agents.
func place(t *testing.T) string {
	t.Helper()
	needsRoot(t)
	return filepath.Join(t.TempDir(), "run", "broker.sock")
}

// startBroker serves until the returned function is called.
func startBroker(t *testing.T, path string) (b *Broker, stop func()) {
	t.Helper()
	l, err := Meet(path)
	if err != nil {
		t.Fatal(err)
	}
	b = &Broker{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return b, stop
}

func startAgent(t *testing.T, path string, log io.Writer) *Listener {
	t.Helper()
	l := Listen(path, slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// awaitConnected waits until the broker keeps the agent, or no longer does.
func awaitConnected(t *testing.T, l *Listener, want bool) {
	t.Helper()
	late := time.After(limit)
	for {
		here, changed := l.Connected()
		if here == want {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("connected is still %v", here)
		}
	}
}

// pages is a port on loopback.
type pages struct {
	net.Listener
	t *testing.T
}

func newPages(t *testing.T) pages {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return pages{l, t}
}

// connect returns both ends of a connection.
func (p pages) connect() (page, accepted net.Conn) {
	p.t.Helper()
	page, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = page.Close() })
	accepted, err = p.Accept()
	if err != nil {
		p.t.Fatal(err)
	}
	_ = page.SetDeadline(time.Now().Add(limit))
	return page, accepted
}

// echo answers each line of each connection with the agent's name.
func echo(l net.Listener, name string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			lines := bufio.NewScanner(conn)
			for lines.Scan() {
				if _, err := io.WriteString(conn, name+" "+lines.Text()+"\n"); err != nil {
					return
				}
			}
		}()
	}
}

// said is what comes back for a line.
func said(t *testing.T, page net.Conn, line string) string {
	t.Helper()
	if _, err := io.WriteString(page, line+"\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(page).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(answer)
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

func TestTheAgentSeesTheConnectionsOwnAddresses(t *testing.T) {
	path, port := place(t), newPages(t)
	broker, _ := startBroker(t, path)
	agent := startAgent(t, path, io.Discard)
	awaitConnected(t, agent, true)
	page, accepted := port.connect()
	if err := broker.Hand(me(), accepted); err != nil {
		t.Fatal(err)
	}
	conn, err := agent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.RemoteAddr().String() != page.LocalAddr().String() || conn.LocalAddr().String() != port.Addr().String() {
		t.Errorf("from %v to %v", conn.RemoteAddr(), conn.LocalAddr())
	}
	if owner, err := (peer.System{}).Of(conn); err != nil || owner != me() {
		t.Errorf("the agent takes the page for %+v's, %v", owner, err)
	}
}

func TestWhoHasNoAgentIsCutOff(t *testing.T) {
	path, port := place(t), newPages(t)
	broker, _ := startBroker(t, path)
	page, accepted := port.connect()
	if err := broker.Hand(peer.Owner{UID: "65534"}, accepted); !errors.Is(err, ErrNoAgent) {
		t.Error(err)
	}
	if n, err := page.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes came", n)
	}
}

func TestASecondAgentWaitsUntilTheFirstIsGone(t *testing.T) {
	path, port := place(t), newPages(t)
	broker, _ := startBroker(t, path)
	first := startAgent(t, path, io.Discard)
	awaitConnected(t, first, true)
	go echo(first, "first")
	var log syncBuffer
	second := startAgent(t, path, &log)
	go echo(second, "second")
	log.await(t, "another agent of this user")
	page, accepted := port.connect()
	if err := broker.Hand(me(), accepted); err != nil {
		t.Fatal(err)
	}
	if got := said(t, page, "who"); got != "first who" {
		t.Errorf("the page heard %q", got)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	awaitConnected(t, second, true)
	page, accepted = port.connect()
	if err := broker.Hand(me(), accepted); err != nil {
		t.Fatal(err)
	}
	if got := said(t, page, "who"); got != "second who" {
		t.Errorf("the page heard %q", got)
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

// syncBuffer is a log to be waited for.
type syncBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{}
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	return s.b.Write(p)
}

func (s *syncBuffer) await(t *testing.T, want string) {
	t.Helper()
	late := time.After(limit)
	for {
		s.mu.Lock()
		text := s.b.String()
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%q is not in %s", want, text)
		}
	}
}
