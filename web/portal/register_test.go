package portal_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/store"
)

// registering signs somebody in by password, who has accepted the policy.
func registering(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.signInByPassword(s.addUser("Anna Example", store.RoleUser))
	if answer, _ := s.submit("/policy", "version", s.accounts.Policy, "then", "/register"); answer.Header.Get("Location") != "/register" {
		t.Fatalf("accepting the policy answers %d", answer.StatusCode)
	}
	return s
}

// chosen does the second step.
func (s *site) chosen(name string) {
	s.t.Helper()
	if answer, text := s.submit("/register/choose", "name", name, "here", "/register"); answer.Header.Get("Location") != "/register" {
		s.t.Fatalf("the second step answers %d\n%s", answer.StatusCode, text)
	}
}

func (s *site) finish(card *virtual.Card) (status int, code string) {
	s.t.Helper()
	return s.post("/register/finish", s.prove(card, s.server.URL, s.challenge(), "agent-9"))
}

func (s *site) page(path string) string {
	s.t.Helper()
	answer, text := s.do("GET", path, "")
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s answers %d", path, answer.StatusCode)
	}
	return text
}

func TestACardIsRegisteredAndItsPageLocksFromThenOn(t *testing.T) {
	s := registering(t)
	if text := s.page("/register"); !strings.Contains(text, `id="choose"`) || strings.Contains(text, `id="register-card"`) {
		t.Error("the second step is not the one that is shown")
	}
	s.chosen("  Ward card ")
	if text := s.page("/register"); !strings.Contains(text, `id="register-card"`) || !strings.Contains(text, "“Ward card”") {
		t.Error("the third step is not the one that is shown")
	}
	if status, code := s.post("/register/check", "{}"); status != http.StatusOK {
		t.Fatalf("the check answers %d %s", status, code)
	}
	card := virtual.NewCard(s.ca, virtual.P256("Anna Example"))
	if status, code := s.finish(card); status != http.StatusOK {
		t.Fatalf("the third step answers %d %s", status, code)
	}
	if text := s.page("/registered"); !strings.Contains(text, `data-session="agent-9"`) {
		t.Error("the session is not the card's")
	}
	if status, code := s.post("/lock", `{"session":"agent-9"}`); status != http.StatusOK {
		t.Errorf("the lock answers %d %s", status, code)
	}
	s.browser = s.newBrowser()
	s.signIn(card, "agent-10")
}

func TestARegistrationGoesOnAfterAnotherSignIn(t *testing.T) {
	s := registering(t)
	s.chosen("Ward card")
	s.browser = s.newBrowser()
	s.signInByPassword("anna.example@hospital.example")
	if text := s.page("/register"); !strings.Contains(text, "“Ward card”") {
		t.Error("the registration begins again")
	}
	if text := s.page("/register?step=name"); !strings.Contains(text, `value="Ward card"`) {
		t.Error("the name cannot be changed")
	}
	s.chosen("Night card")
	if answer, _ := s.submit("/register/cancel", "here", "/register"); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("giving up answers %d", answer.StatusCode)
	}
	if text := s.page("/register"); strings.Contains(text, "Night card") {
		t.Error("the registration was not given up")
	}
}

func TestWhatIsMissingIsSaidBeforeAnybodyTypesAPIN(t *testing.T) {
	s := newSite(t)
	s.signInByPassword(s.addUser("Anna Example", store.RoleUser))
	if text := s.page("/register"); !strings.Contains(text, `id="check-policyAccepted" data-finding="missing"`) || !strings.Contains(text, "/policy?then=/register") {
		t.Error("the page does not lead to the policy")
	}
	if _, text := s.submit("/register/choose", "name", "x", "here", "/register"); !strings.Contains(text, `data-code="policyNotAccepted"`) {
		t.Errorf("without the policy the second step answers %s", text)
	}
	if _, code := s.post("/register/check", "{}"); code != "policyNotAccepted" {
		t.Errorf("without the policy the check answers %s", code)
	}
	s = registering(t)
	if _, code := s.post("/register/check", "{}"); code != "registrationNotFound" {
		t.Errorf("before the second step the check answers %s", code)
	}
	if _, text := s.submit("/register/choose", "name", strings.Repeat("x", 101), "here", "/register"); !strings.Contains(text, `data-code="fieldInvalid"`) || !strings.Contains(text, "data-invalid") {
		t.Error("a name that is too long is not marked")
	}
	s.browser = s.newBrowser()
	if _, code := s.post("/register/check", "{}"); code != "signedOut" {
		t.Errorf("without a session the check answers %s", code)
	}
	if answer, _ := s.do("GET", "/register", ""); answer.Header.Get("Location") != "/?then=%2Fregister" {
		t.Errorf("without a session the page leads to %q", answer.Header.Get("Location"))
	}
}

func TestACardThatIsRegisteredAlreadyIsRefused(t *testing.T) {
	s := newSite(t)
	taken := s.card("Bryn Example")
	s.signInByPassword(s.addUser("Anna Example", store.RoleUser))
	s.submit("/policy", "version", s.accounts.Policy)
	s.chosen("Ward card")
	if status, code := s.finish(taken); status != http.StatusForbidden || code != "cardTaken" {
		t.Errorf("somebody else's card: %d %s", status, code)
	}
	own := virtual.NewCard(s.ca, virtual.P256("Anna Example"))
	if status, code := s.finish(own); status != http.StatusOK {
		t.Fatalf("the third step answers %d %s", status, code)
	}
	s.chosen("Again")
	if status, code := s.finish(own); status != http.StatusForbidden || code != "cardAlreadyRegistered" {
		t.Errorf("one's own card: %d %s", status, code)
	}
}

func TestAnotherCardJoinsASessionThatACardBegan(t *testing.T) {
	s := newSite(t)
	first := s.card("Anna Example")
	s.signIn(first, "agent-1")
	s.chosen("Second card")
	if text := s.page("/register"); !strings.Contains(text, "If you take it out, this page locks") {
		t.Error("nobody is told that taking the first card out locks the page")
	}
	second := virtual.NewCard(s.ca, virtual.Field("555000000042", "Anna Example"))
	if status, code := s.finish(second); status != http.StatusOK {
		t.Fatalf("the third step answers %d %s", status, code)
	}
	if text := s.page("/registered"); !strings.Contains(text, `data-session="agent-1"`) {
		t.Error("the session is not the first card's any more")
	}
}

func TestAnotherSiteCannotRegisterACard(t *testing.T) {
	s := registering(t)
	s.chosen("Ward card")
	for _, path := range []string{"/register/choose", "/register/check", "/register/finish", "/register/cancel"} {
		answer, _ := s.do("POST", path, "{}", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Content-Type", "application/json")
		if answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers %d", path, answer.StatusCode)
		}
	}
}
