package store

import (
	"context"
	"time"
)

// CardID is the number of a registration of a card.
type CardID int64

// Holder is who an issuer says holds a card. It survives a renewal, and is what
// a registration is found by.
type Holder struct {
	Issuer string
	ID     string // the user id that the issuer gave
}

// Card is a registered card: every card that its issuer gives this holder.
type Card struct {
	ID     CardID
	User   UserID
	Holder Holder
	Name   string // given by the user
	// Of the certificate that signed in or was registered last.
	Fingerprint Hash
	Expiry      time.Time

	Registered time.Time
	Used       time.Time // the last sign-in; zero if none
}

// Cards are the registered cards.
type Cards interface {
	// AddCard returns the new number, or ErrTaken if the holder is registered,
	// for whichever user. c.ID is not used.
	AddCard(ctx context.Context, c Card) (CardID, error)
	Card(ctx context.Context, id CardID) (Card, error)
	CardByHolder(ctx context.Context, holder Holder) (Card, error)
	// CardsOf returns a user's cards, the first registered first.
	CardsOf(ctx context.Context, user UserID) ([]Card, error)
	// CardUsed keeps which certificate signed, and when.
	CardUsed(ctx context.Context, id CardID, fingerprint Hash, expiry, at time.Time) error
	NameCard(ctx context.Context, id CardID, name string) error
	// RemoveCard also ends the sessions that the card began.
	RemoveCard(ctx context.Context, id CardID) error
}

const selectCard = `SELECT id, user, issuer, holder, name, fingerprint, expiry, registered, used FROM cards `

func scanCard(row scanner) (c Card, err error) {
	err = row.Scan(&c.ID, &c.User, &c.Holder.Issuer, &c.Holder.ID, &c.Name,
		(*hash)(&c.Fingerprint), (*moment)(&c.Expiry), (*moment)(&c.Registered), (*moment)(&c.Used))
	return c, err
}

func (q queries) AddCard(ctx context.Context, c Card) (CardID, error) {
	id, err := q.insert(ctx, `INSERT INTO cards
		(user, issuer, holder, name, fingerprint, expiry, registered, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		c.User, c.Holder.Issuer, c.Holder.ID, c.Name, c.Fingerprint[:], moment(c.Expiry), moment(c.Registered), moment(c.Used))
	return CardID(id), err
}

func (q queries) Card(ctx context.Context, id CardID) (Card, error) {
	return one(ctx, q, scanCard, selectCard+`WHERE id = ?`, id)
}

func (q queries) CardByHolder(ctx context.Context, holder Holder) (Card, error) {
	return one(ctx, q, scanCard, selectCard+`WHERE issuer = ? AND holder = ?`, holder.Issuer, holder.ID)
}

func (q queries) CardsOf(ctx context.Context, user UserID) ([]Card, error) {
	return all(ctx, q, scanCard, selectCard+`WHERE user = ? ORDER BY id`, user)
}

func (q queries) CardUsed(ctx context.Context, id CardID, fingerprint Hash, expiry, at time.Time) error {
	return q.execOne(ctx, `UPDATE cards SET fingerprint = ?, expiry = ?, used = ? WHERE id = ?`,
		fingerprint[:], moment(expiry), moment(at), id)
}

func (q queries) NameCard(ctx context.Context, id CardID, name string) error {
	return q.execOne(ctx, `UPDATE cards SET name = ? WHERE id = ?`, name, id)
}

func (q queries) RemoveCard(ctx context.Context, id CardID) error {
	return q.execOne(ctx, `DELETE FROM cards WHERE id = ?`, id)
}
