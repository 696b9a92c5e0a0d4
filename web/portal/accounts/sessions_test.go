package accounts

import (
	"context"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
)

func TestSigningInAgainReplacesTheBrowsersSession(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old, _ := s.ann()
	other := s.signIn(annsEmail, annsPass)
	token, err := s.SignIn(t.Context(), Browser{From: ward, Session: old}, annsEmail, annsPass)
	check(t, err)
	if token == old || len(token) < 26 {
		t.Errorf("the token is %q after %q", token, old)
	}
	_, err = s.Session(t.Context(), old)
	refused(t, err, CodeSignedOut)
	for _, token := range []string{token, other} {
		_, err = s.Session(t.Context(), token)
		check(t, err)
	}
}

func TestTheDatabaseHoldsNoToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.ann()
	kept, err := s.store.Session(t.Context(), hashOf(token))
	check(t, err)
	for _, guess := range []string{"", string(kept.Token[:]), token + " "} {
		_, err = s.Session(t.Context(), guess)
		refused(t, err, CodeSignedOut)
	}
}

func TestASessionEndsWhenItIsNotUsed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.ann()
	for range 5 {
		s.pass(29 * time.Minute)
		check(t, s.Touch(t.Context(), token))
	}
	s.pass(30*time.Minute - time.Millisecond)
	_, err := s.Session(t.Context(), token) // looking is no use
	check(t, err)
	s.pass(time.Millisecond)
	_, err = s.Session(t.Context(), token)
	refused(t, err, CodeSessionExpired)
	refused(t, s.Touch(t.Context(), token), CodeSessionExpired)
}

func TestASessionEndsHoweverMuchItIsUsed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.ann()
	for range 47 {
		s.pass(15 * time.Minute)
		check(t, s.Touch(t.Context(), token))
		check(t, s.Reauthenticate(t.Context(), token, annsPass, ward))
	}
	s.pass(15 * time.Minute)
	_, err := s.Session(t.Context(), token)
	refused(t, err, CodeSessionExpired)
	s.pass(time.Second)
	s.signIn(annsEmail, annsPass) // sweeps
	_, err = s.Session(t.Context(), token)
	refused(t, err, CodeSignedOut)
}

func TestUseIsKeptToTheMinute(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.ann()
	seen := func() time.Time {
		kept, err := s.store.Session(t.Context(), hashOf(token))
		check(t, err)
		return kept.Seen
	}
	begun := s.Now()
	s.pass(59 * time.Second)
	check(t, s.Touch(t.Context(), token))
	wants(t, seen(), begun)
	s.pass(time.Second)
	check(t, s.Touch(t.Context(), token))
	wants(t, seen(), s.Now())
}

func TestALockedPageDoesNothingUntilItsCardSignsAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	who, renewed, other := identity(t, "111122223333", 1), identity(t, "111122223333", 2), identity(t, "444455556666", 3)
	first, id := s.ann()
	card := s.register(first, "Blue card", who)
	s.register(first, "Green card", other)
	token := s.signInByCard(who)
	check(t, s.Lock(ctx, token))
	check(t, s.Lock(ctx, token))

	session, err := s.Session(ctx, token)
	check(t, err)
	wants(t, session.Locked, true)
	for name, do := range map[string]func() error{
		"touch":          func() error { return s.Touch(ctx, token) },
		"reauthenticate": func() error { return s.Reauthenticate(ctx, token, annsPass, ward) },
		"by card":        func() error { return s.ReauthenticateByCard(ctx, token, who) },
		"cards":          func() error { _, err := s.Cards(ctx, token); return err },
		"name":           func() error { return s.NameCard(ctx, token, card.ID, "Red card") },
		"remove":         func() error { _, err := s.RemoveCard(ctx, token, card.ID); return err },
		"register":       func() error { _, err := s.BeginRegistration(ctx, token); return err },
		"registration":   func() error { _, err := s.Registration(ctx, token); return err },
		"cancel":         func() error { return s.CancelRegistration(ctx, token) },
		"policy":         func() error { return s.AcceptPolicy(ctx, token, policy) },
		"language":       func() error { return s.SetLanguage(ctx, token, "en") },
		"end all":        func() error { return s.EndAll(ctx, token) },
		"look up":        func() error { _, err := s.LookUp(ctx, token, annsEmail); return err },
		"trail":          func() error { _, err := s.Trail(ctx, token, id, 0); return err },
	} {
		if err := do(); CodeOf(err) != CodePageLocked {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused(t, s.Resume(ctx, token, other), CodeDifferentCard)
	refused(t, s.Resume(ctx, token, renewed), CodeDifferentCard)

	s.pass(10 * time.Minute)
	check(t, s.Resume(ctx, token, who))
	session, err = s.Session(ctx, token)
	check(t, err)
	wants(t, session.Locked, false)
	wants(t, session.FreshUntil, s.Now().Add(5*time.Minute))
	check(t, s.Touch(ctx, token))
}

func TestALockedSessionEndsWhenItsCardStaysOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	who := identity(t, "111122223333", 1)
	first, _ := s.ann()
	s.register(first, "Blue card", who)
	token := s.signInByCard(who)
	check(t, s.Lock(t.Context(), token))
	s.pass(30 * time.Minute)
	refused(t, s.Resume(t.Context(), token, who), CodeSessionExpired)
}

func TestASessionByPasswordIsNotLocked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	who := identity(t, "111122223333", 1)
	token, _ := s.ann()
	s.register(token, "Blue card", who)
	refused(t, s.Lock(t.Context(), token), CodeNotAllowed)
	refused(t, s.Resume(t.Context(), token, who), CodeNotAllowed)
	check(t, s.Touch(t.Context(), token))
}

func TestSigningOutEndsOneSessionOrAll(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	one, id := s.ann()
	two, three := s.signIn(annsEmail, annsPass), s.signIn(annsEmail, annsPass)
	desk, _ := s.desk()
	check(t, s.End(ctx, one))
	check(t, s.End(ctx, one))
	check(t, s.End(ctx, ""))
	_, err := s.Session(ctx, one)
	refused(t, err, CodeSignedOut)
	_, err = s.Session(ctx, two)
	check(t, err)
	check(t, s.EndAll(ctx, two))
	for _, token := range []string{two, three} {
		_, err = s.Session(ctx, token)
		refused(t, err, CodeSignedOut)
		refused(t, s.EndAll(ctx, token), CodeSignedOut)
	}
	_, err = s.Session(ctx, desk)
	check(t, err)
	wants(t, s.actions(id), []string{
		ActionUserCreated, ActionSignedIn, ActionSignedIn, ActionSignedIn, ActionSignedOut, ActionSignedOutEverywhere,
	})
}

func TestANewProofIsByOnesOwnPasswordOrCard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	anns, bobs := identity(t, "111122223333", 1), identity(t, "444455556666", 2)
	token, id := s.ann()
	s.register(token, "Blue card", anns)
	s.user("bob@hospital.example", "bob has a password", store.RoleUser)
	s.register(s.signIn("bob@hospital.example", "bob has a password"), "Bob's card", bobs)
	s.pass(6 * time.Minute)

	fresh := func() bool {
		session, err := s.Session(ctx, token)
		check(t, err)
		return s.Now().Before(session.FreshUntil)
	}
	refused(t, s.Reauthenticate(ctx, token, "bob has a password", ward), CodeCredentialsWrong)
	refused(t, s.ReauthenticateByCard(ctx, token, bobs), CodeDifferentCard)
	refused(t, s.ReauthenticateByCard(ctx, token, identity(t, "777788889999", 3)), CodeCardNotRegistered)
	wants(t, fresh(), false)
	check(t, s.Reauthenticate(ctx, token, annsPass, ward))
	wants(t, fresh(), true)
	s.pass(6 * time.Minute)
	check(t, s.ReauthenticateByCard(ctx, token, anns))
	wants(t, fresh(), true)
	wants(t, s.last(id).Details, map[string]string{"by": "card", "card": "Blue card"})
	refused(t, s.Reauthenticate(ctx, "", annsPass, ward), CodeSignedOut)
	refused(t, s.ReauthenticateByCard(ctx, "", anns), CodeSignedOut)
}

func TestASessionThatSomebodyLeftOpenIsNoPlaceToGuessPasswords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.ann()
	for range 5 {
		refused(t, s.Reauthenticate(t.Context(), token, "wrong", ward), CodeCredentialsWrong)
	}
	refused(t, s.Reauthenticate(t.Context(), token, annsPass, ward), CodeTooManyAttempts)
}

func TestACallThatWasGivenUpSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.ann()
	ctx, end := context.WithCancel(t.Context())
	end()
	_, err := s.Session(ctx, token)
	refused(t, err, CodeInternal)
	refused(t, s.End(ctx, token), CodeInternal)
	refused(t, s.Touch(ctx, token), CodeInternal)
}
