package accounts

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/verify"
)

func TestAPersonSignsInByPassword(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.user(annsEmail, annsPass, store.RoleUser)
	token := s.signIn("  Ann.Reed@Hospital.EXAMPLE ", annsPass)
	session, err := s.Session(t.Context(), token)
	check(t, err)
	now := s.Now()
	wants(t, session, Session{
		User: store.User{
			ID: id, Email: annsEmail, Name: "Ann Reed", Language: "cy", Status: store.Active, Role: store.RoleUser, Created: now,
		},
		FreshUntil: now.Add(5 * time.Minute), Created: now, Expires: now.Add(12 * time.Hour),
	})
	wants(t, s.last(id).Details, map[string]string{"by": "password", "address": "192.0.2.7"})
}

func TestNobodyLearnsWhetherAddressOrPasswordWasWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user(annsEmail, annsPass, store.RoleUser)
	var texts []string
	for _, try := range [][2]string{
		{annsEmail, "wrong"}, {annsEmail, ""}, {annsEmail, annsPass + " "}, {annsEmail, strings.ToUpper(annsPass)},
		{"nobody@hospital.example", annsPass}, {"nobody@hospital.example", ""},
		{"not an address", annsPass}, {"", ""}, {"", annsPass},
	} {
		_, err := s.SignIn(t.Context(), Browser{From: ward}, try[0], try[1])
		refused(t, err, CodeCredentialsWrong)
		texts = append(texts, err.Error())
	}
	if texts = slices.Compact(texts); len(texts) != 1 {
		t.Errorf("the refusals differ: %q", texts)
	}
}

// The least of several times, taken in turns, since other tests run meanwhile.
// Without the work for nobody they never come near each other.
func TestAnUnknownAddressTakesAsLongAsAKnownOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.HashCost = HashCost{Memory: 16 << 10, Passes: 2, Lanes: 1} })
	s.user(annsEmail, annsPass, store.RoleUser)
	took := func(email string) time.Duration {
		begin := time.Now()
		_, err := s.SignIn(t.Context(), Browser{From: ward}, email, "wrong")
		refused(t, err, CodeCredentialsWrong)
		s.pass(time.Hour)
		return time.Since(begin)
	}
	known, unknown := time.Hour, time.Hour
	for range 30 {
		known, unknown = min(known, took(annsEmail)), min(unknown, took("nobody@hospital.example"))
		if unknown > known/2 && known > unknown/2 {
			return
		}
	}
	t.Errorf("known %v, unknown %v", known, unknown)
}

func TestAnInactiveAccountIsToldOnlyToWhoProvedToOwnIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	card := identity(t, "111122223333", 1)
	token, id := s.ann()
	s.register(token, "Blue card", card)
	check(t, s.store.SetStatus(t.Context(), id, store.Inactive))

	_, err := s.Session(t.Context(), token)
	refused(t, err, CodeAccountInactive)
	_, err = s.SignIn(t.Context(), Browser{From: ward}, annsEmail, "wrong")
	refused(t, err, CodeCredentialsWrong)
	_, err = s.SignIn(t.Context(), Browser{From: ward}, annsEmail, annsPass)
	refused(t, err, CodeAccountInactive)
	wants(t, s.last(id).Action, ActionSignInRefused)
	_, err = s.SignInByCard(t.Context(), Browser{From: ward}, card, "")
	refused(t, err, CodeAccountInactive)
	wants(t, s.last(id).Details, map[string]string{"by": "card", "address": "192.0.2.7", "card": "Blue card"})
	cards, err := s.store.CardsOf(t.Context(), id)
	check(t, err)
	if !cards[0].Used.IsZero() {
		t.Error("a refused sign-in counts as a use of the card")
	}
}

func TestAPersonSignsInByARegisteredCard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	who := identity(t, "111122223333", 1)
	first, id := s.ann()
	card := s.register(first, "Blue card", who)
	s.pass(time.Hour)
	token := s.signInByCard(who)
	session, err := s.Session(t.Context(), token)
	check(t, err)
	card.Used = s.Now()
	wants(t, session.Card, card)
	wants(t, session.User.ID, id)
	wants(t, session.AgentSession, "agent's name")
	wants(t, session.PolicyAccepted, true)
	if !session.Previous().Certificate.Equal(who.Certificate) {
		t.Error("the session has another certificate")
	}
	wants(t, s.last(id).Details, map[string]string{"by": "card", "address": "192.0.2.7", "card": "Blue card"})
}

func TestACardOfNoAccountIsOfferedRegistration(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	who := identity(t, "111122223333", 1)
	_, err := s.SignInByCard(t.Context(), Browser{From: ward}, who, "")
	refused(t, err, CodeCardNotRegistered)

	token, _ := s.ann()
	s.register(token, "Blue card", who)
	sameIDElsewhere := who
	sameIDElsewhere.Issuer = "CN=Other cards"
	_, err = s.SignInByCard(t.Context(), Browser{From: ward}, sameIDElsewhere, "")
	refused(t, err, CodeCardNotRegistered)
}

func TestARenewedCardKeepsWorking(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old, renewed := identity(t, "111122223333", 1), identity(t, "111122223333", 2)
	token, id := s.ann()
	card := s.register(token, "Blue card", old)
	s.signInByCard(old)
	s.pass(time.Hour)
	s.signInByCard(renewed)

	got, err := s.store.Card(t.Context(), card.ID)
	check(t, err)
	card.Fingerprint, card.Expiry, card.Used = fingerprint(renewed), renewed.Expiry, s.Now()
	wants(t, got, card)
	s.signInByCard(renewed)
	actions := s.actions(id)
	wants(t, actions[len(actions)-4:], []string{ActionSignedIn, ActionCardRenewed, ActionSignedIn, ActionSignedIn})
}

func TestAnIdentityThatNobodyVerifiedIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	who := identity(t, "111122223333", 1)
	token, _ := s.ann()
	s.register(token, "Blue card", who)
	for name, change := range map[string]func(*verify.Identity){
		"no certificate": func(w *verify.Identity) { w.Certificate = nil },
		"no issuer":      func(w *verify.Identity) { w.Issuer = "" },
		"no user id":     func(w *verify.Identity) { w.UserID = " " },
		"no expiry":      func(w *verify.Identity) { w.Expiry = time.Time{} },
	} {
		bad := who
		change(&bad)
		_, err := s.SignInByCard(t.Context(), Browser{From: ward}, bad, "")
		if CodeOf(err) != CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := s.SignInByCard(t.Context(), Browser{From: ward}, who, strings.Repeat("x", 129))
	refused(t, err, CodeInternal)
}

func TestAHashOfOlderCostIsMadeAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.user(annsEmail, annsPass, store.RoleUser)
	s.HashCost.Passes++
	_, err := s.SignIn(t.Context(), Browser{From: ward}, annsEmail, "wrong")
	refused(t, err, CodeCredentialsWrong)
	for range 2 {
		s.signIn(annsEmail, annsPass)
		text, err := s.store.PasswordHash(t.Context(), id)
		check(t, err)
		hash, err := parseHash(text)
		check(t, err)
		wants(t, hash.cost, s.HashCost)
	}
}

func TestADamagedHashLetsNobodyIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.user(annsEmail, annsPass, store.RoleUser)
	for _, text := range []string{"", annsPass, "$argon2id$v=19$m=64,t=1,p=1$$"} {
		check(t, s.store.SetPasswordHash(t.Context(), id, text))
		for _, password := range []string{annsPass, ""} {
			_, err := s.SignIn(t.Context(), Browser{From: ward}, annsEmail, password)
			if refused(t, err, CodeInternal); text != "" && strings.Contains(err.Error(), text) {
				t.Errorf("the error tells the hash: %v", err)
			}
			s.pass(time.Hour)
		}
	}
}
