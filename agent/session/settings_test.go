package session_test

import (
	"strings"
	"testing"
)

func TestASessionEndsWhenTheLimitOfThePolicyIsOver(t *testing.T) {
	w := newWardOf(t, rules+"[session]\nlimit = \"1s\"\n")
	w.startTray()
	w.slot.Insert(w.card)
	p := w.open(origin)
	_, id := w.signIn(p)
	p.hears("ended")
	if m := p.call("attach", map[string]any{"session": id}); !strings.Contains(string(m.Result), `"state":"ended"`) {
		t.Errorf("the next page hears %s %+v", m.Result, m.Error)
	}
}

func TestASiteThatSignsOutOnRemovalDoesSoWhereOthersLock(t *testing.T) {
	w := newWardOf(t, rules+"[[origin]]\nurl = \"https://kiosk.example\"\nremoval = {action = \"signOut\", grace = \"0s\"}\n")
	w.startTray()
	w.slot.Insert(w.card)
	kiosk, other := w.open("https://kiosk.example"), w.open(origin)
	w.signIn(kiosk)
	w.signIn(other)
	w.slot.Remove()
	kiosk.hears("cardRemoved", "ended")
	other.hears("cardRemoved", "locked")
}
