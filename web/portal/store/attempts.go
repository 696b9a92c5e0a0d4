package store

import (
	"context"
	"time"
)

// Attempt counts wrong passwords for one account or from one address.
type Attempt struct {
	Key      Hash // of what is counted for
	Failures int
	Last     time.Time // when a password was last tried
	Until    time.Time // none is looked at before
}

// Attempts are the counts.
type Attempts interface {
	// Attempt returns the count, or ErrNotFound if nothing is counted.
	Attempt(ctx context.Context, key Hash) (Attempt, error)
	// PutAttempt keeps a in place of what was counted for its key.
	PutAttempt(ctx context.Context, a Attempt) error
	// ForgetAttempt is no error when nothing is counted.
	ForgetAttempt(ctx context.Context, key Hash) error
	// ForgetAttemptsBefore forgets what was last counted before then.
	ForgetAttemptsBefore(ctx context.Context, then time.Time) error
}

func scanAttempt(row scanner) (a Attempt, err error) {
	err = row.Scan((*hash)(&a.Key), &a.Failures, (*moment)(&a.Last), (*moment)(&a.Until))
	return a, err
}

func (q queries) Attempt(ctx context.Context, key Hash) (Attempt, error) {
	return one(ctx, q, scanAttempt, `SELECT key, failures, last, until FROM attempts WHERE key = ?`, key[:])
}

func (q queries) PutAttempt(ctx context.Context, a Attempt) error {
	_, err := q.exec(ctx, `INSERT INTO attempts (key, failures, last, until) VALUES (?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, last = excluded.last, until = excluded.until`,
		a.Key[:], a.Failures, moment(a.Last), moment(a.Until))
	return err
}

func (q queries) ForgetAttempt(ctx context.Context, key Hash) error {
	_, err := q.exec(ctx, `DELETE FROM attempts WHERE key = ?`, key[:])
	return err
}

func (q queries) ForgetAttemptsBefore(ctx context.Context, then time.Time) error {
	_, err := q.exec(ctx, `DELETE FROM attempts WHERE last < ?`, moment(then))
	return err
}
