package accounts

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
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

// The least of several times, since other tests run meanwhile.
func TestAnUnknownAddressTakesAsLongAsAKnownOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) { c.HashCost = HashCost{Memory: 16 << 10, Passes: 2, Lanes: 1} })
	s.user(annsEmail, annsPass, store.RoleUser)
	took := func(email string) time.Duration {
		least := time.Hour
		for range 4 {
			begin := time.Now()
			_, err := s.SignIn(t.Context(), Browser{From: ward}, email, "wrong")
			refused(t, err, CodeCredentialsWrong)
			least = min(least, time.Since(begin))
		}
		return least
	}
	known, unknown := took(annsEmail), took("nobody@hospital.example")
	if unknown < known/2 || known < unknown/2 {
		t.Errorf("known %v, unknown %v", known, unknown)
	}
}

// Known or not: the waits must not tell either.
func TestWrongPasswordsSlowTheNextDownMoreAndMore(t *testing.T) {
	t.Parallel()
	for _, email := range []string{annsEmail, "nobody@hospital.example", "not an address"} {
		s := newSite(t)
		s.user(annsEmail, annsPass, store.RoleUser)
		try := func(password string) error {
			_, err := s.SignIn(t.Context(), Browser{From: ward}, email, password)
			return err
		}
		var waits []time.Duration
		for n := 1; n <= 12; n++ {
			refused(t, try("wrong"), CodeCredentialsWrong)
			if n < 5 {
				continue
			}
			wait := refused(t, try(annsPass), CodeTooManyAttempts).RetryAfter // the right one too
			waits = append(waits, wait)
			s.pass(wait - time.Millisecond)
			wants(t, refused(t, try(annsPass), CodeTooManyAttempts).RetryAfter, time.Millisecond)
			s.pass(time.Millisecond)
		}
		wants(t, waits, []time.Duration{
			30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute,
			15 * time.Minute, 15 * time.Minute, 15 * time.Minute,
		})
		if email == annsEmail {
			check(t, try(annsPass))
		}
	}
}

func TestTheRightPasswordBeginsTheCountAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user(annsEmail, annsPass, store.RoleUser)
	for range 3 {
		for range 4 {
			_, err := s.SignIn(t.Context(), Browser{From: ward}, annsEmail, "wrong")
			refused(t, err, CodeCredentialsWrong)
		}
		s.signIn(annsEmail, annsPass)
	}
}

func TestADayWithoutATryBeginsTheCountAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user(annsEmail, annsPass, store.RoleUser)
	for range 3 {
		for range 4 {
			_, err := s.SignIn(t.Context(), Browser{From: ward}, annsEmail, "wrong")
			refused(t, err, CodeCredentialsWrong)
		}
		s.pass(24*time.Hour + time.Second)
	}
}

func TestOneAddressCannotTryManyAccounts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user(annsEmail, annsPass, store.RoleUser)
	try := func(from, email, password string) error {
		_, err := s.SignIn(t.Context(), Browser{From: netip.MustParseAddr(from)}, email, password)
		return err
	}
	for n := range 49 {
		refused(t, try("2001:db8::1", strings.Repeat("x", n+1)+"@hospital.example", "wrong"), CodeCredentialsWrong)
	}
	// A right one neither counts nor makes up for wrong ones.
	check(t, try("2001:db8::1", annsEmail, annsPass))
	refused(t, try("2001:db8::2", "last@hospital.example", "wrong"), CodeCredentialsWrong)

	e := refused(t, try("2001:db8::ffff:1%eth0", annsEmail, annsPass), CodeTooManyAttempts)
	wants(t, e.RetryAfter, 5*time.Second)
	check(t, try("2001:db8:0:1::1", annsEmail, annsPass)) // another network
	check(t, try("192.0.2.9", annsEmail, annsPass))
	s.pass(5 * time.Second)
	check(t, try("2001:db8::1", annsEmail, annsPass))
}

func TestAnAddressIsCountedOnceInBothItsForms(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *Config) {
		c.Limits.Address = AttemptLimit{Free: 2, First: time.Second, Most: time.Second, Forget: time.Hour}
	})
	for _, from := range []string{"192.0.2.7", "::ffff:192.0.2.7"} {
		_, err := s.SignIn(t.Context(), Browser{From: netip.MustParseAddr(from)}, from+"@hospital.example", "wrong")
		refused(t, err, CodeCredentialsWrong)
	}
	_, err := s.SignIn(t.Context(), Browser{From: ward}, annsEmail, "wrong")
	refused(t, err, CodeTooManyAttempts)
	_, err = s.SignIn(t.Context(), Browser{}, annsEmail, "wrong") // no address is one of its own
	refused(t, err, CodeCredentialsWrong)
}

// All guesses are sent before the first is answered.
func TestGuessesAtOnceCountEach(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user(annsEmail, annsPass, store.RoleUser)
	var wrong, waits int
	var mu sync.Mutex
	var tasks sync.WaitGroup
	for range 40 {
		tasks.Go(func() {
			_, err := s.SignIn(t.Context(), Browser{From: ward}, annsEmail, "wrong")
			mu.Lock()
			defer mu.Unlock()
			switch CodeOf(err) {
			case CodeCredentialsWrong:
				wrong++
			case CodeTooManyAttempts:
				waits++
			default:
				t.Error(err)
			}
		})
	}
	tasks.Wait()
	wants(t, [2]int{wrong, waits}, [2]int{5, 35})
}

func TestACallThatWasGivenUpStillCounts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range cap(s.hashes) {
		s.hashes <- struct{}{} // others are being computed
	}
	for range 5 {
		ctx, end := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := s.SignIn(ctx, Browser{From: ward}, annsEmail, "wrong")
		end()
		if refused(t, err, CodeInternal); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	_, err := s.SignIn(t.Context(), Browser{From: ward}, annsEmail, "wrong")
	refused(t, err, CodeTooManyAttempts)
}

func TestAClockThatWasWrongLocksNobodyOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user(annsEmail, annsPass, store.RoleUser)
	s.pass(365 * 24 * time.Hour)
	for range 5 {
		_, err := s.SignIn(t.Context(), Browser{From: ward}, annsEmail, "wrong")
		refused(t, err, CodeCredentialsWrong)
	}
	s.pass(-365 * 24 * time.Hour)
	s.signIn(annsEmail, annsPass)
}

func TestManyWrongPasswordsAreToldByMail(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.user(annsEmail, annsPass, store.RoleUser)
	for range 20 {
		for _, email := range []string{annsEmail, "nobody@hospital.example"} {
			_, err := s.SignIn(t.Context(), Browser{From: ward}, email, "wrong")
			refused(t, err, CodeCredentialsWrong)
		}
		s.pass(15 * time.Minute)
	}
	mails := s.mails()
	if len(mails) != 2 {
		t.Fatalf("%d mails were sent", len(mails))
	}
	slices.SortFunc(mails, func(a, b Message) int { return strings.Compare(a.Body, b.Body) })
	for i, text := range []string{"eich cyfrif 10 o weithiau", "eich cyfrif 20 o weithiau"} {
		if !strings.Contains(mails[i].Body, text) || mails[i].To.Address != annsEmail {
			t.Errorf("the mail %+v does not say %q", mails[i], text)
		}
	}
	wants(t, s.last(id).Details, map[string]string{"address": "192.0.2.7"})
	wants(t, s.last(id).Actor, store.UserID(0))
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
