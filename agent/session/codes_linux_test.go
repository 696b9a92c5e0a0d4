package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/desktop"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/session"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// makes has a page of a whole agent get each code once, from a real request over
// a real connection. What it returns is the answer that should have the code.
var makes = map[signin.Code]func(t *testing.T) message{
	signin.CodeCancelled: func(t *testing.T) message {
		w, p := newRequest(t, nil)
		id := p.send("authenticate", map[string]any{"nonce": nonce()})
		w.asked().Cancel()
		return p.answer(id)
	},
	signin.CodeTimedOut: func(t *testing.T) message {
		w, p := newRequest(t, nil)
		id := p.send("authenticate", map[string]any{"nonce": nonce(), "timeoutSeconds": 5}) // time enough to be asked
		w.asked()
		return p.answer(id)
	},
	signin.CodeBusy: func(t *testing.T) message {
		w, p := newRequest(t, nil)
		first := w.open(origin)
		first.send("authenticate", map[string]any{"nonce": nonce()})
		w.asked()
		return p.call("authenticate", map[string]any{"nonce": nonce()})
	},
	signin.CodeSessionLocked: func(t *testing.T) message {
		locked := func(context.Context) (desktop.Session, error) {
			return desktop.Session{Kind: desktop.AtScreen, Locked: true}, nil
		}
		_, p := newRequest(t, func(c *session.Config) { c.Desktop = locked })
		return p.call("authenticate", map[string]any{"nonce": nonce()})
	},
	signin.CodeNoService: func(t *testing.T) message {
		w, p := newRequest(t, nil)
		w.driver.Driver.(*virtual.Manager).StopService()
		w.awaitState(signin.ServiceDown)
		return p.call("authenticate", patient())
	},
	signin.CodeNoReader: func(t *testing.T) message {
		w, p := newRequest(t, nil)
		w.driver.Driver.(*virtual.Manager).RemoveReader("Reader 1")
		w.awaitState(signin.NoReader)
		return p.call("authenticate", patient())
	},
	signin.CodeNoCard: func(t *testing.T) message {
		w, p := newRequest(t, nil)
		w.slot.Remove()
		w.awaitState(signin.NoCard)
		return p.call("authenticate", patient())
	},
	signin.CodeCardRemoved: func(t *testing.T) message {
		w, p := newRequest(t, nil)
		id := p.send("authenticate", map[string]any{"nonce": nonce(), "timeoutSeconds": 5}) // and for the agent to see it go
		w.asked()
		w.slot.Remove()
		return p.answer(id)
	},
	signin.CodeCardUnreadable: func(t *testing.T) message {
		return withCard(t, virtual.Dead(), signin.CardUnreadable, patient())
	},
	signin.CodeCardUnknown: func(t *testing.T) message {
		return withCard(t, virtual.Foreign(), signin.CardUnknown, patient())
	},
	signin.CodeNoUsableCertificate: func(t *testing.T) message {
		return withCard(t, virtual.P256("Anna Example").With(virtual.Expired), signin.NoUsableCertificate, map[string]any{"nonce": nonce()})
	},
	signin.CodePINWrong: func(t *testing.T) message {
		w, p := newRequest(t, nil)
		id := p.send("authenticate", map[string]any{"nonce": nonce()})
		w.asked().Type("000000")
		w.asked().Cancel()
		return p.answer(id)
	},
	signin.CodePINBlocked: func(t *testing.T) message {
		return withCard(t, virtual.P256("Anna Example").With(virtual.BlockedPIN), signin.PINBlocked, map[string]any{"nonce": nonce()})
	},
	signin.CodePINNotSet: func(t *testing.T) message {
		return withCard(t, virtual.P256("Anna Example").With(virtual.PINNotSet), signin.Ready, map[string]any{"nonce": nonce()})
	},
	signin.CodeModuleMissing: func(t *testing.T) message {
		list, err := cards.Parse(fmt.Appendf(nil, "[[module]]\nid = \"none\"\nname = \"None\"\nfiles = {linux = [\"/nowhere/none.so\"]}\n"+
			"[[card]]\nid = \"card\"\nname = \"Card\"\natr = \"% X\"\nspeak = \"pkcs11\"\nmodules = [\"none\"]\n", virtual.Foreign().ATR))
		if err != nil {
			t.Fatal(err)
		}
		w, p := newRequest(t, func(c *session.Config) { c.List = list })
		w.insert(virtual.Foreign(), signin.CardUnknown)
		return p.call("authenticate", map[string]any{"nonce": nonce()})
	},
	signin.CodeModuleFailed: func(t *testing.T) message {
		w, module := newModuleWard(t)
		p := w.open(origin)
		module.Always(t, "C_Initialize crashes", 1)
		w.slot.Insert(w.card)
		return p.call("authenticate", map[string]any{"nonce": nonce()})
	},
	signin.CodeNoPromptUI: func(t *testing.T) message {
		w := newWard(t) // no tray
		w.slot.Insert(w.card)
		return w.open(origin).call("authenticate", map[string]any{"nonce": nonce()})
	},
	signin.CodeNotPermitted: func(t *testing.T) message {
		_, p := newRequest(t, nil)
		return p.call("getSigningCertificate", map[string]any{})
	},
	signin.CodeInvalidRequest: func(t *testing.T) message {
		_, p := newRequest(t, nil)
		return p.call("authenticate", map[string]any{"nonce": "short"})
	},
	signin.CodeSessionUnknown: func(t *testing.T) message {
		_, p := newRequest(t, nil)
		return p.call("attach", map[string]any{"session": strings.Repeat("A", 26)})
	},
	signin.CodeInternal: func(t *testing.T) message {
		w, p := newRequest(t, nil)
		w.insert(virtual.P256("Anna Example").With(virtual.OneTryLeft), signin.Ready)
		id := p.send("authenticate", map[string]any{"nonce": nonce()})
		w.asked().TypeWithout(canary) // a tray that does not ask for the extra yes
		return p.answer(id)
	},
	protocol.CodeUnsupported: func(t *testing.T) message {
		_, p := newRequest(t, nil)
		return p.call("dance", map[string]any{})
	},
	protocol.CodeVersionTooOld: func(t *testing.T) message {
		w := newWard(t)
		conn, _, err := w.dial(origin)
		if err != nil {
			t.Fatal(err)
		}
		p := w.read(conn)
		return p.call("hello", map[string]any{"client": "old/0", "protocol": 0})
	},
}

// patient are the params of a sign-in that waits a second for what does not come.
func patient() map[string]any { return map[string]any{"nonce": nonce(), "timeoutSeconds": 1} }

// newRequest is a ward with a tray and a card that is ready, and a page of it.
func newRequest(t *testing.T, change func(*session.Config)) (*ward, *page) {
	t.Helper()
	manager := virtual.NewManager()
	w := newWardWith(t, manager, manager.AddReader("Reader 1"), change)
	w.startTray()
	p := w.open(origin)
	w.slot.Insert(w.card)
	w.awaitState(signin.Ready)
	return w, p
}

// insert changes the card for another one, and waits until it is known.
func (w *ward) insert(profile virtual.Profile, state signin.State) {
	w.t.Helper()
	w.slot.Remove()
	w.awaitState(signin.NoCard)
	w.card = virtual.NewCard(w.ca, profile)
	w.slot.Insert(w.card)
	w.awaitState(state)
}

// awaitState waits until pages are told a state.
func (w *ward) awaitState(want signin.State) {
	w.t.Helper()
	p := w.open("https://notes.example")
	defer p.conn.CloseNow()
	state := func(b []byte) signin.State {
		var snapshot protocol.Snapshot
		if err := json.Unmarshal(b, &snapshot); err != nil {
			w.t.Fatal(err)
		}
		return snapshot.State
	}
	timeout := time.After(limit)
	for got := state(p.call("watch", map[string]any{}).Result); got != want; {
		select {
		case m := <-p.notes:
			if m.Method == protocol.NotifyStatus {
				got = state(m.Params)
			}
		case <-timeout:
			w.t.Fatalf("the state is %s, want %s", got, want)
		}
	}
}

// withCard asks for a sign-in with a card that cannot.
func withCard(t *testing.T, profile virtual.Profile, state signin.State, params map[string]any) message {
	t.Helper()
	w, p := newRequest(t, nil)
	w.insert(profile, state)
	return p.call("authenticate", params)
}

func TestEveryCodeOfTheAgentsCanBeMade(t *testing.T) {
	for code, row := range protocol.Errors {
		if row.By == protocol.ByAgent && makes[code] == nil {
			t.Errorf("no test makes %s", code)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(makes)) {
		t.Run(string(code), func(t *testing.T) {
			m := makes[code](t)
			row := protocol.Errors[code]
			if m.code() != string(code) {
				t.Fatalf("the page got %q %s", m.code(), m.Result)
			}
			for name := range m.Error.Data.Params {
				if !slices.ContainsFunc(row.Params, func(p protocol.Param) bool { return p.Name == name }) {
					t.Errorf("the parameter %s is not in the table", name)
				}
			}
			for _, param := range row.Params {
				if _, there := m.Error.Data.Params[param.Name]; !there && !param.Optional {
					t.Errorf("the parameter %s is missing", param.Name)
				}
			}
		})
	}
}
