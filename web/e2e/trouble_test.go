//go:build linux

package e2e

import (
	"testing"
	"time"
)

func TestASiteThatIsNotListedIsTold(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := setScene(t, b, unlistedName, allowed)
		card := s.insertCard("Robin Example")
		// Firefox lets a page find out why only after a click.
		until(t, "the page has looked for the agent", func() bool {
			return get[string](s.page, `document.getElementById("status").dataset.state`) != "looking"
		}, s.show)
		s.press("signin")
		s.fails("originRefused", "Cardea does not accept this site.")
		s.keep("origin-refused")
		s.helped("error", "/help/agent/originRefused", contacts.LocalAdministrator.Name)
		if s.desk.pinWindowID() != "" || pinsSeen(card) != 0 {
			t.Error("the person or the card was asked for a site that is refused")
		}
	})
}

func TestABrowserThatWasToldNoIsTold(t *testing.T) {
	inChromium(t, func(t *testing.T, b browser) {
		s := setScene(t, b, listedName, denied)
		s.reads("status", "The browser is set not to let this page reach Cardea.")
		s.press("signin")
		s.fails("loopbackDenied", "allow access to apps on this device")
		if s.desk.log("console").length() == 0 {
			t.Error("the browser's console is not written down, and it is searched for the PIN")
		}
		s.keep("loopback-denied")
		s.helped("error", "/help/agent/loopbackDenied", "")
	})
}

func TestTheBrowsersQuestionCanBeDismissedAndThenAllowed(t *testing.T) {
	inChromium(t, func(t *testing.T, b browser) {
		s := setScene(t, b, listedName, toBeAsked)
		s.insertCard("Robin Example")
		s.reads("status", "Your browser may ask")
		get[bool](s.page, countConnections)
		s.press("signin")
		s.browserAsks()
		s.reads("progress", "If your browser asks, choose Allow.")
		s.keep("loopback-question-1-asked")
		s.desk.keys(t, "Escape")
		s.fails("loopbackDismissed", "choose Allow.")
		s.keep("loopback-question-2-dismissed")

		s.press("signin")
		s.browserAsks()
		s.desk.keys(t, "Tab", "Tab", "Tab") // Close, Block, Allow
		s.desk.picture(t, "loopback-question-3-on-allow")
		// The browser takes no answer in its question's first half second.
		until(t, "the page is allowed", func() bool {
			if get[string](s.page, `document.getElementById("progress").dataset.phase`) == "connecting" {
				s.desk.keys(t, "Return")
				return false
			}
			return true
		}, s.show)
		s.askedPIN()
		if n := get[int](s.page, "connections"); n != 2 {
			t.Errorf("two clicks made %d connections", n)
		}
		s.typePIN(s.desk.canary)
		s.at("/home")
		s.stands("present")
	})
}

// countConnections counts the page's own WebSockets. Each that is not allowed
// makes the browser ask.
const countConnections = `
	window.connections = 0;
	window.WebSocket = class extends window.WebSocket {
		constructor(...args) { super(...args); connections++; }
	};
	true`

// browserAsks waits until the browser's question has the keyboard.
func (s *scene) browserAsks() {
	s.t.Helper()
	until(s.t, "the browser asks", func() bool { return get[bool](s.page, "!document.hasFocus()") }, s.show)
}

func TestAnAgentThatDoesNotRunIsTold(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.agent.stop()
		s.goTo(origin(listedName, s.site) + "/")
		s.reads("status", "Cardea does not answer on this computer.")
		s.press("signin")
		s.fails("notRunning", "Cardea does not answer on this computer.")
		s.keep("agent-not-running")
		s.helped("error", "/help/agent/notRunning", "")
		s.startAgent()
		s.agentWrote("tray connected")
		s.reads("status", "Your card is ready.")
		s.signIn()
	})
}

func TestADeskWithoutATrayIsTold(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.desk.tray.stop()
		began := time.Now()
		s.press("signin")
		s.fails("noPromptUI", "Cardea could not show its PIN window.")
		t.Logf("click to noPromptUI: %v", time.Since(began).Round(time.Millisecond))
		s.keep("no-tray")
		s.helped("error", "/help/agent/noPromptUI", contacts.LocalAdministrator.Name)
		place := s.agent.log.length()
		if err := s.desk.startTray(); err != nil {
			t.Fatal(err)
		}
		s.agentWroteAfter(place, "tray connected")
		s.signIn()
	})
}

func TestACardIsAwaited(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.reads("status", "The reader is ready. Put your card in.")
		s.press("signin")
		s.reads("progress", "Put your card in the reader.")
		s.keep("no-card-1-awaited")
		s.insertCard("Robin Example")
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.at("/home")
		s.stands("present")
	})
}

func TestASmartcardServiceThatStoppedIsToldAndAwaited(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.reads("status", "Your card is ready.")
		if err := s.desk.pcscd.Stop(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.desk.pcscd.Restart(); err != nil {
				t.Error(err)
			}
		})
		s.reads("status", "The smartcard service of this computer does not answer.")
		s.press("signin")
		s.reads("progress", "Waiting for a card reader.")
		s.keep("no-service")
		if err := s.desk.pcscd.Restart(); err != nil {
			t.Fatal(err)
		}
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.at("/home")
		s.stands("present")
	})
}
