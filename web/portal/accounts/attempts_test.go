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
)

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

// between does something once the user was found, which is after an attempt was
// counted and before its password is looked at.
type between struct {
	store.Store
	do func()
}

func (b *between) PasswordHash(ctx context.Context, id store.UserID) (string, error) {
	hash, err := b.Store.PasswordHash(ctx, id)
	b.do()
	return hash, err
}

func TestACallThatWasGivenUpStillCounts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user(annsEmail, annsPass, store.RoleUser)
	hook := &between{Store: s.Store}
	s.Accounts.Store = hook
	for range cap(s.hashes) {
		s.hashes <- struct{}{} // others are being computed
	}
	try := func() error {
		var ctx context.Context
		ctx, hook.do = context.WithCancel(t.Context())
		defer hook.do()
		_, err := s.SignIn(ctx, Browser{From: ward}, annsEmail, "wrong")
		return err
	}
	for range 5 {
		err := try()
		if refused(t, err, CodeInternal); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	refused(t, try(), CodeTooManyAttempts)
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

func TestTheWaitBeginsWithTheAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user(annsEmail, annsPass, store.RoleUser)
	s.Accounts.Store = &between{Store: s.Store, do: func() { s.pass(20 * time.Second) }}
	for range 5 {
		_, err := s.SignIn(t.Context(), Browser{From: ward}, annsEmail, "wrong")
		refused(t, err, CodeCredentialsWrong)
	}
	_, err := s.SignIn(t.Context(), Browser{From: ward}, annsEmail, annsPass)
	wants(t, refused(t, err, CodeTooManyAttempts).RetryAfter, 30*time.Second)
}
