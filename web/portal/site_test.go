package portal_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/piv"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/portal/texts"
	"github.com/cardea-agent/cardea/web/verify"
)

// password is everybody's.
const password = "four grey geese go home"

// site is a portal over https, and one browser on it.
type site struct {
	t        *testing.T
	ca       *virtual.CA
	verifier *verify.Verifier
	accounts *accounts.Accounts
	server   *httptest.Server
	browser  *http.Client
}

// newSite asks nobody whether a card was reported lost, unless revocation says
// so.
func newSite(t *testing.T, revocation ...func(ca *virtual.CA) verify.Revocation) *site {
	t.Helper()
	s := &site{t: t, ca: virtual.NewCA("Test CA")}
	asks := verify.Revocation{Mode: verify.RevocationOff}
	for _, r := range revocation {
		asks = r(s.ca)
	}
	var handler http.Handler
	s.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(s.server.Close)
	var err error
	s.verifier, err = verify.New(verify.Config{
		Origins: []string{s.server.URL}, Roots: s.ca.Pool(), NoExtendedUsage: true, UserID: verify.CommonName,
		Revocation: asks,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.accounts = newAccounts(t)
	handler = portal.New(portal.Config{
		Origin: s.server.URL, AgentPort: 24747, Verifier: s.verifier, Accounts: s.accounts, Title: "Example Hospital",
		Contacts: portal.Contacts{
			LocalAdministrator: portal.Contact{Name: "IT service desk", Phone: "01632 960100"},
			CardIssuer:         portal.Contact{Name: "Card office", Email: "cards@hospital.example"},
			SoftwareDesk:       portal.Contact{Name: "Applications desk", Hours: "24/7"},
			MailDesk:           portal.Contact{Name: "Mail desk"},
		},
	})
	s.browser = s.newBrowser()
	return s
}

// noMail is for tests that do not look at mails.
type noMail struct{}

func (noMail) Send(context.Context, accounts.Message) error { return nil }

func newAccounts(t *testing.T) *accounts.Accounts {
	t.Helper()
	kept, err := store.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, err := accounts.New(accounts.Config{
		Store: kept, Mailer: noMail{}, Texts: texts.ByKey(), Language: "en", Site: "Example Hospital", Policy: "1",
		HashCost: accounts.HashCost{Memory: 64, Passes: 1, Lanes: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Close()
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// addUser adds somebody and returns their e-mail address.
func (s *site) addUser(name string, role store.Role) string {
	s.t.Helper()
	email := strings.ToLower(strings.Join(strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }), ".")) + "@hospital.example"
	_, err := s.accounts.AddUser(s.t.Context(), accounts.NewUser{Email: email, Name: name, Password: password, Language: "en", Role: role})
	if err != nil {
		s.t.Fatal(err)
	}
	return email
}

// register registers a card to somebody, as they would do it.
func (s *site) register(email string, card *virtual.Card) {
	s.t.Helper()
	ctx := s.t.Context()
	token, err := s.accounts.SignIn(ctx, accounts.Browser{}, email, password)
	cert := card.Certificate(virtual.Authentication)
	userID, nameErr := verify.CommonName(cert)
	_, beginErr := s.accounts.BeginRegistration(ctx, token)
	if accounts.CodeOf(beginErr) == accounts.CodePolicyNotAccepted {
		err = errors.Join(err, s.accounts.AcceptPolicy(ctx, token, s.accounts.Policy))
		_, beginErr = s.accounts.BeginRegistration(ctx, token)
	}
	_, chooseErr := s.accounts.ChooseCard(ctx, token, "My card")
	_, finishErr := s.accounts.FinishRegistration(ctx, token, verify.Identity{
		Issuer: cert.Issuer.String(), UserID: userID, Certificate: cert, Expiry: cert.NotAfter,
	})
	if err := errors.Join(err, nameErr, beginErr, chooseErr, finishErr, s.accounts.End(ctx, token)); err != nil {
		s.t.Fatal(err)
	}
}

// newBrowser is a browser without cookies that does not follow redirects.
func (s *site) newBrowser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &http.Client{
		Transport: s.server.Client().Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// do sends a request and returns the answer with its body read.
func (s *site) do(method, path, body string, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := s.browser.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer, string(text)
}

// post posts as the site's own page does, and returns the code of a refusal.
func (s *site) post(path, body string) (status int, code string) {
	s.t.Helper()
	answer, text := s.do("POST", path, body, "Origin", s.server.URL, "Sec-Fetch-Site", "same-origin", "Content-Type", "application/json")
	var refused struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal([]byte(text), &refused); err != nil {
		s.t.Fatalf("%s answers %q: %v", path, text, err)
	}
	return answer.StatusCode, refused.Code
}

func (s *site) challenge() string {
	s.t.Helper()
	_, text := s.do("POST", "/challenge", "{}", "Origin", s.server.URL, "Content-Type", "application/json")
	var got struct {
		Nonce string `json:"nonce"`
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Nonce == "" {
		s.t.Fatalf("the challenge is %q, %v", text, err)
	}
	return got.Nonce
}

// prove does what page and agent do after a challenge: the body to post.
func (s *site) prove(card *virtual.Card, origin, nonce, session string) string {
	s.t.Helper()
	cert := card.Certificate(virtual.Authentication)
	algorithm, err := token.AlgorithmFor(cert)
	if err != nil {
		s.t.Fatal(err)
	}
	key := signin.Key{Certificate: cert, Algorithm: algorithm}
	composer := token.New("https://cardea.example/releases/1")
	hash, digest, err := composer.Compose(key, origin, nonce)
	if err != nil {
		s.t.Fatal(err)
	}
	made, err := composer.Finish(key, hash, digest, sign(s.t, card, piv.SignRequest{
		Slot: piv.Authentication, Public: cert.PublicKey, Opts: hash, Digests: [][]byte{digest}, PIN: []byte(virtual.DefaultPIN),
	}))
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"token": made, "session": session})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

func sign(t *testing.T, card *virtual.Card, req piv.SignRequest) (signature []byte) {
	t.Helper()
	manager := virtual.NewManager()
	manager.AddReader("Reader").Insert(card)
	client, err := pcsc.Connect(t.Context(), manager, "Reader")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	err = client.Transact(t.Context(), func(tx *pcsc.Tx) error {
		found, err := piv.Inspect(t.Context(), tx, apdu.Chained)
		if err != nil {
			return err
		}
		req.Settings = found.Settings
		req.Signed = func(s []byte) { signature = s }
		return piv.Sign(t.Context(), tx, req)
	})
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// signIn signs in with a card; session is the agent's name for it.
func (s *site) signIn(card *virtual.Card, session string) {
	s.t.Helper()
	if status, code := s.post("/login", s.prove(card, s.server.URL, s.challenge(), session)); status != http.StatusOK {
		s.t.Fatalf("the sign-in ends with %d %s", status, code)
	}
}

// card is a new card that is registered to an account of its holder's name.
func (s *site) card(holder string) *virtual.Card {
	s.t.Helper()
	card := virtual.NewCard(s.ca, virtual.P256(holder))
	s.register(s.addUser(holder, store.RoleUser), card)
	return card
}

func (s *site) cookie(name string) string {
	s.t.Helper()
	u, _ := url.Parse(s.server.URL)
	for _, c := range s.browser.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	s.t.Fatalf("there is no cookie %s", name)
	return ""
}

func (s *site) setCookie(name, value string) {
	u, _ := url.Parse(s.server.URL)
	s.browser.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

// submit sends a form as a page of the site does.
func (s *site) submit(path string, fields ...string) (*http.Response, string) {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return s.do("POST", path, form.Encode(), "Origin", s.server.URL, "Sec-Fetch-Site", "same-origin", "Content-Type", "application/x-www-form-urlencoded")
}

// signInByPassword signs somebody in.
func (s *site) signInByPassword(email string) {
	s.t.Helper()
	if answer, text := s.submit("/sign-in", "email", email, "password", password); answer.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("the sign-in answers %d\n%s", answer.StatusCode, text)
	}
}
