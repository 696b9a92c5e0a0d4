//go:build linux

package e2e

import (
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/web/portal/store"
)

func TestTheHelpdeskRemovesALostCard(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		lost := s.newCard("Robin Example")
		s.add(t, "Desk Example", store.RoleHelpdesk)
		s.insertCard("Desk Example")
		s.signIn()
		s.press("helpdesk")
		s.at("/helpdesk")
		s.fill("email", emailOf("Nobody Example"))
		s.press("find")
		s.failsIn("problem", "userNotFound", "Nobody has this e-mail address here.")
		s.fill("email", emailOf("Robin Example"))
		s.press("find")
		s.reads("found", "Robin Example")
		s.stands("present")
		s.keep("helpdesk-1-found")

		s.timePasses(notFresh)
		s.goTo(get[string](s.page, "location.href"))
		s.stands("present")
		if get[bool](s.page, `document.querySelector("[id^=open-remove-]") !== null`) {
			t.Error("a card can be removed by who last showed long ago who they are")
		}
		s.press("to-confirm")
		s.at("/confirm")
		s.press("confirm")
		s.askedPIN()
		s.typePIN(s.desk.canary)
		s.reads("found", "Robin Example")
		s.notAsked()

		const reason = "Reported lost on ward 7, ticket 4711"
		s.pressOn("[id^=open-remove-]")
		s.fill(get[string](s.page, `document.querySelector("#card-list [name=reason]").id`), reason)
		s.keep("helpdesk-2-reason")
		s.pressOn("#card-list button.danger")
		s.reads("done", "removed")
		s.mailed(emailOf("Robin Example"), "The helpdesk removed the card")
		s.press("trail")
		s.at("/helpdesk/trail")
		s.reads("lines", reason)
		s.reads("lines", emailOf("Desk Example"))
		s.keep("helpdesk-3-trail")
		s.signOut()

		s.desk.readers[0].Remove()
		s.desk.insert(t, 0, lost)
		s.reads("status", "Your card is ready.")
		s.signsInVain("cardNotRegistered", "register it.")
	})
}

func TestTheHelpdeskDeactivatesAnAccount(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.add(t, "Desk Example", store.RoleHelpdesk)
		s.signInByPassword("Desk Example")
		s.press("helpdesk")
		s.fill("email", emailOf("Robin Example"))
		s.press("find")
		s.reads("found", "Robin Example")
		s.press("open-status")
		s.fill("reason-status", "Left the hospital")
		s.press("set-status")
		s.reads("done", "The account is not active any more.")
		s.signOut()
		s.signsInVain("accountInactive", "Ask your IT team to activate it.")
		s.helped("error", "/help/site/accountInactive", contacts.LocalAdministrator.Name)
	})
}

func TestTheHelpdeskIsClosedToOthers(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.newCard("Sam Other")
		s.signIn()
		if s.text("helpdesk") != "" {
			t.Error("the navigation has a helpdesk")
		}
		s.goTo(origin(listedName, s.site) + "/helpdesk?email=" + emailOf("Sam Other"))
		s.reads("happened", "Your account may not do this.")
		s.reads("main", contacts.LocalAdministrator.Name)
		if text := s.show(); strings.Contains(text, "Sam") {
			t.Errorf("the page shows what was asked for\n%s", text)
		}
	})
}
