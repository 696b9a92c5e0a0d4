//go:build linux

package e2e

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/verify"
)

// notFresh is after how long somebody has to show again who they are.
const notFresh = 6 * time.Minute

func TestAPersonRemovesTheCardTheyAreSignedInWith(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.signIn()
		s.timePasses(notFresh)
		s.press("cards")
		s.at("/cards")
		s.reads("card-list", "You are signed in with this card.")
		s.stands("present")
		s.keep("own-card-1-list")
		s.pressOn("#card-list a.button")
		s.at("/confirm")
		s.reads("main", "show once more that it is you")
		s.press("confirm")
		s.askedPIN()
		s.keep("own-card-2-confirm")
		s.typePIN(s.desk.canary)
		s.reads("this-one", "Removing it signs you out at once.")
		s.notAsked()
		s.keep("own-card-3-remove")
		s.press("remove")
		s.at("/")
		s.reads("ended", "You removed the card that you were signed in with, and are signed out.")
		s.mailed("A card was removed from your account")

		s.signsInVain("cardNotRegistered", "Sign in with your e-mail address and password, and register it.")
		s.helped("error", "/help/site/cardNotRegistered", "")
		s.signInByPassword("Robin Example")
	})
}

func TestAPersonRemovesASpareCardWithTheirPassword(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		s.insertCard("Robin Example")
		s.register(t, "Robin Example", s.desk.cards.Certificate.Subject.CommonName, s.unregistered("Spare"))
		s.signIn()
		s.timePasses(notFresh)
		s.press("cards")
		s.at("/cards")
		s.pressOn("#card-list li:nth-child(2) a.button")
		s.at("/confirm")
		s.fill("password", "four grey geese stay here")
		s.press("confirm-password")
		s.failsIn("problem", "credentialsWrong", "The e-mail address or the password is not right.")
		s.fill("password", password)
		s.press("confirm-password")
		s.reads("main", "Remove this card")
		s.press("remove")
		s.at("/cards")
		s.reads("done", "The card was removed.")
		s.stands("present") // the other card began the session
		if n := get[int](s.page, `document.querySelectorAll("#card-list > li").length`); n != 1 {
			t.Errorf("%d cards are left", n)
		}
	})
}

// signsInVain has the card in the reader refused by the site.
func (s *scene) signsInVain(code, text string) {
	s.t.Helper()
	s.reads("status", "Your card is ready.")
	s.press("signin")
	s.askedPIN()
	s.typePIN(s.desk.canary)
	s.fails(code, text)
	s.notAsked()
	s.at("/")
}

func TestACardThatWasReportedLostIsRefused(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		ca := open(t).cards
		ocsp, crl := httptest.NewServer(ca.OCSPHandler()), httptest.NewServer(ca.CRLHandler())
		t.Cleanup(ocsp.Close)
		t.Cleanup(crl.Close)
		cancelled := func(s *scene) { s.signsInVain("certificateRevoked", "Ask for a new one.") }

		t.Run("by OCSP, from one sign-in to the next", func(t *testing.T) {
			s := newScene(t, b, func(c *verify.Config) {
				c.Revocation = verify.Revocation{Mode: verify.RevocationHardFail, OCSP: true, OCSPURL: ocsp.URL}
			})
			card := s.insertCard("Robin Example")
			s.signIn()
			s.signOut()
			ca.Revoke(card.Certificate(virtual.Authentication))
			cancelled(s)
			s.keep("lost-card-1-refused")
			s.helped("error", "/help/site/certificateRevoked", contacts.CardIssuer.Name)
		})
		t.Run("by OCSP, while the page is locked", func(t *testing.T) {
			s := newScene(t, b, func(c *verify.Config) {
				c.Revocation = verify.Revocation{Mode: verify.RevocationHardFail, OCSP: true, OCSPURL: ocsp.URL}
			})
			card := s.insertCard("Robin Example")
			s.signIn()
			s.removeCard()
			ca.Revoke(card.Certificate(virtual.Authentication))
			s.desk.insert(t, 0, card)
			s.askedPIN()
			s.typePIN(s.desk.canary)
			s.failsIn("locked-error", "certificateRevoked", "Your card was cancelled.")
			s.stands("returned") // covered
			s.notAsked()
			s.goTo(origin(listedName, s.site) + "/notes")
			s.stands("returned")
			if text := s.text("who"); text != "" {
				t.Errorf("the page shows whose it is: %s", text)
			}
		})
		t.Run("by a list", func(t *testing.T) {
			s := newScene(t, b, func(c *verify.Config) {
				c.Revocation = verify.Revocation{Mode: verify.RevocationHardFail, CRLs: []string{crl.URL}}
			})
			lost := s.newCard("Robin Example")
			ca.Revoke(lost.Certificate(virtual.Authentication))
			s.desk.insert(t, 0, lost)
			cancelled(s)
			s.desk.readers[0].Remove()
			s.insertCard("Sam Other") // is not on it
			s.reads("status", "Your card is ready.")
			s.signIn()
		})
	})
}

func TestARenewedCardKeepsWorking(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		card := s.newCard("Robin Example")
		card.Renew(virtual.Authentication)
		s.desk.insert(t, 0, card)
		s.signIn()
		s.reads("who", "Robin Example")
	})
}
