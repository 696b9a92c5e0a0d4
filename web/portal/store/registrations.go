package store

import (
	"context"
	"time"
)

// Step is where a registration stands. The first step, to sign in, leaves
// nothing behind.
type Step string

// The steps that are kept.
const (
	StepChoose Step = "chooseCard"
	StepInsert Step = "insertCard"
)

// Registration is the registration of a card that a user began. A user has one
// at most, and finds it again from any browser.
type Registration struct {
	User    UserID
	Step    Step
	Name    string // for the card; empty until it is chosen
	Opened  time.Time
	Expires time.Time
}

// Registrations are those under way.
type Registrations interface {
	// PutRegistration keeps r in place of what its user had.
	PutRegistration(ctx context.Context, r Registration) error
	Registration(ctx context.Context, user UserID) (Registration, error)
	// EndRegistration is no error when there is none.
	EndRegistration(ctx context.Context, user UserID) error
}

func scanRegistration(row scanner) (r Registration, err error) {
	err = row.Scan(&r.User, &r.Step, &r.Name, (*moment)(&r.Opened), (*moment)(&r.Expires))
	return r, err
}

func (q queries) PutRegistration(ctx context.Context, r Registration) error {
	_, err := q.exec(ctx, `INSERT INTO registrations (user, step, name, opened, expires) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (user) DO UPDATE SET
		step = excluded.step, name = excluded.name, opened = excluded.opened, expires = excluded.expires`,
		r.User, r.Step, r.Name, moment(r.Opened), moment(r.Expires))
	return err
}

func (q queries) Registration(ctx context.Context, user UserID) (Registration, error) {
	return one(ctx, q, scanRegistration,
		`SELECT user, step, name, opened, expires FROM registrations WHERE user = ?`, user)
}

func (q queries) EndRegistration(ctx context.Context, user UserID) error {
	_, err := q.exec(ctx, `DELETE FROM registrations WHERE user = ?`, user)
	return err
}
