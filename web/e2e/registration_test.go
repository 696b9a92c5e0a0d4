//go:build linux

package e2e

import (
	"testing"

	"github.com/cardea-agent/cardea/web/portal/store"
)

// finds waits until a prerequisite of the registration is found to be so.
func (s *scene) finds(prerequisite, finding string) {
	s.t.Helper()
	until(s.t, prerequisite+" is "+finding, func() bool {
		return get[string](s.page, `document.getElementById("check-`+prerequisite+`")?.dataset.finding ?? ""`) == finding
	}, s.show)
}

// thirdStep signs somebody in who has an account and no card, and leads them to
// the last step of a registration.
func (s *scene) thirdStep(name, card string) {
	s.t.Helper()
	s.add(s.t, name, store.RoleUser)
	s.signInByPassword(name)
	s.press("register")
	s.at("/register")
	s.finds("policyAccepted", "missing")
	s.press("to-policy")
	s.at("/policy")
	s.press("accept")
	s.at("/register")
	s.finds("policyAccepted", "met")
	s.fill("name", card)
	s.press("choose")
	s.reads("main", "Put the card “"+card+"” in the reader.")
}

func TestACardIsRegisteredInThreeSteps(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		card := s.unregistered("Robin Example")
		s.desk.insert(t, 0, card)
		s.signsInVain("cardNotRegistered", "Sign in with your e-mail address and password, and register it.")

		s.thirdStep("Robin Example", "Blue card")
		for _, prerequisite := range []string{"accountActive", "policyAccepted", "agentFound", "browserFit", "cardReadable"} {
			s.finds(prerequisite, "met")
		}
		s.keep("register-1-third-step")
		s.press("register-card")
		s.askedPIN()
		s.desk.write(t, s.desk.canary)
		s.keep("register-2-pin-typed")
		s.desk.keys(t, "Return")
		s.at("/registered")
		s.stands("present")
		s.notAsked()
		s.reads("main", "From now on you can sign in with it and its PIN.")
		s.mailed("A card was registered to your account", "Blue card")
		s.keep("register-3-registered")

		s.removeCard() // the session is the card's from now on
		s.desk.insert(t, 0, card)
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.stands("present")
		s.signOut()
		s.signIn()
		s.reads("who", "Blue card")
	})
}

func TestARegistrationIsTakenUpAgain(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.thirdStep("Robin Example", "Blue card")
		s.finds("cardReadable", "unknown")
		s.goTo(origin(listedName, s.site) + "/notes") // away from it
		s.signOut()

		s.signInByPassword("Robin Example")
		s.press("register")
		s.reads("main", "Put the card “Blue card” in the reader.")
		s.keep("register-again-1-third-step")
		s.press("register-card")
		s.reads("progress", "Put your card in the reader.")
		s.desk.insert(t, 0, s.unregistered("Robin Example"))
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.at("/registered")
		s.stands("present")
	})
}

func TestARegistrationNeedsAnAgent(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.agent.stop()
		s.thirdStep("Robin Example", "Blue card")
		s.finds("agentFound", "missing")
		s.reads("check-agentFound", "Cardea does not answer on this computer.")
		s.keep("register-no-agent")
		s.startAgent()
		s.agentWrote("tray connected")
		s.finds("agentFound", "met")
		s.desk.insert(t, 0, s.unregistered("Robin Example"))
		s.finds("cardReadable", "met")
		s.press("register-card")
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.at("/registered")
		s.stands("present")
	})
}
