package accounts

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/netip"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/portal/texts"
	"github.com/cardea-agent/cardea/web/verify"
)

const (
	policy    = "2031-05"
	annsEmail = "ann.reed@hospital.example"
	annsPass  = "six quiet herons at dawn"
	deskPass  = "the desk by the west door"
)

var (
	cheap = HashCost{Memory: 64, Passes: 1, Lanes: 1}
	ward  = netip.MustParseAddr("192.0.2.7")
)

// site is the accounts of a test, over a file of its own.
type site struct {
	*Accounts
	t     *testing.T
	store *store.SQLite
	sent  *postbox
	*clock
}

// clock moves when the test says so.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// postbox is a Mailer that keeps what it is given.
type postbox struct {
	mu       sync.Mutex
	messages []Message
	fails    error
}

func (p *postbox) Send(_ context.Context, m Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails != nil {
		return p.fails
	}
	p.messages = append(p.messages, m)
	return nil
}

func newSite(t *testing.T, change ...func(*Config)) *site {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "portal.db"))
	check(t, err)
	c := &clock{now: time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)}
	p := &postbox{}
	config := Config{
		Store: s, Mailer: p, Texts: texts.ByKey(), Language: "en", Site: "Mercy Hospital", Policy: policy,
		HashCost: cheap, Location: time.UTC, Clock: c.Now,
	}
	for _, f := range change {
		f(&config)
	}
	a, err := New(config)
	check(t, err)
	t.Cleanup(func() {
		a.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &site{a, t, s, p, c}
}

// user adds one and returns their number.
func (s *site) user(email, password string, role store.Role) store.UserID {
	s.t.Helper()
	id, err := s.AddUser(s.t.Context(), NewUser{Email: email, Name: "Ann Reed", Password: password, Language: "cy", Role: role})
	check(s.t, err)
	return id
}

// ann adds her, and signs her in by password.
func (s *site) ann() (token string, id store.UserID) {
	s.t.Helper()
	id = s.user(annsEmail, annsPass, store.RoleUser)
	return s.signIn(annsEmail, annsPass), id
}

// desk adds somebody of the helpdesk and signs them in.
func (s *site) desk() (token string, id store.UserID) {
	s.t.Helper()
	id = s.user("desk@hospital.example", deskPass, store.RoleHelpdesk)
	return s.signIn("desk@hospital.example", deskPass), id
}

func (s *site) signIn(email, password string) string {
	s.t.Helper()
	token, err := s.SignIn(s.t.Context(), Browser{From: ward}, email, password)
	check(s.t, err)
	return token
}

func (s *site) signInByCard(who verify.Identity) string {
	s.t.Helper()
	token, err := s.SignInByCard(s.t.Context(), Browser{From: ward}, who, "agent's name")
	check(s.t, err)
	return token
}

// register takes all steps.
func (s *site) register(token, name string, who verify.Identity) store.Card {
	s.t.Helper()
	ctx := s.t.Context()
	check(s.t, s.AcceptPolicy(ctx, token, policy))
	_, err := s.BeginRegistration(ctx, token)
	check(s.t, err)
	_, err = s.ChooseCard(ctx, token, name)
	check(s.t, err)
	check(s.t, s.CheckRegistration(ctx, token))
	card, err := s.FinishRegistration(ctx, token, who)
	check(s.t, err)
	return card
}

// mails waits for those on their way and returns all.
func (s *site) mails() []Message {
	s.Close()
	s.sent.mu.Lock()
	defer s.sent.mu.Unlock()
	return s.sent.messages
}

// actions returns the trail of a user as the store has it, the first first.
func (s *site) actions(id store.UserID) (found []string) {
	s.t.Helper()
	lines, err := s.store.LinesOf(s.t.Context(), id, 0, 1000)
	check(s.t, err)
	for _, l := range lines {
		found = append([]string{l.Action}, found...)
	}
	return found
}

// last returns the last line about a user.
func (s *site) last(id store.UserID) store.Line {
	s.t.Helper()
	lines, err := s.store.LinesOf(s.t.Context(), id, 0, 1)
	check(s.t, err)
	if len(lines) == 0 {
		s.t.Fatal("the trail is empty")
	}
	return lines[0]
}

// identity is what the verifier returns for the holder's card; another serial
// number is another certificate.
func identity(t testing.TB, holder string, serial int64) verify.Identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	expiry := time.Date(2033, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, int(serial), 0)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: holder},
		NotBefore: expiry.AddDate(-2, 0, 0), NotAfter: expiry,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	return verify.Identity{
		Issuer: "CN=Cards", UserID: holder, DisplayName: "Ann Reed", Expiry: cert.NotAfter, Certificate: cert,
	}
}

func fingerprint(who verify.Identity) store.Hash { return sha256.Sum256(who.Certificate.Raw) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// refused wants the code, and an error of this package itself.
func refused(t *testing.T, err error, code Code) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got error %v, want %s", err, code)
		return &Error{}
	}
	if any(err) != any(e) {
		t.Errorf("%v is wrapped", err)
	}
	return e
}
