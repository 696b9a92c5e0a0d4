package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
)

// What a connection waits for a lock of another process, such as a backup's.
const busyTimeout = 5 * time.Second

// readers is how many may read at once.
const readers = 4

// SQLite is a Store in one file or in memory. It may be used by many at once.
type SQLite struct {
	queries
	readDB, writeDB *sql.DB // the same one in memory
}

var _ Store = (*SQLite)(nil)

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the database in the file at path, which it makes if there is
// none, in a folder that must exist. The file and the two that SQLite lays
// beside it are readable and writable by their owner alone.
func Open(ctx context.Context, path string) (*SQLite, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := ownFile(path); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	write, err := open(path, "_txlock=immediate", "_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	if err := migrate(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := open(path, "_pragma=query_only(1)")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	return &SQLite{queries{read: read, write: write}, read, write}, nil
}

// OpenMemory opens an empty database that Close forgets.
func OpenMemory(ctx context.Context) (*SQLite, error) {
	db, err := open(":memory:", "_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &SQLite{queries{read: db, write: db}, db, db}, nil
}

// ownFile makes the file if there is none and takes it from everybody else.
// SQLite gives its log and its index the database's own mode.
func ownFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(0o600), file.Close())
}

// open has SQLite read the name as a URI, so that no character of a path is
// taken for something else (sqlite.org/uri.html).
func open(name string, options ...string) (*sql.DB, error) {
	source := "file::memory:"
	if name != ":memory:" {
		path := filepath.ToSlash(name)
		if path[0] != '/' { // C:/...
			path = "/" + path
		}
		source = (&url.URL{Scheme: "file", Path: path}).String()
	}
	source += fmt.Sprintf("?_pragma=busy_timeout(%d)&_pragma=foreign_keys(1)", busyTimeout.Milliseconds())
	for _, option := range options {
		source += "&" + option
	}
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return db, nil
}

// migrate brings the tables up to date. A file with tables of a newer program
// is refused: this one would overlook the rules that they add.
func migrate(ctx context.Context, db *sql.DB) error {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	has, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if has > knows {
		return fmt.Errorf("store: the database is of version %d, this program knows up to %d", has, knows)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Version is how many changes of the tables the database has had.
func (s *SQLite) Version(ctx context.Context) (version int64, err error) {
	err = s.writeDB.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version`).Scan(&version)
	if err != nil {
		err = fmt.Errorf("store: %w", err)
	}
	return version, err
}

// Close ends all connections. No call may be under way.
func (s *SQLite) Close() error {
	if s.readDB == s.writeDB {
		return s.writeDB.Close()
	}
	// The last to close folds the log into the file, which a reader may not.
	return errors.Join(s.readDB.Close(), s.writeDB.Close())
}

// InTx implements Store.
func (s *SQLite) InTx(ctx context.Context, do func(tx Tx) error) error {
	tx, err := s.writeDB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if err = do(queries{read: tx, write: tx}); err == nil {
		err = tx.Commit()
	}
	// When the context ends, database/sql rolls back by itself. Who comes after
	// that is told so, and not why.
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
