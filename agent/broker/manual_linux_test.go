package main

import (
	"flag"
	"testing"

	"github.com/cardea-agent/cardea/agent/manual"
)

//go:generate go test -run ^TestTheManual -write .

// write has the page written instead of compared.
var write = flag.Bool("write", false, "write the manual page and what shells complete")

func TestTheManualPageIsCurrent(t *testing.T) {
	p := manual.Program{
		Name: "cardea-broker", Section: 8, About: "hand connections of web pages to their owners' agents", Flags: new(options).flags(),
		Text: []string{
			"cardea-broker owns the port that web pages connect to, 24747 of 127.0.0.1 and [::1], for everybody who is signed in to this computer. Of each connection it asks the kernel whose it is, and hands it to that person's cardea-agent. Who has no agent is cut off at once. It reads nothing of a connection.",
			"The system runs it, as cardea-broker.service, and passes it the sockets of cardea-broker.socket. So the flags do not count there: another port is set with systemctl edit cardea-broker.socket.",
		},
		Notes: []manual.Note{{Heading: "Files", Rows: [][2]string{
			{"/run/cardea/broker.sock", "Where agents dial."},
			{"/usr/share/doc/cardea/admin.md", "The administrator's page."},
		}}},
		See: []string{"cardea-agent(1)", "systemd.socket(5)"},
	}
	stale, err := p.Stale("../../installer/manual", *write)
	if err != nil {
		t.Fatal(err)
	}
	if len(stale) > 0 {
		t.Errorf("%v are out of date: run go generate in agent/broker", stale)
	}
}
