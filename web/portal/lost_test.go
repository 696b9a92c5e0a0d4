package portal_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/verify"
)

// The ways to hear which cards were reported lost.
var authorities = map[string]func(t *testing.T) func(ca *virtual.CA) verify.Revocation{
	"OCSP": func(t *testing.T) func(ca *virtual.CA) verify.Revocation {
		return func(ca *virtual.CA) verify.Revocation {
			ca.Momentary = true
			return verify.Revocation{Mode: verify.RevocationHardFail, OCSP: true, OCSPURL: serve(t, ca.OCSPHandler())}
		}
	},
	"a list on the web": func(t *testing.T) func(ca *virtual.CA) verify.Revocation {
		return func(ca *virtual.CA) verify.Revocation {
			return verify.Revocation{Mode: verify.RevocationHardFail, CRLs: []string{serve(t, ca.CRLHandler())}}
		}
	},
	"a list in a file": func(t *testing.T) func(ca *virtual.CA) verify.Revocation {
		return func(ca *virtual.CA) verify.Revocation {
			file := filepath.Join(t.TempDir(), "cards.crl")
			// What a job would fetch from the issuer when somebody has lost a card.
			lost := virtual.NewCard(ca, virtual.P256("Anna Example"))
			ca.Revoke(lost.Certificate(virtual.Authentication))
			if err := os.WriteFile(file, ca.CRL(), 0o600); err != nil {
				t.Fatal(err)
			}
			lostCards[ca] = lost
			return verify.Revocation{Mode: verify.RevocationHardFail, CRLs: []string{file}}
		}
	},
}

// lostCards are those that were lost before the site began.
var lostCards = map[*virtual.CA]*virtual.Card{}

func serve(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestACardThatWasReportedLostIsRefusedAndTheNextOneWorks(t *testing.T) {
	for name, authority := range authorities {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, authority(t))
			anna := s.addUser("Anna Example", store.RoleUser)
			lost := lostCards[s.ca]
			if lost == nil {
				lost = virtual.NewCard(s.ca, virtual.P256("Anna Example"))
				s.ca.Revoke(lost.Certificate(virtual.Authentication))
			}
			s.register(anna, lost)
			if status, code := s.post("/login", s.prove(lost, s.server.URL, s.challenge(), "x")); status != http.StatusForbidden || code != "certificateRevoked" {
				t.Errorf("the lost card: %d %s", status, code)
			}
			s.signIn(virtual.NewCard(s.ca, virtual.P256("Anna Example")), "agent-1")
			if text := s.page("/cards"); !strings.Contains(text, "My card") || strings.Contains(text, "card-2") {
				t.Error("the renewed card is another registration")
			}
			if text := s.page("/home"); !strings.Contains(text, anna) {
				t.Error("the renewed card is somebody else's")
			}
			if status, code := s.post("/login", s.prove(lost, s.server.URL, s.challenge(), "x")); status != http.StatusForbidden || code != "certificateRevoked" {
				t.Errorf("the lost card after its renewal: %d %s", status, code)
			}
			s.browser = s.newBrowser()
			s.signIn(s.card("Bryn Example"), "agent-2")
		})
	}
}

func TestALostCardNeitherResumesNorConfirmsNorIsRegistered(t *testing.T) {
	s := newSite(t, authorities["OCSP"](t))
	card := s.card("Anna Example")
	s.signIn(card, "agent-1")
	s.ca.Revoke(card.Certificate(virtual.Authentication))
	if status, code := s.post("/confirm/card", s.prove(card, s.server.URL, s.challenge(), "")); status != http.StatusForbidden || code != "certificateRevoked" {
		t.Errorf("it confirms: %d %s", status, code)
	}
	s.post("/lock", `{"session":"agent-1"}`)
	if status, code := s.post("/resume", s.prove(card, s.server.URL, s.challenge(), "")); status != http.StatusForbidden || code != "certificateRevoked" {
		t.Errorf("it resumes: %d %s", status, code)
	}
	s.browser = s.newBrowser()
	s.signInByPassword(s.addUser("Bryn Example", store.RoleUser))
	s.submit("/policy", "version", s.accounts.Policy)
	s.chosen("Found card")
	if status, code := s.finish(card); status != http.StatusForbidden || code != "certificateRevoked" {
		t.Errorf("it is registered: %d %s", status, code)
	}
}

func TestNobodySignsInByCardWhenNobodyCanSayWhichAreLost(t *testing.T) {
	s := newSite(t, func(*virtual.CA) verify.Revocation {
		return verify.Revocation{Mode: verify.RevocationHardFail, OCSP: true, OCSPURL: serve(t, http.NotFoundHandler())}
	})
	card := s.card("Anna Example")
	if status, code := s.post("/login", s.prove(card, s.server.URL, s.challenge(), "x")); status != http.StatusForbidden || code != "revocationUnknown" {
		t.Errorf("%d %s", status, code)
	}
	s.signInByPassword("anna.example@hospital.example")
}
