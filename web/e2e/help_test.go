//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/store"
)

// helped follows the link of the error that the element box shows to what the
// site knows about it, and reads that: the same words for what happened, what
// to try, and who helps, which is nobody when contact is empty. The page with
// the error stays as it is.
func (s *scene) helped(box, path, contact string) {
	s.t.Helper()
	happened := get[string](s.page, fmt.Sprintf(`document.querySelector("#%s h2").innerText`, box))
	help := s.follow("#" + box + ` a[href^="/help/"]`)
	defer help.close()
	help.at(path)
	help.reads("happened", happened)
	for _, id := range []string{"try", "helps"} {
		if help.text(id) == "" {
			s.t.Errorf("the page %s says nothing in #%s", path, id)
		}
	}
	help.reads("main", contact)
	if called := help.text("happened"); happened == "" || called != happened {
		s.t.Errorf("the error %q is called %q there", happened, called)
	}
	s.keepOf(help, "help"+strings.ReplaceAll(strings.TrimPrefix(path, "/help"), "/", "-"))
	if again := s.text(box); !strings.Contains(again, happened) {
		s.t.Errorf("the page with the error now reads %q", again)
	}
}

func TestAnErrorLeadsToThePageAboutIt(t *testing.T) {
	for name, failure := range map[string]struct {
		fail func(s *scene)
		// of the page that tells about it
		box, path, contact string
	}{
		"the card has expired": {
			func(s *scene) {
				s.insertCard("Robin Example", virtual.Expired)
				s.reads("status", "This card cannot be used to sign in.")
				s.press("signin")
				s.fails("noUsableCertificate", "Ask for it to be renewed.")
			},
			"error", "/help/agent/noUsableCertificate", contacts.CardIssuer.Name,
		},
		"the card is another organisation's": {
			func(s *scene) {
				s.desk.insert(s.t, 0, s.unregistered("Robin Example", virtual.IssuedBy(virtual.NewCA("Other CA"))))
				s.reads("status", "Your card is ready.")
				s.signsInVain("certificateUntrusted", "Check that it is the right card")
			},
			"error", "/help/site/certificateUntrusted", contacts.SoftwareDesk.Name,
		},
		"the person gives up after a wrong PIN": {
			func(s *scene) {
				s.insertCard("Robin Example")
				s.reads("status", "Your card is ready.")
				s.press("signin")
				s.askedPIN()
				s.typePIN(s.desk.wrong)
				s.askedPIN()
				s.desk.keys(s.t, "Escape")
				s.fails("pinWrong", "2 tries are left.")
			},
			"error", "/help/agent/pinWrong", "",
		},
		"the password is wrong": {
			func(s *scene) {
				s.add(s.t, "Robin Example", store.RoleUser)
				s.fill("email", emailOf("Robin Example"))
				s.fill("password", "four grey geese stay here")
				s.press("signin-password")
				s.failsIn("problem", "credentialsWrong", "ask your IT team")
			},
			"problem", "/help/site/credentialsWrong", contacts.LocalAdministrator.Name,
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachBrowser(t, func(t *testing.T, b browser) {
				s := newScene(t, b)
				failure.fail(s)
				s.notAsked()
				s.helped(failure.box, failure.path, failure.contact)
			})
		})
	}
}

func TestAnAddressThatIsNoneLeadsToAPageThatSaysSo(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.goTo(origin(listedName, s.site) + "/ward7")
		s.reads("happened", "There is no such page.")
		s.reads("try", "Check the address")
	})
}
