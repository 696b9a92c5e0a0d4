package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
)

func TestTheWayOnAfterAProofIsAPageOfThisSite(t *testing.T) {
	s := newSite(t)
	s.signInByPassword(s.addUser("Anna Example", store.RoleUser))
	for then, want := range map[string]string{
		"/cards":                        "/cards",
		"/helpdesk?email=a%40b.example": "/helpdesk?email=a%40b.example",
		"/cards#top":                    "/cards",
		"":                              "/home",
		"cards":                         "/home",
		"https://evil.example/":         "/home",
		"//evil.example/":               "/home",
		"///evil.example/":              "/home",
		`/\evil.example/`:               "/home",
		`\\evil.example/`:               "/home",
		"/%2fevil.example/":             "/home",
		"/\t/evil.example/":             "/home",
		"\n//evil.example/":             "/home",
		"javascript:alert(1)":           "/home",
		"data:text/html,x":              "/home",
		"https:evil.example":            "/home",
		"?then=//evil.example":          "/home",
		s.server.URL + "/cards":         "/home",
		"/%":                            "/home",
		`/cards?\`:                      "/home",
	} {
		_, text := s.do("GET", "/confirm?then="+url.QueryEscape(then), "")
		if !strings.Contains(text, `name="then" value="`+want+`"`) {
			t.Errorf("%q: the page does not lead to %q\n%s", then, want, text)
		}
		answer, _ := s.submit("/confirm", "here", "/confirm", "then", then, "password", password)
		s.leads(answer, want)
		answer, _ = s.submit("/cards/1/name", "here", then, "name", "x")
		if to := answer.Header.Get("Location"); to != "" && !strings.HasPrefix(to, "/confirm?then=%2F") {
			t.Errorf("%q leads from a form to %q", then, to)
		}
	}
}

func TestAnyCardOfTheirOwnConfirms(t *testing.T) {
	s := newSite(t)
	bryn := s.card("Bryn Example")
	email := s.addUser("Anna Example", store.RoleUser)
	first := virtual.NewCard(s.ca, virtual.Field("555000000001", "Anna Example"))
	second := virtual.NewCard(s.ca, virtual.Field("555000000002", "Anna Example"))
	s.register(email, first)
	s.register(email, second)
	s.signIn(first, "agent-1")
	s.pass(6 * time.Minute)
	unconfirmed := func(name string) {
		t.Helper()
		if answer, _ := s.do("GET", "/cards/1", ""); !strings.HasPrefix(answer.Header.Get("Location"), "/confirm") {
			t.Errorf("%s confirms", name)
		}
	}
	for _, c := range []struct {
		name   string
		card   *virtual.Card
		origin string
		want   string
	}{
		{"somebody else's card", bryn, s.server.URL, "differentCard"},
		{"a card that is not registered", virtual.NewCard(s.ca, virtual.P256("Nobody")), s.server.URL, "cardNotRegistered"},
		{"a signature for another site", second, "https://evil.example", "signatureInvalid"},
	} {
		if status, code := s.post("/confirm/card", s.prove(c.card, c.origin, s.challenge(), "")); status != http.StatusForbidden || code != c.want {
			t.Errorf("%s: %d %s", c.name, status, code)
		}
		unconfirmed(c.name)
	}
	body := s.prove(second, s.server.URL, s.challenge(), "")
	if status, code := s.post("/confirm/card", body); status != http.StatusOK {
		t.Fatalf("their other card: %d %s", status, code)
	}
	_, text := s.do("GET", "/cards", "")
	if !strings.Contains(text, `data-session="agent-1"`) {
		t.Error("the session is another's now")
	}
	if !s.has(email, accounts.ActionReauthenticated, "by", "card") {
		t.Error("the audit trail does not have it")
	}
	s.pass(6 * time.Minute)
	if status, code := s.post("/confirm/card", body); status != http.StatusForbidden || code != "nonceUnknown" {
		t.Errorf("a second time: %d %s", status, code)
	}
	unconfirmed("an old proof")
}

func TestTooManyWrongPasswordsSlowAProofDown(t *testing.T) {
	s := newSite(t)
	s.signInByPassword(s.addUser("Anna Example", store.RoleUser))
	for range 5 {
		answer, _ := s.submit("/confirm", "then", "/cards", "password", "wrong")
		s.wants(answer, "", http.StatusForbidden)
	}
	answer, text := s.submit("/confirm", "then", "/cards", "password", password)
	s.wants(answer, text, http.StatusTooManyRequests, `data-code="tooManyAttempts"`)
	if answer.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to try again")
	}
}
