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
		Name: "cardea-tray", Section: 1, About: "show how the smartcard stands, and ask for its PIN", Flags: new(options).flags(),
		Text: []string{
			"cardea-tray is the icon in the system tray, the status window for desktops that have no tray, and the window that asks for the PIN. The desktop starts it at log-on. It waits for cardea-agent and shows what that reports; it touches no reader and no card itself. Started a second time it takes the first one's place.",
		},
		Notes: []manual.Note{{Heading: "Files", Rows: [][2]string{
			{"/etc/xdg/autostart/cardea-tray.desktop", "What has the desktop start it."},
			{"/usr/share/doc/cardea/user.md", "What its windows say and mean."},
		}}},
		See: []string{"cardea-agent(1)"},
	}
	stale, err := p.Stale("../installer/manual", *write)
	if err != nil {
		t.Fatal(err)
	}
	if len(stale) > 0 {
		t.Errorf("%v are out of date: run go generate in ui", stale)
	}
}
