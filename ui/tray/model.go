// Package tray shows the state in the system tray: an icon, a tooltip and a
// menu.
//
// [Model] is a pure function from what the agent reported to what is shown, and
// the status window shows the same, because a desktop may have no tray.
// [Adapter] gives it to Fyne and touches the tray only when something changed.
//
// The package never asks the agent for anything and shows nothing that came
// from a page. The model is tested over every state in every language, the
// icons for being told apart without colour; the adapter runs in the test of
// the whole program.
package tray

import (
	"strings"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

// The states that the agent cannot report itself.
const (
	Offline  signin.State = "offline"  // the agent is not reached
	Starting signin.State = "starting" // it is, and has not said anything yet
)

// View is what is shown. Two Views with the same fields look the same.
type View struct {
	State    signin.State
	Headline string // what is
	Advice   string // what to do next
	Readers  string // a line for each reader
	ForIT    string // what the people who look after cards need to know; mostly empty
	Help     string // whom to ask, and by which code; empty when nobody need be asked
	Version  string
}

// Tooltip is the text for the tray's icon.
func (v View) Tooltip() string { return "Cardea: " + v.Headline }

type sentences struct{ is, do translations.Text }

var sentencesOf = map[signin.State]sentences{
	Offline:                    {translations.StateOffline, translations.DoOffline},
	Starting:                   {translations.StateStarting, translations.DoStarting},
	signin.ServiceDown:         {translations.StateServiceDown, translations.DoServiceDown},
	signin.NoReader:            {translations.StateNoReader, translations.DoNoReader},
	signin.NoCard:              {translations.StateNoCard, translations.DoNoCard},
	signin.CardUnreadable:      {translations.StateCardUnreadable, translations.DoCardUnreadable},
	signin.CardUnknown:         {translations.StateCardUnknown, translations.DoCardUnknown},
	signin.NoUsableCertificate: {translations.StateNoUsableCertificate, translations.DoNoUsableCertificate},
	signin.PINBlocked:          {translations.StatePINBlocked, translations.DoPINBlocked},
	signin.Ready:               {translations.StateReady, translations.DoReady},
	signin.Busy:                {translations.StateBusy, translations.DoBusy},
}

// Model derives what is shown from what the agent reported. version is the
// tray's own. A state that it does not know is shown as Starting: the agent may
// be newer.
func Model(r prompt.Report, version string, c *translations.Catalogue) View {
	v := View{State: r.Status.State, Version: c.Say(translations.Version, "version", version)}
	switch {
	case !r.Connected:
		v.State = Offline
	case !r.Known:
		v.State = Starting
	}
	if r.Connected && r.AgentVersion != version {
		v.Version = c.Say(translations.Versions, "version", version, "agent", prompt.Printable(r.AgentVersion))
	}
	s, ok := sentencesOf[v.State]
	if !ok {
		v.State, s = Starting, sentencesOf[Starting]
	}
	v.Headline, v.Advice = c.Say(s.is), c.Say(s.do)
	var lines, forIT []string
	for _, reader := range r.Status.Readers {
		lines = append(lines, c.Say(translations.ReaderLine,
			"reader", prompt.Printable(reader.Name), "what", inReader(reader, c)))
		if reader.ATR != "" {
			forIT = append(forIT, c.Say(translations.StatusForIT, "atr", prompt.Printable(reader.ATR)))
		}
	}
	v.Help = help(v.State, r.Status, c)
	v.Readers, v.ForIT = strings.Join(lines, "\n"), strings.Join(forIT, "\n")
	return v
}

// help names the error that the state is the reason of, as pages show it, and
// whom to ask.
func help(state signin.State, s prompt.Status, c *translations.Catalogue) string {
	code, contact := protocol.CodeOf(state), prompt.Printable(s.Contact)
	if state == Offline {
		code, contact = protocol.CodeNotRunning, "" // nobody told whom
	}
	switch {
	case code == "", state == signin.NoCard: // which needs nobody's help
		return ""
	case contact == "":
		return c.Say(translations.StatusCode, "code", string(code))
	}
	return c.Say(translations.StatusHelp, "code", string(code), "contact", contact)
}

func inReader(r prompt.ReaderStatus, c *translations.Catalogue) string {
	holder := prompt.Printable(r.Holder)
	switch {
	case r.Pending:
		return c.Say(translations.ReaderPending)
	case r.Status == signin.NoCard:
		return c.Say(translations.ReaderEmpty)
	case r.Problem == signin.CodeModuleMissing:
		return c.Say(translations.ReaderNoModule)
	case r.Problem != "":
		return c.Say(translations.ReaderModule)
	case r.Status == signin.CardUnreadable:
		return c.Say(translations.ReaderUnreadable)
	case r.Status == signin.CardUnknown || holder == "":
		return c.Say(translations.ReaderUnknown)
	case r.PIN == signin.PINIsBlocked:
		return c.Say(translations.ReaderBlocked, "holder", holder)
	case r.PIN == signin.PINFinal:
		return c.Say(translations.ReaderFinal, "holder", holder)
	}
	return c.Say(translations.ReaderCard, "holder", holder)
}
