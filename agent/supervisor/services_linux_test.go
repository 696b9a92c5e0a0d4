package main

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/protocol"
)

// TestTheServicesOfWindows runs both services under Wine. Its parts build on one
// another, since a Wine of one's own takes a while to start.
func TestTheServicesOfWindows(t *testing.T) {
	w := newWine(t)
	w.build("cardea-broker.exe", "../broker")
	w.build("cardea-supervisor.exe", ".")
	w.build("cardea-agent.exe", "./testdata/standin")
	w.copy("cardea-agent.exe", "cardea-tray.exe")
	w.copy("cardea-agent.exe", "visitor.exe")
	came := receive(t, w.folder)
	port := freePort(t)
	w.run("sc", "create", "CardeaBroker", "binPath=", programFiles+"cardea-broker.exe --service --listen 127.0.0.1:"+port, "start=", "demand")
	w.run("sc", "create", "CardeaSupervisor", "binPath=", programFiles+"cardea-supervisor.exe --service", "start=", "demand")

	ok := true
	part := func(name string, f func(t *testing.T)) {
		ok = ok && t.Run(name, func(t *testing.T) {
			w.t = t
			f(t)
		})
		w.t = t
	}
	part("the broker holds the port in both families", func(t *testing.T) { w.holdsThePort(t, port) })
	part("agent and tray run while the supervisor does", func(t *testing.T) { w.supervises(t, came) })
	part("a page comes to its agent through the broker", func(t *testing.T) { w.relays(t, port) })
	part("a broker that cannot listen ends with an error", func(t *testing.T) { w.endsWithoutAPort(t, port) })
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// holdsThePort knocks from outside of Wine, where nobody has an agent: whoever
// connects is cut off.
func (w *wine) holdsThePort(t *testing.T, port string) {
	w.run("net", "start", "CardeaBroker")
	w.log.Await(t, 2, "msg=listening")
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), limit)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(limit))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %d bytes and %v, want to be cut off", host, n, err)
		}
		_ = conn.Close()
		if l, err := net.Listen("tcp", net.JoinHostPort(host, port)); err == nil {
			_ = l.Close()
			t.Errorf("%s: another program took the port", host)
		}
	}
}

// supervises follows two stand-ins through their lives.
func (w *wine) supervises(t *testing.T, came arrivals) {
	w.run("net", "start", "CardeaSupervisor")
	here := came.next(t, "cardea-agent", "cardea-tray")
	if got, want := here["cardea-agent"].command, "run --broker "+brokersPipe+" --until-stdin-ends"; got != want {
		t.Errorf("the agent was started with %q, want %q", got, want)
	}
	if here["cardea-agent"].home == "" || here["cardea-tray"].command != "" {
		t.Errorf("%+v", here)
	}

	failed := time.Now()
	here["cardea-agent"].order(t, "3")
	here["cardea-agent"] = came.next(t, "cardea-agent")["cardea-agent"]
	if d := time.Since(failed); d < firstPause {
		t.Errorf("it was back after %v, want a pause of %v", d, firstPause)
	}
	w.run(programFiles+"visitor.exe", "kill", here["cardea-tray"].pid)
	here["cardea-tray"].awaitEnd(t)
	here["cardea-tray"] = came.next(t, "cardea-tray")["cardea-tray"]
	came.none(t)

	w.run("net", "stop", "CardeaSupervisor")
	here["cardea-agent"].awaitEnd(t)
	here["cardea-tray"].awaitEnd(t)
	came.none(t)
	// The agent was asked, and ended by itself.
	w.log.Await(t, 1, "program=cardea-agent session=1 code=0")

	w.run("net", "start", "CardeaSupervisor")
	here = came.next(t, "cardea-agent", "cardea-tray")
	w.run("taskkill", "/f", "/im", "cardea-supervisor.exe")
	here["cardea-agent"].awaitEnd(t)
	here["cardea-tray"].awaitEnd(t)
	came.none(t)
}

// relays runs the real agent, and a page of Wine's.
func (w *wine) relays(t *testing.T, port string) {
	w.build(filepath.Join("real", "cardea-agent.exe"), "..", "CGO_ENABLED=1", "CC=x86_64-w64-mingw32-gcc")
	policy := "[[origin]]\nurl = \"https://portal.example\"\n"
	if err := os.WriteFile(filepath.Join(w.folder, "policy.toml"), []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
	ask := func(host, origin string) string {
		return w.run(programFiles+"visitor.exe", "visit", net.JoinHostPort(host, port), origin, protocol.Subprotocol)
	}
	if got := ask("127.0.0.1", "https://portal.example"); !strings.HasPrefix(got, `""`) {
		t.Errorf("without an agent a page was answered %s", got)
	}
	// The first that dials go-winio's pipe under Wine gets an instance that nobody
	// serves. It is not the agent then.
	w.run(programFiles+"visitor.exe", "open", brokersPipe)
	cmd, cancel := w.command(programFiles+`real\cardea-agent.exe`, "run", "--broker", brokersPipe, "--policy", programFiles+"policy.toml")
	defer cancel()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	w.log.Await(t, 1, "an agent is here")
	// Wine finds out whose a connection is once its program has used it, so a page
	// may be cut off before; as the client library does, it tries again.
	answer := func(origin string) (got string) {
		for range 20 {
			if got = ask("127.0.0.1", origin); !strings.HasPrefix(got, `""`) {
				break
			}
		}
		return got
	}
	if got := answer("https://portal.example"); !strings.Contains(got, " 101 ") {
		t.Errorf("a listed site was answered %s", got)
	}
	if got := answer("https://other.example"); !strings.Contains(got, " 403 ") {
		t.Errorf("another site was answered %s", got)
	}
	// Wine does not tell whose an IPv6 connection is, and then nobody gets it.
	if got := ask("::1", "https://portal.example"); !strings.HasPrefix(got, `""`) {
		t.Errorf("a page of nobody was answered %s", got)
	}
	w.run("net", "stop", "CardeaBroker")
	w.log.Await(t, 1, "no connections come from the broker")
}

// endsWithoutAPort sees what a manager's recovery acts on: the process ends, and
// the service did not say that it stopped.
func (w *wine) endsWithoutAPort(t *testing.T, port string) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, _ = w.try("net", "start", "CardeaBroker")
	w.log.Await(t, 1, "the broker failed")
}
