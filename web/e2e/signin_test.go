//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// pinsSeen counts how often a card was given a PIN, right or wrong.
func pinsSeen(card *virtual.Card) (n int) {
	const verify, header = 0x20, 5 // a VERIFY without a PIN asks for the tries left
	for _, e := range card.Trace() {
		if e.INS() == verify && e.Length > header {
			n++
		}
	}
	return n
}

// age is how long ago a line of a log was written.
func age(t *testing.T, line string) time.Duration {
	t.Helper()
	stamp, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
	written, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		t.Fatal(err)
	}
	return time.Since(written)
}

func TestAPersonSignsInWithCardAndPIN(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		card := s.insertCard("Robin Example")
		s.reads("status", "Your card is ready.")
		s.keep("sign-in-1-page")

		began := time.Now()
		s.press("signin")
		until(t, "the PIN window is shown", func() bool { return s.desk.pinWindowID() != "" }, s.desk.windowNames)
		t.Logf("click to PIN window on the screen: %v", time.Since(began).Round(time.Millisecond))
		s.reads("progress", "Look for the PIN window, and type your PIN there.")
		s.askedPIN()
		s.desk.write(t, s.desk.canary)
		s.keep("sign-in-2-pin-typed")
		s.desk.keys(t, "Return")
		s.at("/home")
		s.stands("present")
		s.reads("who", "Robin Example")
		s.notAsked()
		s.keep("sign-in-3-signed-in")
		if card.PINVerified() {
			t.Error("the card still has the PIN verified: any program could sign")
		}
		audit, err := os.ReadFile(filepath.Join(s.desk.dir, "state", "cardea", "audit.log"))
		if want := `"origin":"` + origin(listedName, s.site) + `","outcome":"ok"`; err != nil || !strings.Contains(string(audit), want) {
			t.Errorf("the audit log does not tell of the sign-in: %v\n%s", err, audit)
		}
		s.press("signout")
		s.at("/")
		s.reads("ended", "You are signed out.")
	})
}

func TestKeysThatWereMeantForThePageAreNoPIN(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		card := s.insertCard("Robin Example")
		s.reads("status", "Your card is ready.")
		s.press("signin")
		shown := s.trayWrote("window shown")
		if _, err := s.desk.command("xdotool", "search", "--onlyvisible", "--name", pinWindow,
			"windowfocus", "--sync", "key", "--delay", "5", "0", "0", "0", "0"); err != nil {
			t.Fatal("xdotool: ", err)
		}
		const guard, margin = 500 * time.Millisecond, 100 * time.Millisecond
		if took := age(t, shown); took > guard-margin {
			t.Skipf("this machine is too busy to type within the window's first half second: it took %v", took)
		}
		s.desk.picture(t, "too-early-1-window")
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.at("/home")
		if n := pinsSeen(card); n != 1 {
			t.Errorf("the card was given %d PINs", n)
		}
	})
}

func TestAWrongPINAsksAgainWithTheNewCount(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		card := s.insertCard("Robin Example")
		s.reads("status", "Your card is ready.")
		s.press("signin")
		s.askedPIN()
		s.typePIN(s.desk.wrong)
		s.askedPIN()
		s.reads("progress", "Wrong PIN, 2 tries left.")
		s.keep("wrong-pin-1-asked-again")
		if left, _ := card.TriesLeft(); left != 2 {
			t.Errorf("the card has %d tries left", left)
		}
		s.typePIN(s.desk.canary)
		s.at("/home")
		s.stands("present")
	})
}

func TestTheLastTryNeedsAnExtraYesAndBlocksTheCard(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		card := s.insertCard("Robin Example", virtual.OneTryLeft)
		s.reads("status", "One try is left before its PIN is blocked.")
		s.press("signin")
		s.askedPIN()
		s.typePIN(s.desk.wrong) // not sent: there was no yes
		s.desk.picture(t, "last-try-1-needs-a-yes")
		s.desk.keys(t, "shift+Tab", "space")
		s.desk.picture(t, "last-try-2-yes")
		if n := pinsSeen(card); n != 0 {
			t.Error("the last try was spent without a yes")
		}
		s.desk.keys(t, "Tab", "Return")
		s.fails("pinBlocked", "Ask for the card to be unblocked.")
		s.notAsked()
		s.reads("status", "The PIN of this card is blocked.")
		s.keep("last-try-3-blocked")
		s.helped("error", "/help/agent/pinBlocked", contacts.CardIssuer.Name)
		if n := pinsSeen(card); n != 1 {
			t.Errorf("the card was given %d PINs", n)
		}

		s.press("signin")
		s.fails("pinBlocked", "Ask for the card to be unblocked.")
	})
}

func TestAPersonChoosesOneOfTwoCards(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.desk.insert(t, 1, s.newCard("Sam Other"))
		s.knowsCards(2)
		s.press("signin")
		s.reads("progress", "choose your card in it.")
		s.askedPIN()
		s.keep("two-cards-1-choose")
		s.desk.keys(t, "Tab", "Tab", "Return")
		s.askedPIN()
		s.desk.picture(t, "two-cards-2-pin")
		s.typePIN(s.desk.canary)
		s.at("/home")
		s.reads("who", "Sam Other")
	})
}

func TestTheKeyboardIsEnough(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.reads("status", "Your card is ready.")
		s.tabTo("signin")
		s.desk.keys(t, "Return")
		s.askedPIN()
		s.desk.write(t, s.desk.canary)
		s.desk.keys(t, "Tab", "Tab")
		s.desk.picture(t, "keyboard-1-on-ok")
		s.desk.keys(t, "Return")
		s.at("/home")
		s.stands("present")
		s.tabTo("signout")
		s.keep("keyboard-2-on-sign-out")
		s.desk.keys(t, "Return")
		s.at("/")
		s.reads("ended", "You are signed out.")
	})
}

// tabTo presses Tab until the element with an id has the keyboard.
func (s *scene) tabTo(id string) {
	s.t.Helper()
	const most = 40 // the browser's own controls come first
	for range most {
		if get[bool](s.page, `document.hasFocus() && document.activeElement.id === "`+id+`"`) {
			return
		}
		s.desk.keys(s.t, "Tab")
	}
	s.t.Fatalf("%d times Tab do not lead to %s: %s", most, id, get[string](s.page, `document.activeElement?.outerHTML`))
}

func TestTheProgramsThatSeeThePINLeaveNoCoreDump(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		for _, p := range []*program{s.agent, s.desk.tray} {
			limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(limits)) {
				if name, values, found := strings.Cut(line, "core file size"); found && name == "Max " {
					if f := strings.Fields(values); f[0] != "0" || f[1] != "0" {
						t.Errorf("%s: %s", p.name, line)
					}
				}
			}
		}
	})
}

func TestAWindowGoesWithWhatAskedForIt(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		told := func(s *scene) { s.fails("cancelled", "Nothing was sent.") }
		notTold := func(s *scene) { // the person knows: they did it here
			s.reads("signin", "Sign in with your card")
			if text := s.text("error"); text != "" {
				s.t.Error(text)
			}
		}
		for name, cancel := range map[string]struct {
			do  func(s *scene)
			end func(s *scene) // what the page says then
		}{
			"Escape in the window": {func(s *scene) { s.desk.keys(t, "Escape") }, told},
			"the window is closed": {func(s *scene) { s.desk.keys(t, "alt+F4") }, told},
			"Cancel on the page":   {func(s *scene) { s.press("cancel") }, notTold},
			"the tab is closed":    {func(s *scene) { s.close() }, nil},
			"the page is left":     {func(s *scene) { s.goTo(blank) }, nil},
		} {
			t.Run(name, func(t *testing.T) {
				s := newScene(t, b)
				card := s.insertCard("Robin Example")
				s.reads("status", "Your card is ready.")
				s.press("signin")
				s.askedPIN()
				s.desk.write(t, "12")
				cancel.do(s)
				s.notAsked()
				if cancel.end != nil {
					cancel.end(s)
				}
				if n := pinsSeen(card); n != 0 {
					t.Error("the card was given a PIN")
				}
				if name == "Escape in the window" {
					s.keep("cancelled-1-page")
					s.signIn()
				}
			})
		}
	})
}
