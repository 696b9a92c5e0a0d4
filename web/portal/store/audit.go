package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"time"
)

// Line is one line of the audit trail.
type Line struct {
	ID      int64 // rises with time
	At      time.Time
	Actor   UserID // who did it; zero if nobody was signed in
	Subject UserID // whom it was about; zero if nobody
	Action  string
	Details map[string]string

	// Who they are today; empty if they are no longer. Not used by AddLine.
	ActorEmail, SubjectEmail string
}

// Trail is the audit trail. Lines can be added and read, and nothing else: the
// database itself refuses to change or delete one.
type Trail interface {
	// AddLine gives the line its number; l.ID is not used.
	AddLine(ctx context.Context, l Line) error
	// LinesOf returns what a user did and what was done about them: at most
	// limit lines before the one numbered before (zero: from the end), the
	// latest first.
	LinesOf(ctx context.Context, user UserID, before int64, limit int) ([]Line, error)
}

func scanLine(row scanner) (l Line, err error) {
	var actor, subject sql.Null[UserID]
	var details []byte
	err = row.Scan(&l.ID, (*moment)(&l.At), &actor, &subject, &l.Action, &details, &l.ActorEmail, &l.SubjectEmail)
	if err == nil {
		err = json.Unmarshal(details, &l.Details)
	}
	l.Actor, l.Subject = actor.V, subject.V
	return l, err
}

func (q queries) AddLine(ctx context.Context, l Line) error {
	if l.Details == nil {
		l.Details = map[string]string{}
	}
	details, err := json.Marshal(l.Details)
	if err != nil {
		return err
	}
	user := func(id UserID) sql.Null[UserID] { return sql.Null[UserID]{V: id, Valid: id != 0} }
	_, err = q.exec(ctx, `INSERT INTO audit (at, actor, subject, action, details) VALUES (?, ?, ?, ?, ?)`,
		moment(l.At), user(l.Actor), user(l.Subject), l.Action, string(details))
	return err
}

func (q queries) LinesOf(ctx context.Context, user UserID, before int64, limit int) ([]Line, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	return all(ctx, q, scanLine, `SELECT a.id, a.at, a.actor, a.subject, a.action, a.details,
		coalesce(actor.email, ''), coalesce(subject.email, '')
		FROM audit a LEFT JOIN users actor ON actor.id = a.actor LEFT JOIN users subject ON subject.id = a.subject
		WHERE (a.actor = ?1 OR a.subject = ?1) AND a.id < ?2 ORDER BY a.id DESC LIMIT ?3`, user, before, limit)
}
