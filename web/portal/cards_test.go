package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
)

// pass lets time go by.
func (s *site) pass(d time.Duration) {
	clock := s.accounts.Clock
	s.accounts.Clock = func() time.Time { return clock().Add(d) }
}

// cardOf is the number of somebody's only card, zero if they have none.
func (s *site) cardOf(email string) store.CardID {
	s.t.Helper()
	token, err := s.accounts.SignIn(s.t.Context(), accounts.Browser{}, email, password)
	if err != nil {
		s.t.Fatal(err)
	}
	cards, err := s.accounts.Cards(s.t.Context(), token)
	if err != nil || len(cards) > 1 {
		s.t.Fatal(cards, err)
	}
	if len(cards) == 0 {
		return 0
	}
	return cards[0].ID
}

// trailOf is what the audit trail has about somebody, the latest first.
func (s *site) trailOf(email string) []store.Line {
	s.t.Helper()
	const desk = "trail@hospital.example"
	_, err := s.accounts.AddUser(s.t.Context(), accounts.NewUser{Email: desk, Name: "Trail", Password: password, Language: "en", Role: store.RoleHelpdesk})
	if err != nil && accounts.CodeOf(err) != accounts.CodeEmailTaken {
		s.t.Fatal(err)
	}
	token, err := s.accounts.SignIn(s.t.Context(), accounts.Browser{}, desk, password)
	if err != nil {
		s.t.Fatal(err)
	}
	found, err := s.accounts.LookUp(s.t.Context(), token, email)
	if err != nil {
		s.t.Fatal(err)
	}
	lines, err := s.accounts.Trail(s.t.Context(), token, found.User.ID, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return lines
}

// has reports whether somebody's trail has an action with a detail.
func (s *site) has(email, action, detail, value string) bool {
	s.t.Helper()
	for _, l := range s.trailOf(email) {
		if l.Action == action && l.Details[detail] == value {
			return true
		}
	}
	return false
}

// wants checks an answer and what is in it.
func (s *site) wants(answer *http.Response, text string, status int, words ...string) {
	s.t.Helper()
	if answer.StatusCode != status {
		s.t.Errorf("%s answers %d, want %d", answer.Request.URL.Path, answer.StatusCode, status)
	}
	for _, word := range words {
		if unwanted, no := strings.CutPrefix(word, "!"); no && strings.Contains(text, unwanted) {
			s.t.Errorf("%s has %q\n%s", answer.Request.URL.Path, unwanted, text)
		} else if !no && !strings.Contains(text, word) {
			s.t.Errorf("%s lacks %q\n%s", answer.Request.URL.Path, word, text)
		}
	}
}

// leads checks where an answer sends the browser.
func (s *site) leads(answer *http.Response, want string) {
	s.t.Helper()
	if got := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || got != want {
		s.t.Errorf("%s answers %d and leads to %q, want %q", answer.Request.URL.Path, answer.StatusCode, got, want)
	}
}

// anna signs in by password and has a card, whose page is path. So has Bryn.
func (s *site) anna() (email, path string) {
	s.t.Helper()
	s.card("Bryn Example")
	email = s.addUser("Anna Example", store.RoleUser)
	s.register(email, virtual.NewCard(s.ca, virtual.Field("555000000001", "Anna Example")))
	s.signInByPassword(email)
	return email, fmt.Sprint("/cards/", s.cardOf(email))
}

func TestAPersonSeesTheirOwnCards(t *testing.T) {
	s := newSite(t)
	_, path := s.anna()
	answer, text := s.do("GET", "/cards", "")
	s.wants(answer, text, http.StatusOK, "My card", "555000000001", "CN=Test CA", "Not yet", `href="`+path+`"`, `id="register" href="/register"`, "!Bryn Example", "!signed in with this card")
	if strings.Count(text, `<li id="card-`) != 1 {
		t.Errorf("the cards are\n%s", text)
	}
	s.submit("/language", "language", "cy", "then", "/cards")
	answer, text = s.do("GET", "/cards", "")
	s.wants(answer, text, http.StatusOK, "Ailenwi neu dynnu", "Ddim eto", "!Rename")
	s.browser = s.newBrowser()
	s.signInByPassword(s.addUser("Cerys Example", store.RoleUser))
	answer, text = s.do("GET", "/cards", "")
	s.wants(answer, text, http.StatusOK, "No card is registered", `href="/register"`)
}

func TestACardThatExpiresSoonOrHasExpiredIsMarked(t *testing.T) {
	s := newSite(t)
	card := virtual.NewCard(s.ca, virtual.P256("Anna Example"))
	email := s.addUser("Anna Example", store.RoleUser)
	s.register(email, card)
	left := time.Until(card.Certificate(virtual.Authentication).NotAfter)
	for name, c := range map[string]struct {
		before time.Duration
		want   string
	}{
		"long before":     {91*24*time.Hour + time.Minute, `!class="soon"`},
		"three months":    {89*24*time.Hour + time.Minute, "It expires in 90 days."},
		"on the last day": {time.Hour, "It expires tomorrow."},
		"after it":        {-time.Minute, "It has expired."},
	} {
		clock := s.accounts.Clock
		s.pass(left - c.before)
		s.browser = s.newBrowser()
		s.signInByPassword(email)
		_, text := s.do("GET", "/cards", "")
		if unwanted, no := strings.CutPrefix(c.want, "!"); no == strings.Contains(text, strings.TrimPrefix(c.want, "!")) {
			t.Errorf("%s: %q in\n%s", name, unwanted, text)
		}
		s.accounts.Clock = clock
	}
}

func TestACardIsRenamed(t *testing.T) {
	s := newSite(t)
	email, path := s.anna()
	answer, text := s.submit(path+"/name", "here", path, "name", " \t ")
	s.wants(answer, text, http.StatusUnprocessableEntity, `data-code="fieldInvalid"`, "A name needs", `action="`+path+`/name"`, `name="here" value="`+path+`"`)
	answer, _ = s.submit(path+"/name", "here", path, "name", "Blue <card>")
	s.leads(answer, "/cards?done=cardNamed")
	answer, text = s.do("GET", "/cards?done=cardNamed", "")
	s.wants(answer, text, http.StatusOK, "Blue &lt;card&gt;", `id="done"`, "new name", "!My card")
	if !s.has(email, accounts.ActionCardNamed, "was", "My card") {
		t.Error("the audit trail does not have it")
	}
	answer, text = s.do("GET", "/cards?done=nothing", "")
	s.wants(answer, text, http.StatusOK, `!id="done"`)
}

func TestRemovingACardNeedsAProofThatIsFresh(t *testing.T) {
	s := newSite(t)
	email, path := s.anna()
	s.pass(6 * time.Minute)
	confirm := "/confirm?then=" + url.QueryEscape(path)
	answer, _ := s.do("GET", path, "")
	s.leads(answer, confirm)
	for _, action := range []string{"/remove", "/name"} {
		answer, _ = s.submit(path+action, "here", path, "name", "Other")
		s.leads(answer, confirm)
	}
	answer, text := s.do("GET", confirm, "")
	s.wants(answer, text, http.StatusOK, email, `name="then" value="`+path+`"`, `src="/assets/confirm.js"`)
	answer, text = s.submit("/confirm", "here", confirm, "then", path, "password", "wrong")
	s.wants(answer, text, http.StatusForbidden, `data-code="credentialsWrong"`, `name="then" value="`+path+`"`, `!"wrong"`)
	answer, _ = s.do("GET", path, "")
	s.leads(answer, confirm)

	answer, _ = s.submit("/confirm", "here", confirm, "then", path, "password", password)
	s.leads(answer, path)
	answer, text = s.do("GET", path, "")
	s.wants(answer, text, http.StatusOK, "My card", `id="last-one"`, `!id="this-one"`)
	answer, _ = s.submit(path+"/remove", "here", path)
	s.leads(answer, "/cards?done=cardRemoved")
	answer, text = s.do("GET", "/cards?done=cardRemoved", "")
	s.wants(answer, text, http.StatusOK, "The card was removed", "No card is registered")
	if !s.has(email, accounts.ActionCardRemoved, "card", "My card") || !s.has(email, accounts.ActionReauthenticated, "by", "password") {
		t.Error("the audit trail does not have it")
	}
}

func TestRemovingTheCardOfTheSessionEndsIt(t *testing.T) {
	s := newSite(t)
	card := s.card("Anna Example")
	s.signIn(card, "agent-1")
	_, text := s.do("GET", "/cards", "")
	path := regexp.MustCompile(`/cards/\d+`).FindString(text)
	answer, text := s.do("GET", path, "")
	s.wants(answer, text, http.StatusOK, `id="this-one"`, `id="last-one"`, `data-session="agent-1"`)
	token := s.cookie("__Host-cardea-portal")
	answer, _ = s.submit(path+"/remove", "here", path)
	s.leads(answer, "/?ended=ownCard")
	for _, c := range answer.Cookies() {
		if c.Name == "__Host-cardea-portal" && c.MaxAge >= 0 {
			t.Errorf("the cookie stays: %s", c.Raw)
		}
	}
	s.setCookie("__Host-cardea-portal", token)
	answer, _ = s.do("GET", "/home", "")
	s.leads(answer, "/?ended=signedOut")
	if status, code := s.post("/login", s.prove(card, s.server.URL, s.challenge(), "agent-2")); status != http.StatusForbidden || code != "cardNotRegistered" {
		t.Errorf("the removed card signs in: %d %s", status, code)
	}
	if answer, text := s.do("GET", "/assets/texts.cy.js", ""); !strings.Contains(text, `"ended.ownCard"`) || !strings.Contains(text, `"ended.everywhere"`) {
		t.Errorf("%s has no words for it", answer.Request.URL.Path)
	}
}

func TestSomebodyElsesCardIsNotThere(t *testing.T) {
	s := newSite(t)
	_, own := s.anna()
	const bryn = "bryn.example@hospital.example"
	others := fmt.Sprint("/cards/", s.cardOf(bryn))
	if own == others {
		t.Fatal("both have the same card")
	}
	for _, path := range []string{others, "/cards/0", "/cards/999999", "/cards/-1", "/cards/x", "/cards/99999999999999999999"} {
		answer, text := s.do("GET", path, "")
		s.wants(answer, text, http.StatusNotFound, "cardNotFound", "!Bryn")
		for _, action := range []string{"/name", "/remove"} {
			answer, text := s.submit(path+action, "here", path, "name", "Mine")
			s.wants(answer, text, http.StatusNotFound, "cardNotFound", "!Bryn")
		}
	}
	if s.cardOf(bryn) == 0 || s.has(bryn, accounts.ActionCardNamed, "card", "Mine") {
		t.Error("somebody else's card was changed")
	}
}

func TestASignOutEverywhereEndsEverySession(t *testing.T) {
	s := newSite(t)
	email := s.addUser("Anna Example", store.RoleUser)
	here, there := s.browser, s.newBrowser()
	s.signInByPassword(email)
	s.browser = there
	s.signInByPassword(email)
	s.browser = here
	answer, _ := s.submit("/cards/sign-out-everywhere", "here", "/cards")
	s.leads(answer, "/?ended=everywhere")
	answer, _ = s.do("GET", "/home", "")
	s.leads(answer, "/")
	s.browser = there
	answer, _ = s.do("GET", "/home", "")
	s.leads(answer, "/?ended=signedOut")
	if !s.has(email, accounts.ActionSignedOutEverywhere, "", "") {
		t.Error("the audit trail does not have it")
	}
}

// changes are the forms of these pages and the page that each is on.
var changes = map[string]string{
	"/cards/1/name": "/cards/1", "/cards/1/remove": "/cards/1", "/cards/sign-out-everywhere": "/cards", "/confirm": "/confirm",
	"/helpdesk/remove": "/helpdesk", "/helpdesk/status": "/helpdesk", "/helpdesk/new": "/helpdesk/new",
}

var shown = []string{"/cards", "/cards/1", "/confirm", "/helpdesk", "/helpdesk?email=nobody%40hospital.example", "/helpdesk/new", "/helpdesk/trail?user=1"}

func TestWhoIsNotSignedInIsSentToTheSignIn(t *testing.T) {
	s := newSite(t)
	for _, path := range shown {
		answer, _ := s.do("GET", path, "")
		s.leads(answer, "/?then="+url.QueryEscape(path))
	}
	for action, here := range changes {
		answer, _ := s.submit(action, "here", here)
		s.leads(answer, "/")
	}
	if status, code := s.post("/confirm/card", s.prove(s.card("Anna Example"), s.server.URL, s.challenge(), "")); status != http.StatusUnauthorized || code != "signedOut" {
		t.Errorf("/confirm/card: %d %s", status, code)
	}
}

func TestALockedPageShowsAndChangesNothing(t *testing.T) {
	s := newSite(t)
	email := s.addUser("Anna Example", store.RoleHelpdesk)
	card := virtual.NewCard(s.ca, virtual.P256("Anna Example"))
	s.register(email, card)
	s.signIn(card, "agent-1")
	if status, _ := s.post("/lock", `{"session":"agent-1"}`); status != http.StatusOK {
		t.Fatal(status)
	}
	for _, path := range shown {
		answer, text := s.do("GET", path, "")
		s.wants(answer, text, http.StatusOK, `data-locked="true"`, "/assets/session.js", "!Anna", "!anna", "!My card", "!<ol")
	}
	for action, here := range changes {
		answer, _ := s.submit(action, "here", here, "name", "Other", "password", password, "email", email, "card", "1", "user", "1", "reason", "Test", "language", "en")
		s.leads(answer, here)
	}
	if status, code := s.post("/confirm/card", s.prove(card, s.server.URL, s.challenge(), "")); status != http.StatusForbidden || code != "pageLocked" {
		t.Errorf("/confirm/card: %d %s", status, code)
	}
	if s.cardOf(email) == 0 || s.has(email, accounts.ActionCardNamed, "card", "Other") || s.has(email, accounts.ActionReauthenticated, "by", "password") {
		t.Error("a locked page changed something")
	}
}

func TestAnotherSitesFormChangesNothing(t *testing.T) {
	s := newSite(t)
	email, path := s.anna()
	actions := []string{"/confirm/card", path + "/remove", path + "/name"}
	for action := range changes {
		actions = append(actions, action)
	}
	for _, action := range actions {
		answer, _ := s.do("POST", action, "name=Other", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Content-Type", "application/x-www-form-urlencoded")
		s.wants(answer, "", http.StatusForbidden)
	}
	if s.cardOf(email) == 0 {
		t.Error("the card is gone")
	}
	answer, _ := s.do("GET", "/home", "")
	s.wants(answer, "", http.StatusOK)
}
