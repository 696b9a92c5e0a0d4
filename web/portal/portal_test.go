package portal_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/verify"
)

func TestACardSignsInAndBothPagesShowWho(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/home", "/notes"} {
		if answer, _ := s.do("GET", path, ""); answer.StatusCode != http.StatusSeeOther || !strings.HasPrefix(answer.Header.Get("Location"), "/") {
			t.Errorf("%s before the sign-in: %d to %q", path, answer.StatusCode, answer.Header.Get("Location"))
		}
	}
	card := virtual.NewCard(s.ca, virtual.Field("555000000001", "Anna Example"))
	s.register(s.addUser("Anna Example", store.RoleUser), card)
	s.signIn(card, "agent-1")
	for path, wants := range map[string][]string{
		"/home":  {"555000000001", "CN=Test CA", `data-session="agent-1"`, `data-locked="false"`, `id="notes"`, `id="signout"`},
		"/notes": {"Anna Example", `data-session="agent-1"`, `<textarea id="note"`},
	} {
		answer, text := s.do("GET", path, "")
		for _, want := range wants {
			if answer.StatusCode != http.StatusOK || !strings.Contains(text, want) {
				t.Errorf("%s answers %d without %s:\n%s", path, answer.StatusCode, want, text)
			}
		}
	}
	if answer, _ := s.do("GET", "/", ""); answer.Header.Get("Location") != "/home" {
		t.Errorf("the sign-in page shows itself to somebody who is signed in: %d", answer.StatusCode)
	}
	if status, _ := s.post("/logout", `{"session":"agent-1"}`); status != http.StatusOK {
		t.Errorf("the sign-out answers %d", status)
	}
	if answer, _ := s.do("GET", "/home", ""); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("after the sign-out the page answers %d", answer.StatusCode)
	}
}

func TestCookiesAreForThisHostAndNotForScripts(t *testing.T) {
	s := newSite(t)
	nonce, _ := s.do("POST", "/challenge", "{}", "Origin", s.server.URL)
	login, _ := s.do("POST", "/login", s.prove(s.card("Anna Example"), s.server.URL, s.challenge(), "agent-1"), "Origin", s.server.URL)
	set := append(nonce.Cookies(), login.Cookies()...)
	names := map[string]bool{}
	for _, c := range set {
		names[c.Name] = true
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("the cookie is %s", c.Raw)
		}
	}
	if !names["__Host-cardea-portal"] || !names["__Host-cardea-attempt"] {
		t.Errorf("the cookies are %v", set)
	}

	plain := httptest.NewRecorder()
	verifier, err := verify.New(verify.Config{
		Origins: []string{"http://localhost:8080"}, Roots: s.ca.Pool(), UserID: verify.CommonName,
		Revocation: verify.Revocation{Mode: verify.RevocationOff},
	})
	if err != nil {
		t.Fatal(err)
	}
	portal.New(portal.Config{Origin: "http://localhost:8080", AgentPort: 1, Verifier: verifier, Accounts: s.accounts}).
		ServeHTTP(plain, httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost:8080/challenge", nil))
	for _, c := range plain.Result().Cookies() {
		if c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || strings.HasPrefix(c.Name, "__") {
			t.Errorf("without https the cookie is %s", c.Raw)
		}
	}
	if len(plain.Result().Cookies()) != 1 || plain.Result().Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("without https the answer is %v", plain.Result().Header)
	}
}

func TestASignInBeginsASessionUnderANewName(t *testing.T) {
	s := newSite(t)
	card := s.card("Anna Example")
	s.signIn(card, "agent-1")
	before := s.cookie("__Host-cardea-portal")
	s.signIn(card, "agent-2")
	if after := s.cookie("__Host-cardea-portal"); after == before {
		t.Error("the second sign-in kept the session of the first")
	}
	s.setCookie("__Host-cardea-portal", before)
	if answer, _ := s.do("GET", "/home", ""); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("the first session still serves: %d", answer.StatusCode)
	}
}

func TestATokenServesOnceAndForThisSiteAlone(t *testing.T) {
	s := newSite(t)
	card := s.card("Anna Example")
	if status, code := s.post("/login", s.prove(card, s.server.URL, strings.Repeat("A", 44), "x")); status != http.StatusForbidden || code != "nonceUnknown" {
		t.Errorf("without a challenge: %d %s", status, code)
	}
	if status, code := s.post("/login", s.prove(card, "https://evil.example", s.challenge(), "x")); status != http.StatusForbidden || code != "signatureInvalid" {
		t.Errorf("signed for another site: %d %s", status, code)
	}
	body := s.prove(card, s.server.URL, s.challenge(), "x")
	attempt := s.cookie("__Host-cardea-attempt")
	if status, code := s.post("/login", body); status != http.StatusOK {
		t.Fatalf("%d %s", status, code)
	}
	s.setCookie("__Host-cardea-attempt", attempt)
	if status, code := s.post("/login", body); status != http.StatusForbidden || code != "nonceUnknown" {
		t.Errorf("a second time: %d %s", status, code)
	}
	s.challenge()
	if status, code := s.post("/login", body); status != http.StatusForbidden || code != "signatureInvalid" {
		t.Errorf("for the next challenge: %d %s", status, code)
	}
	other := s.prove(card, s.server.URL, s.challenge(), "x")
	s.browser = s.newBrowser()
	s.challenge()
	if status, code := s.post("/login", other); status != http.StatusForbidden || code != "signatureInvalid" {
		t.Errorf("in another browser: %d %s", status, code)
	}
}

func TestABodyThatIsNoProofIsRefused(t *testing.T) {
	s := newSite(t)
	for name, body := range map[string]string{
		"empty": "", "no object": "[]", "no token": "{}", "too long": `{"token":"` + strings.Repeat("A", verify.MaxTokenSize+2000) + `"}`,
		"a long session": s.prove(s.card("Anna Example"), s.server.URL, s.challenge(), strings.Repeat("x", 129)),
	} {
		s.challenge()
		if status, code := s.post("/login", body); status < 400 || status > 403 || code != "tokenMalformed" {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
}

func TestALockedSessionGivesNothingOutUntilItsOwnCardSigns(t *testing.T) {
	s := newSite(t)
	card := s.card("Anna Example")
	if status, code := s.post("/lock", `{"session":"agent-1"}`); status != http.StatusUnauthorized || code != "signedOut" {
		t.Errorf("a lock without a session: %d %s", status, code)
	}
	s.signIn(card, "agent-1")
	if status, code := s.post("/lock", `{"session":"agent-1"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, code)
	}
	for _, path := range []string{"/home", "/notes"} {
		if _, text := s.do("GET", path, ""); strings.Contains(text, "Anna") || strings.Contains(text, `id="who"`) ||
			!strings.Contains(text, `data-locked="true"`) || !strings.Contains(text, `data-session="agent-1"`) {
			t.Errorf("locked, %s shows\n%s", path, text)
		}
	}
	for name, another := range map[string]*virtual.Card{"somebody else": s.card("Bryn Example"), "the person's renewed card": virtual.NewCard(s.ca, virtual.P256("Anna Example"))} {
		if status, code := s.post("/resume", s.prove(another, s.server.URL, s.challenge(), "")); status != http.StatusForbidden || code != "differentCard" {
			t.Errorf("%s resumes: %d %s", name, status, code)
		}
	}
	if _, text := s.do("GET", "/home", ""); strings.Contains(text, "Anna") {
		t.Error("a refused resumption unlocked the page")
	}
	if status, code := s.post("/resume", s.prove(card, s.server.URL, s.challenge(), "")); status != http.StatusOK {
		t.Errorf("its own card: %d %s", status, code)
	}
	if _, text := s.do("GET", "/home", ""); !strings.Contains(text, "Anna Example") {
		t.Errorf("resumed, the page shows\n%s", text)
	}
}

func TestNobodyResumesWithoutASession(t *testing.T) {
	s := newSite(t)
	if status, code := s.post("/resume", s.prove(s.card("Anna Example"), s.server.URL, s.challenge(), "")); status != http.StatusUnauthorized || code != "signedOut" {
		t.Errorf("%d %s", status, code)
	}
}

func TestAPageOfAnEarlierSessionNeitherLocksNorEndsThisOne(t *testing.T) {
	s := newSite(t)
	card := s.card("Anna Example")
	s.signIn(card, "agent-1")
	s.signIn(card, "agent-2")
	if status, code := s.post("/lock", `{"session":"agent-1"}`); status != http.StatusUnauthorized || code != "signedOut" {
		t.Errorf("%d %s", status, code)
	}
	s.post("/logout", `{"session":"agent-1"}`)
	if _, text := s.do("GET", "/home", ""); !strings.Contains(text, "Anna Example") {
		t.Error("the session is locked or ended")
	}
}

func TestOtherSitesAndOtherNamesAreRefused(t *testing.T) {
	s := newSite(t)
	s.signIn(s.card("Anna Example"), "agent-1")
	for _, path := range []string{"/challenge", "/login", "/lock", "/resume", "/logout"} {
		for name, header := range map[string][]string{
			"another site":        {"Origin", "https://evil.example"},
			"says the browser":    {"Sec-Fetch-Site", "cross-site"},
			"a site beside it":    {"Sec-Fetch-Site", "same-site"},
			"a page without name": {"Origin", "null"},
		} {
			if answer, _ := s.do("POST", path, `{"session":"agent-1"}`, header...); answer.StatusCode != http.StatusForbidden {
				t.Errorf("%s from %s: %d", path, name, answer.StatusCode)
			}
		}
	}
	if answer, text := s.do("GET", "/home", "", "Host", "rebound.evil.example"); answer.StatusCode != http.StatusMisdirectedRequest || strings.Contains(text, "Anna") {
		t.Errorf("under another name: %d %s", answer.StatusCode, text)
	}
	if answer, _ := s.do("GET", "/home", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("the session was ended by another site: %d", answer.StatusCode)
	}
}

func TestWhoeverIsRefusedAtTheDoorReadsWhyInTheirLanguage(t *testing.T) {
	s := newSite(t)
	for language, wants := range map[string][2]string{
		"en-GB": {"This site has another address: ", "This request came from another site"},
		"cy":    {"Mae gan y wefan hon gyfeiriad arall: ", "Daeth y cais hwn o wefan arall"},
	} {
		tag, _, _ := strings.Cut(language, "-")
		named, text := s.do("GET", "/", "", "Host", "127.0.0.1", "Accept-Language", language)
		if named.StatusCode != http.StatusMisdirectedRequest || named.Header.Get("Content-Language") != tag || strings.TrimSpace(text) != wants[0]+s.server.URL {
			t.Errorf("%s, under another name: %d %s", language, named.StatusCode, text)
		}
		sent, text := s.do("POST", "/sign-in", "", "Origin", "https://evil.example", "Accept-Language", language)
		if sent.StatusCode != http.StatusForbidden || sent.Header.Get("Content-Language") != tag || !strings.HasPrefix(text, wants[1]) || !strings.Contains(text, s.server.URL) {
			t.Errorf("%s, from another site: %d %s", language, sent.StatusCode, text)
		}
	}
}

func TestEveryAnswerKeepsThePageToItself(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/", "/home", "/assets/portal.js", "/nothing"} {
		answer, _ := s.do("GET", path, "")
		policy := answer.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self' ws://127.0.0.1:24747 http://127.0.0.1:24747;", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, want)
			}
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=31536000"} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
	for path, want := range map[string]string{"/": "no-store", "/assets/portal.js": "no-cache"} {
		if answer, _ := s.do("GET", path, ""); answer.Header.Get("Cache-Control") != want {
			t.Errorf("%s: Cache-Control is %q", path, answer.Header.Values("Cache-Control"))
		}
	}
}

func TestPagesCarryNoScriptAndNoStyleOfTheirOwn(t *testing.T) {
	s := newSite(t)
	_, signIn := s.do("GET", "/", "")
	s.signIn(s.card("Anna <Example>"), "agent-1")
	_, home := s.do("GET", "/home", "")
	_, notes := s.do("GET", "/notes", "")
	for name, text := range map[string]string{"/": signIn, "/home": home, "/notes": notes} {
		if !strings.Contains(text, "Example Hospital") || strings.Contains(text, "<Example>") {
			t.Errorf("%s shows\n%s", name, text)
		}
		for _, banned := range []string{"<style", " style=", " onclick=", "javascript:", "<script>"} {
			if strings.Contains(text, banned) {
				t.Errorf("%s has %s", name, banned)
			}
		}
		for _, tag := range strings.SplitAfter(text, "<script")[1:] {
			if !strings.HasPrefix(tag, ` type="module" src="/assets/`) || !strings.Contains(tag, `"></script`) {
				t.Errorf("%s has a script that is not a file", name)
			}
		}
		for _, link := range strings.SplitAfter(text, `="/assets/`)[1:] {
			path, _, _ := strings.Cut(link, `"`)
			if answer, _ := s.do("GET", "/assets/"+path, ""); answer.StatusCode != http.StatusOK {
				t.Errorf("%s names %s, which answers %d", name, path, answer.StatusCode)
			}
		}
	}
}
