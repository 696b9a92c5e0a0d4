package accounts

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/verify"
)

func TestACardIsRegisteredInThreeSteps(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	who := identity(t, "111122223333", 1)
	token, id := s.ann() // the first

	check(t, s.AcceptPolicy(ctx, token, policy))
	r, err := s.BeginRegistration(ctx, token)
	check(t, err)
	want := store.Registration{User: id, Step: store.StepChoose, Opened: s.Now(), Expires: s.Now().Add(24 * time.Hour)}
	wants(t, r, want)
	refused(t, s.CheckRegistration(ctx, token), CodeCardNotChosen)
	_, err = s.FinishRegistration(ctx, token, who)
	refused(t, err, CodeCardNotChosen)

	_, err = s.ChooseCard(ctx, token, "Green card")
	check(t, err)
	r, err = s.ChooseCard(ctx, token, "  Blue card ") // back, and on again
	check(t, err)
	want.Step, want.Name = store.StepInsert, "Blue card"
	wants(t, r, want)

	check(t, s.CheckRegistration(ctx, token))
	card, err := s.FinishRegistration(ctx, token, who)
	check(t, err)
	wants(t, card, store.Card{
		ID: card.ID, User: id, Holder: store.Holder{Issuer: "CN=Cards", ID: "111122223333"}, Name: "Blue card",
		Fingerprint: fingerprint(who), Expiry: who.Expiry, Registered: s.Now(),
	})
	_, err = s.Registration(ctx, token)
	refused(t, err, CodeRegistrationNotFound)
	cards, err := s.Cards(ctx, token)
	check(t, err)
	wants(t, cards, []store.Card{card})
	s.signInByCard(who)

	wants(t, s.actions(id), []string{
		ActionUserCreated, ActionSignedIn, ActionPolicyAccepted, ActionRegistrationBegun, ActionCardRegistered, ActionSignedIn,
	})
	mails := s.mails()
	if len(mails) != 1 || !strings.HasPrefix(mails[0].Body, "Helo Ann Reed,") || !strings.Contains(mails[0].Body, "“Blue card”") {
		t.Errorf("the mails are %+v", mails)
	}
}

func TestARegistrationIsTakenUpWhereItStoodForADay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	token, _ := s.ann()
	check(t, s.AcceptPolicy(ctx, token, policy))
	_, err := s.BeginRegistration(ctx, token)
	check(t, err)
	begun, err := s.ChooseCard(ctx, token, "Blue card")
	check(t, err)

	s.pass(24*time.Hour - time.Millisecond)
	token = s.signIn(annsEmail, annsPass) // another browser
	for _, take := range []func() (store.Registration, error){
		func() (store.Registration, error) { return s.Registration(ctx, token) },
		func() (store.Registration, error) { return s.BeginRegistration(ctx, token) },
	} {
		r, err := take()
		check(t, err)
		wants(t, r, begun)
	}

	s.pass(time.Millisecond)
	who := identity(t, "111122223333", 1)
	_, err = s.Registration(ctx, token)
	refused(t, err, CodeRegistrationExpired)
	_, err = s.ChooseCard(ctx, token, "Blue card")
	refused(t, err, CodeRegistrationExpired)
	refused(t, s.CheckRegistration(ctx, token), CodeRegistrationExpired)
	_, err = s.FinishRegistration(ctx, token, who)
	refused(t, err, CodeRegistrationExpired)
	r, err := s.BeginRegistration(ctx, token)
	check(t, err)
	wants(t, r.Step, store.StepChoose)
	wants(t, r.Name, "")
	s.register(token, "Blue card", who)
}

func TestARegistrationCanBeGivenUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	token, _ := s.ann()
	check(t, s.AcceptPolicy(ctx, token, policy))
	check(t, s.CancelRegistration(ctx, token))
	_, err := s.BeginRegistration(ctx, token)
	check(t, err)
	check(t, s.CancelRegistration(ctx, token))
	_, err = s.Registration(ctx, token)
	refused(t, err, CodeRegistrationNotFound)
	_, err = s.ChooseCard(ctx, token, "Blue card")
	refused(t, err, CodeRegistrationNotFound)
}

func TestACardOfAnotherAccountIsNotRegistered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	who, renewed := identity(t, "111122223333", 1), identity(t, "111122223333", 2)
	anns, ann := s.ann()
	s.register(anns, "Blue card", who)
	bob := s.user("bob@hospital.example", "bob has a password", store.RoleUser)
	bobs := s.signIn("bob@hospital.example", "bob has a password")
	check(t, s.AcceptPolicy(ctx, bobs, policy))
	_, err := s.BeginRegistration(ctx, bobs)
	check(t, err)
	_, err = s.ChooseCard(ctx, bobs, "Mine")
	check(t, err)

	for _, card := range []verify.Identity{who, renewed} {
		_, err = s.FinishRegistration(ctx, bobs, card)
		if e := refused(t, err, CodeCardTaken); strings.Contains(e.Error(), "ann") {
			t.Errorf("the refusal tells whose it is: %v", e)
		}
	}
	cards, err := s.Cards(ctx, bobs)
	check(t, err)
	wants(t, len(cards), 0)
	for _, id := range []store.UserID{ann, bob} { // for the helpdesk, in both trails
		line := s.last(id)
		wants(t, [3]any{line.Action, line.Actor, line.Subject}, [3]any{ActionCardRefused, bob, ann})
	}
	own := identity(t, "444455556666", 3)
	card, err := s.FinishRegistration(ctx, bobs, own) // the right card, without beginning anew
	check(t, err)
	wants(t, card.Name, "Mine")
	wants(t, len(s.mails()), 2)
}

func TestOnesOwnCardIsNotRegisteredTwice(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	token, _ := s.ann()
	card := s.register(token, "Blue card", identity(t, "111122223333", 1))
	_, err := s.BeginRegistration(ctx, token)
	check(t, err)
	_, err = s.ChooseCard(ctx, token, "Green card")
	check(t, err)
	_, err = s.FinishRegistration(ctx, token, identity(t, "111122223333", 2))
	refused(t, err, CodeCardAlreadyRegistered)
	cards, err := s.Cards(ctx, token)
	check(t, err)
	wants(t, cards, []store.Card{card})
}

func TestTwoAccountsThatRegisterACardAtOnceDoNotBothHaveIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	who := identity(t, "111122223333", 1)
	var tokens []string
	for _, name := range []string{"a", "b", "c", "d"} {
		s.user(name+"@hospital.example", annsPass, store.RoleUser)
		token := s.signIn(name+"@hospital.example", annsPass)
		check(t, s.AcceptPolicy(ctx, token, policy))
		_, err := s.BeginRegistration(ctx, token)
		check(t, err)
		_, err = s.ChooseCard(ctx, token, "Mine")
		check(t, err)
		tokens = append(tokens, token)
	}
	var mu sync.Mutex
	var got []string
	var tasks sync.WaitGroup
	for _, token := range tokens {
		tasks.Go(func() {
			_, err := s.FinishRegistration(ctx, token, who)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				got = append(got, "registered")
			} else {
				got = append(got, string(CodeOf(err)))
			}
		})
	}
	tasks.Wait()
	slices.Sort(got)
	wants(t, got, []string{"cardTaken", "cardTaken", "cardTaken", "registered"})
}

func TestThePresentPolicyComesFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	token, id := s.ann()
	_, err := s.BeginRegistration(ctx, token)
	refused(t, err, CodePolicyNotAccepted)
	refused(t, s.AcceptPolicy(ctx, token, "2030-01"), CodePolicyChanged)
	refused(t, s.AcceptPolicy(ctx, token, ""), CodePolicyChanged)
	check(t, s.AcceptPolicy(ctx, token, policy))
	session, err := s.Session(ctx, token)
	check(t, err)
	wants(t, session.PolicyAccepted, true)
	wants(t, [2]any{session.User.Policy, session.User.PolicyAccepted}, [2]any{policy, s.Now()})
	wants(t, s.last(id).Details, map[string]string{"policy": policy})
	_, err = s.BeginRegistration(ctx, token)
	check(t, err)
	_, err = s.ChooseCard(ctx, token, "Blue card")
	check(t, err)

	s.Policy = "2031-06" // another comes while the registration is under way
	session, err = s.Session(ctx, token)
	check(t, err)
	wants(t, session.PolicyAccepted, false)
	_, err = s.ChooseCard(ctx, token, "Blue card")
	refused(t, err, CodePolicyNotAccepted)
	refused(t, s.CheckRegistration(ctx, token), CodePolicyNotAccepted)
	_, err = s.FinishRegistration(ctx, token, identity(t, "111122223333", 1))
	refused(t, err, CodePolicyNotAccepted)
}

func TestAnOpenSessionAloneRegistersNoCard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	who := identity(t, "111122223333", 1)
	token, _ := s.ann()
	check(t, s.AcceptPolicy(ctx, token, policy))
	_, err := s.BeginRegistration(ctx, token)
	check(t, err)
	s.pass(5*time.Minute + time.Millisecond)
	_, err = s.ChooseCard(ctx, token, "Blue card")
	refused(t, err, CodeReauthenticationNeeded)
	check(t, s.Reauthenticate(ctx, token, annsPass, ward))
	_, err = s.ChooseCard(ctx, token, "Blue card")
	check(t, err)
	s.pass(5 * time.Minute)
	check(t, s.CheckRegistration(ctx, token))
	s.pass(time.Millisecond)
	refused(t, s.CheckRegistration(ctx, token), CodeReauthenticationNeeded)
	// The card was asked for just before, and has as long as its challenge.
	s.pass(verify.DefaultNonceLife)
	_, err = s.FinishRegistration(ctx, token, who)
	refused(t, err, CodeReauthenticationNeeded)
	s.pass(-time.Millisecond)
	_, err = s.FinishRegistration(ctx, token, who)
	check(t, err)
}

func TestACardsNameIsOneVisibleLine(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	token, _ := s.ann()
	card := s.register(token, "Cerdyn gŵyl 2 – ward 7 🙂", identity(t, "111122223333", 1))
	_, err := s.BeginRegistration(ctx, token)
	check(t, err)
	for _, name := range []string{"", " ", "a\nb", "a\x00b", "a\u202eb", "a\u200bb", "\xff", strings.Repeat("x", 101)} {
		_, err = s.ChooseCard(ctx, token, name)
		wants(t, refused(t, err, CodeFieldInvalid).Field, FieldName)
		wants(t, refused(t, s.NameCard(ctx, token, card.ID, name), CodeFieldInvalid).Field, FieldName)
	}
	_, err = s.ChooseCard(ctx, token, strings.Repeat("ŵ", 100))
	check(t, err)
}

func TestPrerequisitesAreToldAsFarAsTheServerKnows(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	has := func(token string, active, accepted Finding) {
		t.Helper()
		got, err := s.Prerequisites(ctx, token)
		check(t, err)
		wants(t, got, []Check{
			{"accountActive", active, false}, {"policyAccepted", accepted, false},
			{"agentFound", "unknown", true}, {"browserFit", "unknown", true}, {"cardReadable", "unknown", true},
		})
	}
	has("", "unknown", "unknown")
	token, id := s.ann()
	has(token, "met", "missing")
	check(t, s.AcceptPolicy(ctx, token, policy))
	has(token, "met", "met")
	check(t, s.store.SetStatus(ctx, id, store.Inactive))
	has(token, "missing", "unknown")
	s.pass(time.Hour)
	has(token, "unknown", "unknown")
}
