package tray

import (
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

var english = translations.For("en")

func report(state signin.State, readers ...prompt.ReaderStatus) prompt.Report {
	return prompt.Report{Connected: true, Known: true, AgentVersion: "1",
		Status: prompt.Status{State: state, Readers: readers}}
}

func TestEveryStateHasWordsAndAnIconOfItsOwn(t *testing.T) {
	for _, lang := range []string{"en", "cy"} {
		headlines := map[string]signin.State{}
		for state := range sentencesOf {
			r := report(state)
			if state == Offline {
				r = prompt.Report{}
			}
			if state == Starting {
				r.Known = false
			}
			v := Model(r, "1", translations.For(lang))
			if v.State != state || v.Headline == "" || v.Advice == "" {
				t.Errorf("%s: %s is shown as %+v", lang, state, v)
			}
			if other, ok := headlines[v.Headline]; ok {
				t.Errorf("%s: %s and %s say the same", lang, state, other)
			}
			headlines[v.Headline] = state
			if len(Icon(v.State).Content()) == 0 {
				t.Errorf("no icon for %s", state)
			}
		}
	}
}

func TestAStateOfANewerAgentIsNotGuessed(t *testing.T) {
	if v := Model(report("onFire"), "1", english); v.State != Starting {
		t.Errorf("shown as %+v", v)
	}
}

func TestAReadersLineSaysWhatIsInIt(t *testing.T) {
	ready := prompt.ReaderStatus{Name: "R", Status: signin.Ready, Holder: "Alex", Expiry: time.Now()}
	with := func(change func(*prompt.ReaderStatus)) prompt.ReaderStatus {
		r := ready
		change(&r)
		return r
	}
	for want, r := range map[string]prompt.ReaderStatus{
		"R: card of Alex":                                ready,
		"R: card of Alex, blocked":                       with(func(r *prompt.ReaderStatus) { r.PIN = signin.PINIsBlocked }),
		"R: card of Alex, one PIN try left":              with(func(r *prompt.ReaderStatus) { r.PIN = signin.PINFinal }),
		"R: reading the card…":                           with(func(r *prompt.ReaderStatus) { r.Pending = true }),
		"R: no card":                                     {Name: "R", Status: signin.NoCard},
		"R: card cannot be read":                         {Name: "R", Status: signin.CardUnreadable},
		"R: card is not known":                           {Name: "R", Status: signin.CardUnknown},
		"R: the software for this card is not installed": {Name: "R", Status: signin.CardUnknown, Problem: signin.CodeModuleMissing},
		"R: the software for this card failed":           {Name: "R", Status: signin.CardUnreadable, Problem: signin.CodeModuleFailed},
		"R\uFFFD: card of A\uFFFDlex":                    {Name: "R\x1b", Status: signin.Ready, Holder: "A\u202Elex"},
	} {
		if got := Model(report(signin.Ready, r), "1", english).Readers; got != want {
			t.Errorf("%+v gives %q, want %q", r, got, want)
		}
	}
}

func TestOfACardThatIsNotKnownTheITTeamIsToldTheATR(t *testing.T) {
	r := prompt.ReaderStatus{Name: "R", Status: signin.CardUnknown, ATR: "3B 6A 00\x1b"}
	if got := Model(report(signin.CardUnknown, r), "1", english).ForIT; !strings.Contains(got, "IT team") || !strings.Contains(got, "ATR 3B 6A 00\uFFFD") {
		t.Errorf("got %q", got)
	}
	if got := Model(report(signin.Ready, prompt.ReaderStatus{Name: "R", Status: signin.Ready, Holder: "Alex"}), "1", english).ForIT; got != "" {
		t.Errorf("of a card that is known: %q", got)
	}
}

func TestDifferentVersionsAreBothShown(t *testing.T) {
	if v := Model(report(signin.Ready), "1", english).Version; strings.Contains(v, "agent") {
		t.Errorf("the same version twice: %q", v)
	}
	if v := Model(report(signin.Ready), "2", english).Version; v != "Cardea 2, agent 1" {
		t.Errorf("version line %q", v)
	}
}

func TestWhatKeepsPeopleFromSigningInHasTheCodeOfPagesAndSomebodyToAsk(t *testing.T) {
	for state := range sentencesOf {
		r := report(state)
		switch state {
		case Offline:
			r = prompt.Report{}
		case Starting:
			r.Known = false
		}
		r.Status.Contact = "Card office\x1b"
		got := Model(r, "1", english).Help
		code := protocol.CodeOf(state)
		if state == Offline {
			code = protocol.CodeNotRunning
		}
		usable := state == signin.Ready || state == signin.Busy || state == signin.NoCard || state == Starting
		if usable != (got == "") || !usable && !strings.Contains(got, string(code)) {
			t.Errorf("%s: %q", state, got)
		}
		if _, known := protocol.Errors[code]; !known && !usable {
			t.Errorf("%s has the code %q, which pages do not know", state, code)
		}
		if named := strings.Contains(got, "Card office\uFFFD"); named != (!usable && state != Offline) {
			t.Errorf("%s: %q", state, got)
		}
	}
}
