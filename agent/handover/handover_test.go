package handover

import (
	"errors"
	"io"
	"testing"

	"github.com/cardea-agent/cardea/agent/logs/logtest"
	"github.com/cardea-agent/cardea/agent/peer"
)

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
	var log logtest.Log
	second := startAgent(t, path, &log)
	go echo(second, "second")
	log.Await(t, 1, "another agent of this user")
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
