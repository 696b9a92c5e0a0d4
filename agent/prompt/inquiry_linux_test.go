package prompt

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/logs/logtest"
	"github.com/cardea-agent/cardea/agent/signin"
)

// informed runs an agent that knows something of itself.
func informed(t *testing.T, path string, records []string) *Server {
	t.Helper()
	server, _ := startServer(t, path, io.Discard)
	server.cfg.Facts = func() Facts {
		return Facts{Process: 4711, Addresses: []string{"127.0.0.1:24747"}, Version: "overwritten"}
	}
	server.cfg.Records = func() []string { return records }
	return server
}

func TestAnInquiryTellsWhatOnlyTheAgentKnows(t *testing.T) {
	path := socketPath(t)
	server := informed(t, path, []string{"one", "two"})
	server.Publish(signin.Snapshot{Revision: 7, State: signin.NoCard})
	facts, lines, err := Inquire(t.Context(), path, false)
	if err != nil || facts.Process != 4711 || facts.Version != server.cfg.Version || facts.Tray.Connected || facts.Status.State != signin.NoCard || lines != nil {
		t.Errorf("%+v, %v, %v", facts, lines, err)
	}
	_, reports := startTray(t, path, newFake(), io.Discard)
	await(t, reports, "connected", connected)
	if _, err := server.waitTray(t.Context()); err != nil { // the agent's side of it
		t.Fatal(err)
	}
	facts, lines, err = Inquire(t.Context(), path, true)
	if err != nil || !facts.Tray.Connected || facts.Tray.Version == "" || time.Since(facts.Tray.Since) > time.Minute || !slices.Equal(lines, []string{"one", "two"}) {
		t.Errorf("%+v, %v, %v", facts, lines, err)
	}
}

func TestAnInquiryTakesNoTraysPlace(t *testing.T) {
	path := socketPath(t)
	server := informed(t, path, nil)
	fake := newFake()
	fake.askPIN = answerWith("123456")
	_, reports := startTray(t, path, fake, io.Discard)
	await(t, reports, "connected", connected)
	if _, _, err := Inquire(t.Context(), path, true); err != nil {
		t.Fatal(err)
	}
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 3})
	if err != nil || pinOf(t, a) != "123456" {
		t.Errorf("the tray is not asked: %v", err)
	}
	d.Close()
	<-fake.closed
}

func TestALongLogIsToldWhole(t *testing.T) {
	path := socketPath(t)
	var want []string
	for i := range 1000 {
		want = append(want, fmt.Sprint(i, strings.Repeat("ä", 1000)))
	}
	informed(t, path, want)
	if _, lines, err := Inquire(t.Context(), path, true); err != nil || !slices.Equal(lines, want) {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}

func TestWithoutAnAgentAnInquirySaysSo(t *testing.T) {
	if _, _, err := Inquire(t.Context(), socketPath(t), false); !errors.Is(err, ErrNoAgent) {
		t.Errorf("no folder: %v", err)
	}
	path := socketPath(t)
	_, run := startServer(t, path, io.Discard)
	if err := run.end(t); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Inquire(t.Context(), path, false); !errors.Is(err, ErrNoAgent) {
		t.Errorf("an agent that ended: %v", err)
	}
}

func TestAnotherUsersInquiryIsNotAnswered(t *testing.T) {
	path := socketPath(t)
	cmd := asNobody(t, path)
	cmd.Env = append(cmd.Env, inquireEnv+"=1")
	var log logtest.Log
	startServer(t, path, &log)
	openUp(t, path)
	if out, err := cmd.Output(); err != nil || string(out) != "refused" {
		t.Fatalf("the other user was %q, %v", out, err)
	}
	log.Await(t, 1, "belongs to user 65534") // the other one may be gone before it is written
}

func TestAStrangerAtTheAgentsPlaceIsNotBelieved(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to act as another user")
	}
	path := socketPath(t)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := listenAs(path, 65534)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan int, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		n, _ := conn.Read(make([]byte, 1))
		asked <- n
	}()
	_, _, err = Inquire(t.Context(), path, true)
	if err == nil || errors.Is(err, ErrNoAgent) || !strings.Contains(err.Error(), "belongs to user 65534") {
		t.Errorf("got %v", err)
	}
	if n := <-asked; n != 0 {
		t.Error("the stranger was asked something")
	}
	_ = l.Close()
}

// inquireEnv makes the other user's process of asNobody inquire.
const inquireEnv = "CARDEA_TEST_INQUIRE"

// inquireAsStranger is what that process does.
func inquireAsStranger(conn net.Conn) string {
	_ = writeFrame(conn, kindInquire, inquiry{Protocol: wireVersion, Records: true})
	if f, err := readFrame(conn); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		return fmt.Sprintf("answered %q, %v", f.kind, err)
	}
	return "refused"
}

func TestTheTrayIsToldWhomToAskAboutAState(t *testing.T) {
	contacts := map[string]string{"card-issuer": "Card office", "admin": "IT service desk"}
	contact := func(kind string) string { return contacts[kind] }
	for state, want := range map[signin.State]string{
		signin.PINBlocked: "Card office", signin.NoReader: "IT service desk", signin.Ready: "",
	} {
		status := statusOf(signin.Snapshot{State: state}, contact)
		if status.Contact != want || (status.Code == "") != (want == "") {
			t.Errorf("%s: %q, %q", state, status.Code, status.Contact)
		}
	}
	if status := statusOf(signin.Snapshot{State: signin.PINBlocked}, nil); status.Contact != "" || status.Code != signin.CodePINBlocked {
		t.Errorf("without contacts: %+v", status)
	}
}
