package main

import (
	"flag"
	"maps"
	"slices"
	"testing"

	"github.com/cardea-agent/cardea/agent/manual"
	"github.com/cardea-agent/cardea/agent/protocol"
)

//go:generate go test -run ^TestTheManual -write .

// write has the pages written instead of compared.
var write = flag.Bool("write", false, "write the manual page and what shells complete")

// program is what the page tells of the agent. It is the page of a Linux package.
func program() manual.Program {
	p := manual.Program{
		Name: "cardea-agent", Section: 1, About: "sign in to web pages with a smartcard",
		Text: []string{
			"cardea-agent watches the smartcard readers of one person's session, lets those web pages ask for a sign-in that policy lists, has the person asked for the PIN by cardea-tray, and has the card sign.",
			"In an installed Cardea the person's own systemd runs it, as cardea-agent.service, and cardea-broker brings it the connections of that person's browsers. The other commands are for people: they say what is wrong and what counts.",
		},
		Notes: []manual.Note{
			{Heading: "Exit status", Rows: [][2]string{
				{"0", "It went well."},
				{"1", "What was asked for could not be done."},
				{"2", "What was asked for is unclear."},
				{"3", "The command doctor found what somebody has to mend."},
			}},
			{Heading: "Files", Rows: [][2]string{
				{"/etc/cardea/policy.d/*.toml", "What an organisation distributes. It counts first."},
				{"/etc/cardea/policy.toml", "The computer's own settings."},
				{"~/.config/cardea/settings.toml", "The person's own settings."},
				{"~/.local/state/cardea/", "Logs, remembered choices, and the person's answers about sites."},
				{"/usr/share/doc/cardea/", "The administrator's page and a sample with every setting."},
			}},
		},
		See: []string{"cardea-tray(1)", "cardea-broker(8)", "pcscd(8)"},
	}
	for _, c := range commands {
		row := manual.Command{Name: c.name, Args: c.args, About: c.about, Flags: c.flags(new(options))}
		if c.name == "errors" {
			for _, code := range slices.Sorted(maps.Keys(protocol.Errors)) {
				row.Words = append(row.Words, string(code))
			}
		}
		p.Commands = append(p.Commands, row)
	}
	return p
}

func TestTheManualPageIsCurrent(t *testing.T) {
	stale, err := program().Stale("../installer/manual", *write)
	if err != nil {
		t.Fatal(err)
	}
	if len(stale) > 0 {
		t.Errorf("%v are out of date: run go generate in agent", stale)
	}
}

func TestEveryCommandOfTheHelpIsThere(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range commands {
		if c.name == "" || c.about == "" || c.run == nil || seen[c.name] {
			t.Errorf("the row %q is not whole", c.name)
		}
		seen[c.name] = true
		if got := c.flags(new(options)).Name(); got != "cardea-agent "+c.name && c.name != "origins list" && c.name != "origins revoke" {
			t.Errorf("%q has the flags of %q", c.name, got)
		}
	}
}
