package accounts

import (
	"context"
	"errors"

	"github.com/cardea-agent/cardea/web/portal/store"
)

// Cards returns the user's own, the first registered first.
func (a *Accounts) Cards(ctx context.Context, token string) (cards []store.Card, err error) {
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		cards, err = tx.CardsOf(ctx, w.user.ID)
		return err
	})
	return cards, err
}

// NameCard gives a card of the user's own another name.
//
// Errors: those of the session, CodeReauthenticationNeeded, CodeCardNotFound,
// CodeFieldInvalid.
func (a *Accounts) NameCard(ctx context.Context, token string, id store.CardID, name string) error {
	return a.as(ctx, token, func(tx store.Tx, w who) error {
		card, err := w.ownCard(ctx, tx, id)
		if err != nil {
			return err
		}
		was := card.Name
		if card.Name, err = oneLine(FieldName, name, maxName); err != nil {
			return err
		}
		details := detailsOf(card)
		details["was"] = was
		return errors.Join(
			tx.NameCard(ctx, id, card.Name),
			w.note(ctx, tx, w.user.ID, ActionCardNamed, details),
		)
	})
}

// RemoveCard takes a card of the user's own off their account, and tells them
// by mail. The sessions that the card began end, which may be this one.
//
// Errors: those of the session, CodeReauthenticationNeeded, CodeCardNotFound.
func (a *Accounts) RemoveCard(ctx context.Context, token string, id store.CardID) (signedOut bool, err error) {
	var n notice
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		card, err := w.ownCard(ctx, tx, id)
		if err != nil {
			return err
		}
		signedOut = w.session.Card == id
		n = notice{kind: mailCardRemoved, to: w.user, at: w.now, card: card.Name}
		return errors.Join(
			tx.RemoveCard(ctx, id),
			w.note(ctx, tx, w.user.ID, ActionCardRemoved, detailsOf(card)),
		)
	})
	if err != nil {
		return false, err
	}
	a.send(ctx, n)
	return signedOut, nil
}

// ownCard returns a card to change, if that was confirmed lately.
func (w who) ownCard(ctx context.Context, tx store.Tx, id store.CardID) (store.Card, error) {
	if err := w.fresh(0); err != nil {
		return store.Card{}, err
	}
	card, err := tx.Card(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && card.User != w.user.ID {
		return store.Card{}, refuse(CodeCardNotFound)
	}
	return card, err
}
