package handover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"

	"github.com/cardea-agent/cardea/agent/peer"
)

func me() peer.Owner {
	owner, err := peer.Self()
	if err != nil {
		panic(err)
	}
	return owner
}

// place is where a broker meets its agents: beside the real one.
func place(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`%s-test-%d-%s`, DefaultPath, os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))
}

func underWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// passFirst makes a pipe useful under Wine. Its maker holds a first instance that
// nobody is to reach. Windows keeps callers from it, and Wine gives it to the
// first one.
func passFirst(t *testing.T, path string) {
	t.Helper()
	if underWine() {
		_ = dialRaw(t, path).Close()
	}
}

// dialRaw dials as a program does that is no agent.
func dialRaw(t *testing.T, path string) io.ReadWriteCloser {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	conn, err := winio.DialPipeAccessImpLevel(ctx, path, callers, winio.PipeImpLevelIdentification)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(limit))
	return conn
}

func TestAnAgentIsBackWhenTheBrokerIs(t *testing.T) {
	path, port := place(t), newPages(t)
	broker, stop := startBroker(t, path)
	agent := startAgent(t, path, io.Discard)
	awaitConnected(t, agent, true)
	go echo(agent, "the agent")
	page, accepted := port.connect()
	if err := broker.Hand(me(), accepted); err != nil {
		t.Fatal(err)
	}
	if got := said(t, page, "hello"); got != "the agent hello" {
		t.Errorf("the page heard %q", got)
	}
	stop()
	awaitConnected(t, agent, false)
	if n, err := page.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes came without a broker", n)
	}
	broker, _ = startBroker(t, path)
	awaitConnected(t, agent, true)
	page, accepted = port.connect()
	if err := broker.Hand(me(), accepted); err != nil {
		t.Fatal(err)
	}
	if got := said(t, page, "again"); got != "the agent again" {
		t.Errorf("from the next broker the page heard %q", got)
	}
}

func TestAnAgentThatTalksIsPutOut(t *testing.T) {
	path := place(t)
	broker, _ := startBroker(t, path)
	conn := dialRaw(t, path)
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, windows.ERROR_BROKEN_PIPE) {
		t.Fatal(err)
	}
	if len(rest) > 0 || broker.Agents() != 0 {
		t.Errorf("it heard %q, and %d agents are kept", rest, broker.Agents())
	}
}

func TestOneThatSaysNothingIsPutOut(t *testing.T) {
	path := place(t)
	broker, _ := startBroker(t, path)
	conn := dialRaw(t, path)
	rest, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, windows.ERROR_BROKEN_PIPE) {
		t.Fatal(err)
	}
	if len(rest) > 0 || broker.Agents() != 0 {
		t.Errorf("it heard %q, and %d agents are kept", rest, broker.Agents())
	}
}

func TestTheBrokersPipeHasOneMaker(t *testing.T) {
	if underWine() {
		t.Skip("Wine lets a pipe have two")
	}
	path := place(t)
	startBroker(t, path)
	if l, err := Meet(path); err == nil {
		_ = l.Close()
		t.Error("a second broker serves the same pipe")
	}
}

func TestAPipeThatIsNoAdministratorsIsNotDialled(t *testing.T) {
	path := place(t)
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: fmt.Sprintf("O:%sD:P(A;;GA;;;WD)", me().UID)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	passFirst(t, path)
	go func() {
		if conn, err := l.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if r, err := dial(ctx, path); !errors.Is(err, errUntrusted) {
		t.Errorf("%v, %v", r, err)
	}
}
