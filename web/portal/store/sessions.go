package store

import (
	"context"
	"database/sql"
	"time"
)

// Session is one signed-in person in one browser.
type Session struct {
	Token Hash // of the secret in the browser's cookie
	User  UserID
	// Card and Certificate (DER) are what it was begun by; zero and nil if by
	// password.
	Card        CardID
	Certificate []byte
	// AgentSession is the agent's name for the session; empty if by password.
	AgentSession string

	Created time.Time
	Seen    time.Time // last used, to about a minute
	Expires time.Time // however much it is used
	// Locked: the card is out, and has not signed again.
	Locked bool
	// Authenticated is when the person last proved who they are.
	Authenticated time.Time
}

// Sessions are the signed-in browsers.
type Sessions interface {
	AddSession(ctx context.Context, s Session) error
	Session(ctx context.Context, token Hash) (Session, error)
	TouchSession(ctx context.Context, token Hash, at time.Time) error
	LockSession(ctx context.Context, token Hash) error
	// Authenticated keeps a new proof, which also unlocks.
	Authenticated(ctx context.Context, token Hash, at time.Time) error
	// EndSession is no error when there is none.
	EndSession(ctx context.Context, token Hash) error
	EndSessionsOf(ctx context.Context, user UserID) error
	// EndSessionsBefore forgets those that expired before now.
	EndSessionsBefore(ctx context.Context, now time.Time) error
}

func scanSession(row scanner) (s Session, err error) {
	var card sql.Null[CardID]
	err = row.Scan((*hash)(&s.Token), &s.User, &card, &s.Certificate, &s.AgentSession,
		(*moment)(&s.Created), (*moment)(&s.Seen), (*moment)(&s.Expires), &s.Locked, (*moment)(&s.Authenticated))
	s.Card = card.V
	return s, err
}

func (q queries) AddSession(ctx context.Context, s Session) error {
	card := sql.Null[CardID]{V: s.Card, Valid: s.Card != 0}
	_, err := q.exec(ctx, `INSERT INTO sessions
		(token, user, card, certificate, agent_session, created, seen, expires, locked, authenticated)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		s.Token[:], s.User, card, s.Certificate, s.AgentSession,
		moment(s.Created), moment(s.Seen), moment(s.Expires), s.Locked, moment(s.Authenticated))
	return err
}

func (q queries) Session(ctx context.Context, token Hash) (Session, error) {
	return one(ctx, q, scanSession, `SELECT token, user, card, certificate, agent_session,
		created, seen, expires, locked, authenticated FROM sessions WHERE token = ?`, token[:])
}

func (q queries) TouchSession(ctx context.Context, token Hash, at time.Time) error {
	return q.execOne(ctx, `UPDATE sessions SET seen = ? WHERE token = ?`, moment(at), token[:])
}

func (q queries) LockSession(ctx context.Context, token Hash) error {
	return q.execOne(ctx, `UPDATE sessions SET locked = 1 WHERE token = ?`, token[:])
}

func (q queries) Authenticated(ctx context.Context, token Hash, at time.Time) error {
	return q.execOne(ctx, `UPDATE sessions SET locked = 0, seen = ?1, authenticated = ?1 WHERE token = ?2`,
		moment(at), token[:])
}

func (q queries) EndSession(ctx context.Context, token Hash) error {
	_, err := q.exec(ctx, `DELETE FROM sessions WHERE token = ?`, token[:])
	return err
}

func (q queries) EndSessionsOf(ctx context.Context, user UserID) error {
	_, err := q.exec(ctx, `DELETE FROM sessions WHERE user = ?`, user)
	return err
}

func (q queries) EndSessionsBefore(ctx context.Context, now time.Time) error {
	_, err := q.exec(ctx, `DELETE FROM sessions WHERE expires < ?`, moment(now))
	return err
}
