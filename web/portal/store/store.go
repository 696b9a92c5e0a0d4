// Package store keeps what the sign-in site must not forget: users, their
// registered cards, registrations under way, sessions, signatures of documents,
// the audit trail and counts of wrong passwords.
//
// Store is what the site needs of a database, SQLite the one that it has: one
// file for its owner alone, written through a single connection and read
// through others (write-ahead log). OpenMemory is the same without a file, for
// tests. Open brings an older file's tables up to date by the SQL in
// migrations, and refuses a file that a newer program has changed.
//
// It decides nothing: who may do what is package accounts' business. It never
// holds a password or a session's token, only hashes of them, and it cannot
// change or delete a line of the audit trail. Each entity has a file with its
// type and all the SQL about it.
//
// It is tested on real files: each rule that the tables hold is broken once.
package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What the methods return beside the database's own trouble. They come
// wrapped.
var (
	// ErrNotFound: there is no such row, or one that the row names is missing.
	ErrNotFound = errors.New("store: not found")
	// ErrTaken: another row has the e-mail address, or the card's holder.
	ErrTaken = errors.New("store: taken")
)

// Hash is a SHA-256: of a session's token, of a certificate, or of what
// attempts are counted for.
type Hash = [sha256.Size]byte

// Tx is what can be done in a transaction. Times are kept to the millisecond
// and come back in UTC.
type Tx interface {
	Users
	Cards
	Registrations
	Sessions
	Signatures
	Trail
	Attempts
}

// Store is a database. Each call of its own is a transaction.
type Store interface {
	Tx
	// InTx calls do once. Its changes are all kept when do returns nil, and
	// none of them otherwise. It is alone in writing meanwhile: do must use tx,
	// never the Store, and must not wait for anything else.
	InTx(ctx context.Context, do func(tx Tx) error) error
}

// conn is what *sql.DB and *sql.Tx have in common.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// queries implement Tx.
type queries struct{ read, write conn }

// exec runs a statement and returns how many rows it changed.
func (q queries) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := q.write.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, translate(err)
	}
	return result.RowsAffected()
}

// execOne runs a statement that must change a row.
func (q queries) execOne(ctx context.Context, query string, args ...any) error {
	n, err := q.exec(ctx, query, args...)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// insert returns the number of the new row.
func (q queries) insert(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := q.write.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, translate(err)
	}
	return result.LastInsertId()
}

// scanner is what *sql.Row and *sql.Rows have in common.
type scanner interface{ Scan(dest ...any) error }

// one reads the row of a query.
func one[T any](ctx context.Context, q queries, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	row, err := scan(q.read.QueryRowContext(ctx, query, args...))
	if err != nil {
		var none T
		return none, translate(err)
	}
	return row, nil
}

// all reads every row of a query before it returns, so that the connection is
// free for the next.
func all[T any](ctx context.Context, q queries, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, translate(err)
	}
	defer rows.Close()
	var found []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, translate(err)
		}
		found = append(found, row)
	}
	return found, translate(rows.Err())
}

// translate gives the errors that callers tell apart their name.
func translate(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return fmt.Errorf("%w: %w", ErrTaken, err)
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			return fmt.Errorf("%w: %w", ErrNotFound, err)
		}
	}
	return err
}

// moment is a time in a column; the zero time is NULL.
type moment time.Time

func (m moment) Value() (driver.Value, error) {
	if t := time.Time(m); !t.IsZero() {
		return t.UnixMilli(), nil
	}
	return nil, nil
}

func (m *moment) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*m = moment{}
	case int64:
		*m = moment(time.UnixMilli(v).UTC())
	default:
		return fmt.Errorf("store: a time is %T", value)
	}
	return nil
}

// hash is a Hash in a column.
type hash Hash

func (h *hash) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok || len(b) != len(h) {
		return fmt.Errorf("store: a hash is %T of %d bytes", value, len(b))
	}
	copy(h[:], b)
	return nil
}
