//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const note = "blood pressure 120 over 80"

// covered is how long each removal took until the page was covered.
var covered []time.Duration

// removeCard takes the card out and waits until the page is covered.
func (s *scene) removeCard() {
	s.t.Helper()
	began := time.Now()
	s.desk.readers[0].Remove()
	s.stands("putBack")
	took := time.Since(began)
	s.t.Logf("card out to page covered, pcscd's look at the reader every 400 ms included: %v", took.Round(time.Millisecond))
	covered = append(covered, took)
}

// tooSlow tells whether pages were covered later than after a second: the median
// counts, since a busy computer may hold one of them up.
func tooSlow() error {
	slices.Sort(covered)
	if n := len(covered); n > 0 && covered[n/2] > time.Second {
		return fmt.Errorf("of %d removals half were not seen on the page for more than a second: %v", n, covered)
	}
	return nil
}

func TestAPageLocksWhenTheCardGoesAndCarriesOnWhenItIsBack(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		card := s.insertCard("Robin Example")
		s.signIn()
		s.press("note")
		s.notAsked()
		s.desk.write(t, note)
		s.removeCard()
		s.reads("locked", "Put your card back to carry on.")
		s.reads("locked", "Nothing on this page is lost.")
		s.keep("removal-1-locked")

		s.desk.insert(t, 0, card)
		s.reads("locked", "Your card is back.")
		s.askedPIN()
		s.keep("removal-2-card-is-back")
		s.typePIN(s.desk.canary)
		s.stands("present")
		s.notAsked()
		if text := get[string](s.page, `document.getElementById("note").value`); text != note {
			t.Errorf("the note is now %q", text)
		}
		if !get[bool](s.page, `document.activeElement.id === "note"`) {
			t.Error("the keyboard is not where it was")
		}
		s.keep("removal-3-carried-on")
	})
}

func TestAnotherCardIsToldApart(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		card := s.insertCard("Robin Example")
		s.signIn()
		s.removeCard()
		s.insertCard("Sam Other")
		s.reads("locked", "This is another card.")
		s.keep("other-card-1-told")
		s.desk.readers[0].Remove()
		s.desk.insert(t, 0, card)
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.stands("present")
		s.reads("who", "Robin Example")
	})
}

func TestTheNextPageLearnsHowTheSessionStands(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		card := s.insertCard("Robin Example")
		s.signIn()
		s.press("notes")
		s.at("/notes")
		s.stands("present")
		s.reads("who", "Robin Example")
		if n := pinsSeen(card); n != 1 {
			t.Errorf("the next page asked for the PIN again: %d PINs", n)
		}
		s.keep("next-page-1-present")

		s.goTo(blank)
		s.desk.readers[0].Remove()
		s.desk.awaitReader(t, 0, false)
		s.goTo(origin(listedName, s.site) + "/home")
		s.stands("putBack")
		s.keep("next-page-2-card-went-meanwhile")
		s.desk.insert(t, 0, card)
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.stands("present")
	})
}

func TestAnAgentThatWasStartedAgainSignsOut(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.signIn()
		s.agent.kill()
		s.stands("lost")
		s.reads("locked", "This page cannot reach Cardea")
		s.keep("agent-restart-1-lost")
		s.startAgent()
		s.at("/")
		s.reads("ended", "You were signed out because Cardea was started again.")
		s.keep("agent-restart-2-signed-out")
		s.agentWrote("tray connected")
		s.signIn()
	})
}
