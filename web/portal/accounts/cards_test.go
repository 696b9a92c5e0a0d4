package accounts

import (
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
)

func TestAPersonNamesAndRemovesTheirOwnCards(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	blue, green := identity(t, "111122223333", 1), identity(t, "444455556666", 2)
	token, id := s.ann()
	first, second := s.register(token, "Blue card", blue), s.register(token, "Green card", green)

	check(t, s.NameCard(ctx, token, first.ID, " Navy card "))
	first.Name = "Navy card"
	cards, err := s.Cards(ctx, token)
	check(t, err)
	wants(t, cards, []store.Card{first, second})
	wants(t, s.last(id).Details, map[string]string{
		"card": "Navy card", "was": "Blue card", "issuer": "CN=Cards", "holder": "111122223333",
	})

	signedOut, err := s.RemoveCard(ctx, token, first.ID)
	check(t, err)
	wants(t, signedOut, false)
	cards, err = s.Cards(ctx, token)
	check(t, err)
	wants(t, cards, []store.Card{second})
	_, err = s.SignInByCard(ctx, Browser{From: ward}, blue, "")
	refused(t, err, CodeCardNotRegistered)
	wants(t, s.last(id).Action, ActionCardRemoved)
	mails := s.mails()
	wants(t, len(mails), 3)
	if last := mails[2]; !strings.Contains(last.Body, "dynnu’r cerdyn “Navy card”") {
		t.Errorf("the mail is %+v", last)
	}

	s.register(token, "Blue again", blue)
}

func TestRemovingACardEndsItsSessions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	blue, green := identity(t, "111122223333", 1), identity(t, "444455556666", 2)
	byPassword, _ := s.ann()
	card := s.register(byPassword, "Blue card", blue)
	s.register(byPassword, "Green card", green)
	byBlue, alsoByBlue, byGreen := s.signInByCard(blue), s.signInByCard(blue), s.signInByCard(green)
	signedOut, err := s.RemoveCard(ctx, byBlue, card.ID)
	check(t, err)
	wants(t, signedOut, true)
	for _, token := range []string{byBlue, alsoByBlue} {
		_, err = s.Session(ctx, token)
		refused(t, err, CodeSignedOut)
		refused(t, s.Resume(ctx, token, blue), CodeSignedOut)
	}
	for _, token := range []string{byPassword, byGreen} {
		_, err = s.Session(ctx, token)
		check(t, err)
	}
}

func TestChangesToCardsNeedAFreshProof(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	token, id := s.ann()
	card := s.register(token, "Blue card", identity(t, "111122223333", 1))
	before := s.actions(id)
	s.pass(5*time.Minute + time.Millisecond)
	refused(t, s.NameCard(ctx, token, card.ID, "Navy card"), CodeReauthenticationNeeded)
	_, err := s.RemoveCard(ctx, token, card.ID)
	refused(t, err, CodeReauthenticationNeeded)
	wants(t, s.actions(id), before)
	cards, err := s.Cards(ctx, token) // they can be seen without
	check(t, err)
	wants(t, cards, []store.Card{card})
	s.pass(-time.Millisecond)
	check(t, s.NameCard(ctx, token, card.ID, "Navy card"))
}

func TestNobodyTouchesAnothersCard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	anns, _ := s.ann()
	card := s.register(anns, "Blue card", identity(t, "111122223333", 1))
	s.user("bob@hospital.example", "bob has a password", store.RoleUser)
	for _, token := range []string{s.signIn("bob@hospital.example", "bob has a password"), first(s.desk())} {
		for _, id := range []store.CardID{card.ID, card.ID + 1, 0, -1} { // theirs or none: no difference
			refused(t, s.NameCard(ctx, token, id, "Mine"), CodeCardNotFound)
			_, err := s.RemoveCard(ctx, token, id)
			refused(t, err, CodeCardNotFound)
		}
		cards, err := s.Cards(ctx, token)
		check(t, err)
		wants(t, len(cards), 0)
	}
	cards, err := s.Cards(ctx, anns)
	check(t, err)
	wants(t, cards, []store.Card{card})
}

func first[T, U any](a T, _ U) T { return a }
