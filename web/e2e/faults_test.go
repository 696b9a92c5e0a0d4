//go:build linux

package e2e

import (
	"os"
	"slices"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// trial is somebody's work that something goes wrong with.
type trial struct {
	*scene
	card    *virtual.Card
	held    *halt // where the card or the site is held up; nil if nothing is
	lastTry bool  // the card has one try left
}

// point is a moment of somebody's work. What is seen after a fault ends when
// the person has gone on and is signed in.
type point struct {
	name  string
	reach func(f *trial)
	// The card was pulled. nil: there is none in the reader at this moment.
	pulled func(f *trial)
	// The agent was killed, and is to be started again.
	killed func(f *trial)
	// The card and the agent alone know of this moment: one browser is enough.
	inside bool
}

func TestACardMayBePulledAtAnyMoment(t *testing.T) {
	eachPoint(t, func(p point) func(f *trial) {
		if p.pulled == nil {
			return nil
		}
		return func(f *trial) {
			f.desk.readers[0].Remove()
			f.desk.awaitReader(f.t, 0, false)
			p.pulled(f)
		}
	})
}

func TestTheAgentMayBeStartedAgainAtAnyMoment(t *testing.T) {
	eachPoint(t, func(p point) func(f *trial) {
		return func(f *trial) {
			f.agent.kill()
			p.killed(f)
		}
	})
}

// eachPoint lets the same fault happen at every point in Chromium, and in
// Firefox where the page is in the middle of something: all points there too
// take two minutes more, and CARDEA_E2E_ALL=1. fault returns what happens, nil
// if nothing can.
func eachPoint(t *testing.T, fault func(p point) (happen func(f *trial))) {
	t.Helper()
	eachBrowser(t, func(t *testing.T, b browser) {
		_, whole := b.(*chromium)
		whole = whole || os.Getenv("CARDEA_E2E_ALL") != ""
		for _, p := range slices.Concat(points, laterPoints) {
			happen := fault(p)
			if happen == nil || p.inside && !whole {
				continue
			}
			t.Run(p.name, func(t *testing.T) {
				s := newScene(t, b)
				f := &trial{scene: s, card: s.newCard("Robin Example")}
				p.reach(f)
				happen(f)
				f.isOver()
			})
		}
	})
}

// isOver looks at what must be true after all of them.
func (f *trial) isOver() {
	f.t.Helper()
	f.stands("present")
	f.notAsked()
	until(f.t, "the card has forgotten the PIN", func() bool { return !f.card.PINVerified() }, f.show)
}

// insert puts the card in.
func (f *trial) insert() {
	f.t.Helper()
	f.desk.insert(f.t, 0, f.card)
}

// ready puts the card in, on the sign-in page.
func (f *trial) ready() {
	f.t.Helper()
	f.insert()
	f.reads("status", "Your card is ready.")
}

// asks goes as far as the PIN window.
func (f *trial) asks() {
	f.t.Helper()
	f.ready()
	f.press("signin")
	f.askedPIN()
}

// atCommand holds the card up at a command to come. It waits until what happens
// before is done by whoever calls it.
func (f *trial) atCommand(fault func(virtual.Action) virtual.Fault) {
	f.held = newHalt(f.t)
	f.card.Script(fault(virtual.Hold(f.held.stop)))
}

// The commands of a sign-in after the window has opened: the tries left are
// asked again, the PIN is sent, the key signs, the PIN is forgotten.
const insSign = 0x87

func tries(a virtual.Action) virtual.Fault   { return virtual.On(verifyPIN, a) }
func pinSent(a virtual.Action) virtual.Fault { return virtual.On(verifyPIN, a).Skip(1) }
func signs(a virtual.Action) virtual.Fault   { return virtual.On(insSign, a) }
func forgets(a virtual.Action) virtual.Fault { return virtual.On(verifyPIN, a).Skip(2) }

// reading is the first command that a card gets.
func reading(a virtual.Action) virtual.Fault { return virtual.At(1, a) }

// holdAt types the PIN, and holds the card up at a command of the sign-in.
func (f *trial) holdAt(fault func(virtual.Action) virtual.Fault) {
	f.t.Helper()
	f.atCommand(fault)
	f.typePIN(f.desk.canary)
	f.await(f.held, "the card")
}

// holdSite types the PIN, and holds the site's answer to what follows up.
func (f *trial) holdSite(path string) {
	f.t.Helper()
	f.held = f.holdAnswer(path)
	f.typePIN(f.desk.canary)
	f.await(f.held, "the site")
}

// enterPIN types the PIN into the window, and says yes to the last try.
func (f *trial) enterPIN() {
	f.t.Helper()
	f.askedPIN()
	f.desk.write(f.t, f.desk.canary)
	if f.lastTry {
		f.desk.keys(f.t, "shift+Tab", "space", "Tab")
		f.lastTry = false
	}
	f.desk.keys(f.t, "Return")
}

// again waits until no window is left of before, and puts the card back.
func (f *trial) again() {
	f.t.Helper()
	f.notAsked()
	f.asked = f.desk.tray.log.length()
	f.insert()
}

// starts starts the agent again when no window is left of before.
func (f *trial) starts() {
	f.t.Helper()
	if f.held != nil {
		f.held.resume()
	}
	f.notAsked()
	f.asked = f.desk.tray.log.length()
	f.startAgent()
	f.agentWrote("tray connected")
}

// signsIn signs in from the sign-in page.
func (f *trial) signsIn() {
	f.t.Helper()
	f.reads("status", "Your card is ready.")
	f.press("signin")
	f.enterPIN()
	f.at("/home")
}

// What is seen after a fault.

// goesOn: the request waits for the card, asks again, and leads to a page.
func goesOn(to string) func(f *trial) {
	return func(f *trial) {
		f.t.Helper()
		f.reads("progress", "Put your card in the reader.")
		f.again()
		f.enterPIN()
		f.at(to)
	}
}

// locks: the page behind the sign-in is covered until the card is back.
func locks(f *trial) {
	f.t.Helper()
	f.stands("putBack")
	f.reads("locked", "Put your card back to carry on.")
	f.again()
	f.enterPIN()
}

// failed: the request has failed, and the next one does not.
func failed(f *trial) {
	f.t.Helper()
	f.fails("agentLost", "Wait a moment and try again.")
	f.starts()
	f.signsIn()
}

// signsOut: the page is covered, and the new agent knows nothing of a session.
func signsOut(f *trial) {
	f.t.Helper()
	f.stands("lost")
	f.reads("locked", "This page cannot reach Cardea")
	f.starts()
	f.at("/")
	f.reads("ended", "You were signed out because Cardea was started again.")
	f.signsIn()
}
