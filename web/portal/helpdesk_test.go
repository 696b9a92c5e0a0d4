package portal_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/portal/texts"
)

const (
	annas  = "anna.example@hospital.example"
	annasQ = "/helpdesk?email=anna.example%40hospital.example"
)

// desk has Anna with a card, and Desk of the helpdesk signed in.
func desk(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.card("Anna Example")
	s.signInByPassword(s.addUser("Desk Example", store.RoleHelpdesk))
	return s
}

// userOf is the number of somebody in the helpdesk's page about them.
func (s *site) userOf(email string) string {
	s.t.Helper()
	_, text := s.do("GET", "/helpdesk?email="+url.QueryEscape(email), "")
	found := regexp.MustCompile(`trail\?user=(\d+)`).FindStringSubmatch(text)
	if found == nil {
		s.t.Fatalf("%s is not found\n%s", email, text)
	}
	return found[1]
}

func TestOnlyTheHelpdeskMayHelp(t *testing.T) {
	s := newSite(t)
	email := s.addUser("Anna Example", store.RoleUser)
	s.card("Bryn Example")
	s.signInByPassword(email)
	_, text := s.do("GET", "/home", "")
	if strings.Contains(text, `href="/helpdesk"`) || !strings.Contains(text, `href="/cards"`) {
		t.Errorf("the navigation is\n%s", text)
	}
	for _, path := range []string{"/helpdesk", "/helpdesk?email=bryn.example%40hospital.example", "/helpdesk/new", "/helpdesk/trail?user=1", "/helpdesk/trail?user=2"} {
		answer, text := s.do("GET", path, "")
		s.wants(answer, text, http.StatusForbidden, "notAllowed", "!Bryn", "!bryn")
	}
	for _, path := range []string{"/helpdesk/remove", "/helpdesk/status", "/helpdesk/password", "/helpdesk/new"} {
		answer, text := s.submit(path, "here", "/helpdesk", "email", "bryn.example@hospital.example", "card", "1", "user", "2",
			"status", "inactive", "reason", "Test", "name", "X", "password", password, "language", "en")
		s.wants(answer, text, http.StatusForbidden, "notAllowed", "!Bryn", "!bryn")
	}
	if s.cardOf("bryn.example@hospital.example") == 0 || s.has("bryn.example@hospital.example", accounts.ActionTrailRead, "", "") {
		t.Error("something was done all the same")
	}
}

func TestTheHelpdeskLooksSomebodyUp(t *testing.T) {
	s := desk(t)
	_, text := s.do("GET", "/home", "")
	if !strings.Contains(text, `href="/helpdesk"`) {
		t.Error("the navigation has no helpdesk")
	}
	answer, text := s.do("GET", "/helpdesk", "")
	s.wants(answer, text, http.StatusOK, `id="email"`, `!id="found"`, `!id="problem"`)
	answer, text = s.do("GET", "/helpdesk?email=+Anna.Example%40Hospital.Example", "")
	s.wants(answer, text, http.StatusOK, `id="found"`, "Anna Example", annas, "Active", "My card", "CN=Test CA", "Version 1 accepted", "English")
	for email, code := range map[string]string{"nobody@hospital.example": "userNotFound", "nobody": "fieldInvalid"} {
		answer, text = s.do("GET", "/helpdesk?email="+url.QueryEscape(email), "")
		s.wants(answer, text, http.StatusOK, `data-code="`+code+`"`, `value="`+email+`"`, `!id="found"`)
	}
	if !s.has("desk.example@hospital.example", accounts.ActionUserLookedUp, "email", "nobody@hospital.example") || !s.has(annas, accounts.ActionUserLookedUp, "email", annas) {
		t.Error("the audit trail does not have it")
	}
}

func TestTheHelpdeskRemovesACardForAReason(t *testing.T) {
	s := desk(t)
	id := s.cardOf(annas)
	card := fmt.Sprint(id)
	_, text := s.do("GET", annasQ, "")
	if !strings.Contains(text, `id="remove-`+card+`"`) || strings.Contains(text, `id="to-confirm"`) {
		t.Errorf("just signed in, the page is\n%s", text)
	}
	answer, text := s.submit("/helpdesk/remove", "here", annasQ, "email", annas, "card", card, "reason", " ")
	s.wants(answer, text, http.StatusUnprocessableEntity, `data-code="fieldInvalid"`, "<details open>", `aria-invalid="true"`, "Anna Example")
	s.pass(6 * time.Minute)
	_, text = s.do("GET", annasQ, "")
	if strings.Contains(text, `id="remove-`) || strings.Contains(text, `id="set-status"`) || !strings.Contains(text, `href="/confirm?then=%2fhelpdesk%3femail%3danna.example%2540hospital.example"`) {
		t.Errorf("after a while, the page is\n%s", text)
	}
	answer, _ = s.submit("/helpdesk/remove", "here", annasQ, "email", annas, "card", card, "reason", "Lost")
	s.leads(answer, "/confirm?then="+url.QueryEscape(annasQ))
	if s.cardOf(annas) != id {
		t.Fatal("the card was removed without a proof")
	}
	answer, _ = s.submit("/confirm", "then", annasQ, "password", password)
	s.leads(answer, annasQ)
	answer, _ = s.submit("/helpdesk/remove", "here", annasQ, "email", annas, "card", card, "reason", "Lost on the <bus>")
	s.leads(answer, "/helpdesk?done=cardRemovedFor&email=anna.example%40hospital.example")
	answer, text = s.do("GET", answer.Header.Get("Location"), "")
	s.wants(answer, text, http.StatusOK, `id="done"`, "No card is registered to this account")
	if s.cardOf(annas) != 0 {
		t.Error("the card is still there")
	}
	answer, text = s.do("GET", "/helpdesk/trail?user="+s.userOf(annas), "")
	s.wants(answer, text, http.StatusOK, "The helpdesk removed the card “My card” of the user ID Anna Example, issued by CN=Test CA", ": Lost on the &lt;bus&gt;", "by desk.example@hospital.example", annas)
	answer, text = s.submit("/helpdesk/remove", "here", annasQ, "email", annas, "card", card, "reason", "Again")
	s.wants(answer, text, http.StatusNotFound, `data-code="cardNotFound"`, "Anna Example")
}

func TestTheHelpdeskKeepsSomebodyOutAndLetsThemIn(t *testing.T) {
	s := desk(t)
	helper, anna := s.browser, s.newBrowser()
	s.browser = anna
	s.signInByPassword(annas)
	s.browser = helper
	user := s.userOf(annas)
	answer, text := s.submit("/helpdesk/status", "here", annasQ, "email", annas, "user", user, "status", "inactive", "reason", "")
	s.wants(answer, text, http.StatusUnprocessableEntity, `data-code="fieldInvalid"`, "<details open>")
	answer, _ = s.submit("/helpdesk/status", "here", annasQ, "email", annas, "user", user, "status", "inactive", "reason", "Has left")
	answer, text = s.do("GET", answer.Header.Get("Location"), "")
	s.wants(answer, text, http.StatusOK, "Not active", "not active any more", "Make the account active", "!Make the account inactive")

	s.browser = anna
	answer, _ = s.do("GET", "/home", "")
	s.leads(answer, "/?ended=signedOut")
	answer, text = s.submit("/sign-in", "email", annas, "password", password)
	s.wants(answer, text, http.StatusForbidden, `data-code="accountInactive"`)

	s.browser = helper
	answer, _ = s.submit("/helpdesk/status", "here", annasQ, "email", annas, "user", user, "status", "active", "reason", "Is back")
	answer, text = s.do("GET", answer.Header.Get("Location"), "")
	s.wants(answer, text, http.StatusOK, "Make the account inactive")
	answer, text = s.do("GET", "/helpdesk/trail?user="+user, "")
	s.wants(answer, text, http.StatusOK, "The account was made inactive: Has left", "The account was made active: Is back")
	s.browser = anna
	s.signInByPassword(annas)
}

func TestNobodyOfTheHelpdeskKeepsThemselvesOut(t *testing.T) {
	s := desk(t)
	const own = "desk.example@hospital.example"
	user := s.userOf(own)
	_, text := s.do("GET", "/helpdesk?email="+url.QueryEscape(own), "")
	if strings.Contains(text, `id="set-status"`) || !strings.Contains(text, "This is your own account") {
		t.Errorf("the page is\n%s", text)
	}
	answer, text := s.submit("/helpdesk/status", "here", "/helpdesk", "email", own, "user", user, "status", "inactive", "reason", "Test")
	s.wants(answer, text, http.StatusForbidden, `data-code="notAllowed"`)
	answer, text = s.submit("/helpdesk/status", "here", "/helpdesk", "email", annas, "user", "x", "status", "inactive", "reason", "Test")
	s.wants(answer, text, http.StatusNotFound, `data-code="userNotFound"`)
}

func TestTheHelpdeskCreatesAnAccount(t *testing.T) {
	s := desk(t)
	fill := func(changed ...string) []string {
		fields := []string{"here", "/helpdesk/new", "email", "cerys@hospital.example", "name", "Cerys Example", "language", "cy", "password", password}
		return append(fields, changed...)
	}
	for name, c := range map[string]struct {
		field, value string
		status       int
		want         string
	}{
		"no address":       {"email", "cerys", http.StatusUnprocessableEntity, "Check the e-mail address."},
		"a taken address":  {"email", annas, http.StatusForbidden, `data-code="emailTaken"`},
		"no name":          {"name", " ", http.StatusUnprocessableEntity, "A name needs"},
		"a short password": {"password", "short secret", http.StatusUnprocessableEntity, "A password needs"},
		"no language":      {"language", "xx", http.StatusUnprocessableEntity, "Choose one of the languages."},
	} {
		answer, text := s.submit("/helpdesk/new", fill(c.field, c.value)...)
		s.wants(answer, text, c.status, c.want, "!"+password, "!short secret")
		if c.field != "name" && !strings.Contains(text, `value="Cerys Example"`) || c.field != "language" && !strings.Contains(text, `<option value="cy" lang="cy" selected>`) {
			t.Errorf("%s: what was typed is gone\n%s", name, text)
		}
	}
	answer, _ := s.submit("/helpdesk/new", fill("role", "helpdesk")...)
	answer, text := s.do("GET", answer.Header.Get("Location"), "")
	s.wants(answer, text, http.StatusOK, "The account was created", "Cerys Example", "Cymraeg", "Not accepted yet", "No card is registered to this account")
	s.pass(6 * time.Minute)
	answer, _ = s.do("GET", "/helpdesk/new", "")
	s.leads(answer, "/confirm?then=%2Fhelpdesk%2Fnew")
	answer, _ = s.submit("/helpdesk/new", fill("email", "dewi@hospital.example")...)
	s.leads(answer, "/confirm?then=%2Fhelpdesk%2Fnew")
	s.browser = s.newBrowser()
	s.signInByPassword("cerys@hospital.example")
	answer, text = s.do("GET", "/helpdesk", "")
	s.wants(answer, text, http.StatusForbidden, "notAllowed")
}

func TestTheTrailHasPages(t *testing.T) {
	s := desk(t)
	user := s.userOf(annas)
	token, err := s.accounts.SignIn(t.Context(), accounts.Browser{}, annas, password)
	if err != nil {
		t.Fatal(err)
	}
	id := s.cardOf(annas)
	for i := range 110 {
		if err := s.accounts.NameCard(t.Context(), token, id, fmt.Sprintf("Name %d.", i)); err != nil {
			t.Fatal(err)
		}
	}
	answer, text := s.do("GET", "/helpdesk/trail?user="+user, "")
	s.wants(answer, text, http.StatusOK, `“Name 108.” was renamed “Name 109.”`, "!Name 8.", `!id="latest"`)
	if n := strings.Count(text, "<li data-action="); n != 100 {
		t.Errorf("the page has %d lines", n)
	}
	next := regexp.MustCompile(`id="earlier" class="button quiet" href="([^"]+)"`).FindStringSubmatch(text)
	if next == nil {
		t.Fatalf("there is no next page\n%s", text)
	}
	answer, text = s.do("GET", strings.ReplaceAll(next[1], "&amp;", "&"), "")
	s.wants(answer, text, http.StatusOK, annas, "“Name 8.”", "The account "+annas+" was created.", "!Name 109.", `id="latest"`, `!id="earlier"`)
	answer, text = s.do("GET", "/helpdesk/trail?user="+user+"&before=1", "")
	s.wants(answer, text, http.StatusOK, "Nothing happened before that.", `id="latest"`)
	for _, path := range []string{"/helpdesk/trail", "/helpdesk/trail?user=x", "/helpdesk/trail?user=999"} {
		answer, text = s.do("GET", path, "")
		s.wants(answer, text, http.StatusNotFound, "userNotFound")
	}
}

// What the trail can say is read from the source, so that a new action is seen.
func TestEveryActionHasWords(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "accounts/trail.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	actions := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Action") {
			return true
		}
		actions++
		action, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		for l, all := range texts.All() {
			if !all.Has("trail."+action) && !all.Has("trail."+action+".password") && !all.Has("trail."+action+".inactive") {
				t.Errorf("%s has no words in %s", action, l)
			}
		}
		return true
	})
	if actions < 15 {
		t.Errorf("the source has %d actions", actions)
	}
}

func TestTheTrailIsInWordsWithoutGaps(t *testing.T) {
	s := desk(t)
	user := s.userOf(annas)
	s.browser = s.newBrowser()
	s.submit("/sign-in", "email", annas, "password", "wrong")
	s.signInByPassword(annas)
	s.submit("/confirm", "password", password)
	s.submit("/cards/sign-out-everywhere")
	s.signInByPassword("desk.example@hospital.example")
	for _, language := range []string{"en", "cy"} {
		s.submit("/language", "language", language, "then", "/home")
		_, text := s.do("GET", "/helpdesk/trail?user="+user, "")
		if n := strings.Count(text, "<li data-action="); n < 10 {
			t.Errorf("the trail has %d lines\n%s", n, text)
		}
		for _, line := range regexp.MustCompile(`(?s)<li data-action="(\w+)">.*?<p>(.*?)</p>`).FindAllStringSubmatch(text, -1) {
			if line[1] == line[2] || strings.ContainsAny(line[2], "{}") {
				t.Errorf("in %s, %s is %q", language, line[1], line[2])
			}
		}
	}
}
