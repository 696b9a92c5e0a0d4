package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestATransactionKeepsAllOrNothing(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		failed := errors.New("failed")
		err := s.InTx(ctx, func(tx Tx) error {
			u := ann(t, tx, "ann@hospital.example")
			if _, err := tx.User(ctx, u.ID); err != nil {
				t.Errorf("the transaction does not see its own changes: %v", err)
			}
			return failed
		})
		isError(t, err, failed)
		_, err = s.UserByEmail(ctx, "ann@hospital.example")
		isError(t, err, ErrNotFound)

		ended, end := context.WithCancel(ctx)
		err = s.InTx(ended, func(tx Tx) error {
			ann(t, tx, "ann@hospital.example")
			end()
			return nil
		})
		isError(t, err, context.Canceled)
		ended, end = context.WithCancel(ctx)
		err = s.InTx(ended, func(tx Tx) error {
			end()
			for { // until database/sql has rolled back
				if _, err := tx.User(ctx, 1); !errors.Is(err, ErrNotFound) {
					return err
				}
				runtime.Gosched()
			}
		})
		isError(t, err, context.Canceled)
		_, err = s.UserByEmail(ctx, "ann@hospital.example")
		isError(t, err, ErrNotFound)

		func() {
			defer func() { _ = recover() }()
			_ = s.InTx(ctx, func(tx Tx) error { ann(t, tx, "ann@hospital.example"); panic("in the middle") })
		}()
		_, err = s.UserByEmail(ctx, "ann@hospital.example")
		isError(t, err, ErrNotFound)

		check(t, s.InTx(ctx, func(tx Tx) error { ann(t, tx, "ann@hospital.example"); return nil }))
		_, err = s.UserByEmail(ctx, "ann@hospital.example")
		check(t, err)
	})
}

// What was read in a transaction still holds when it writes: without that two
// guesses at once would count as one.
func TestTransactionsDoNotOverlap(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		key := sha256.Sum256([]byte("ann"))
		check(t, s.PutAttempt(ctx, Attempt{Key: key, Last: noon, Until: noon}))
		const many = 40
		var tasks sync.WaitGroup
		for range many {
			tasks.Go(func() {
				err := s.InTx(ctx, func(tx Tx) error {
					a, err := tx.Attempt(ctx, key)
					if err != nil {
						return err
					}
					runtime.Gosched()
					a.Failures++
					return tx.PutAttempt(ctx, a)
				})
				if err != nil {
					t.Error(err)
				}
				if _, err := s.Attempt(ctx, key); err != nil {
					t.Error(err)
				}
			})
		}
		tasks.Wait()
		a, err := s.Attempt(ctx, key)
		check(t, err)
		wants(t, a.Failures, many)
	})
}

func TestReadersDoNotWaitForTheWriter(t *testing.T) {
	t.Parallel()
	s := openFile(t, filepath.Join(t.TempDir(), "portal.db"))
	u := ann(t, s, "ann@hospital.example")
	check(t, s.InTx(t.Context(), func(tx Tx) error {
		check(t, tx.SetLanguage(t.Context(), u.ID, "en"))
		got, err := s.User(t.Context(), u.ID)
		check(t, err)
		wants(t, got.Language, "cy")
		return nil
	}))
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the folder's access list decides there")
	}
	folder := filepath.Join(t.TempDir(), "50% a#b?c d")
	check(t, os.Mkdir(folder, 0o700))
	path := filepath.Join(folder, "portal.db")
	check(t, os.WriteFile(path, nil, 0o666))
	s := openFile(t, path)
	ann(t, s, "ann@hospital.example")
	entries, err := os.ReadDir(folder)
	check(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		info, err := e.Info()
		check(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	wants(t, names, []string{"portal.db", "portal.db-shm", "portal.db-wal"})
}

func TestWhatWasKeptIsThereAfterARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "portal.db")
	s := openFile(t, path)
	u := ann(t, s, "ann@hospital.example")
	check(t, s.Close())
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log was not folded in: %v", err)
	}
	got, err := openFile(t, path).User(t.Context(), u.ID)
	check(t, err)
	wants(t, got, u)
}

func TestAFileOfANewerProgramIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "portal.db")
	s := openFile(t, path)
	_, err := s.writeDB.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	check(t, err)
	check(t, s.Close())
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "version 9999") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotADatabaseIsRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "portal.db")
	check(t, os.WriteFile(path, []byte(strings.Repeat("not a database ", 100)), 0o600))
	for _, path := range []string{path, folder, filepath.Join(folder, "missing", "portal.db")} {
		if s, err := Open(t.Context(), path); err == nil {
			s.Close()
			t.Errorf("%s was opened", path)
		}
	}
}

// Every connection must have the settings, also those opened later.
func TestEveryConnectionIsSetUp(t *testing.T) {
	t.Parallel()
	s := openFile(t, filepath.Join(t.TempDir(), "portal.db"))
	for name, of := range map[string]struct {
		db   *sql.DB
		n    int
		want []string
	}{
		"writer": {s.writeDB, 1, []string{"1", "wal", "5000", "0", "2"}},
		"reader": {s.readDB, readers, []string{"1", "wal", "5000", "1", "2"}},
	} {
		var conns []*sql.Conn // at once, so that all are opened
		for range of.n {
			conn, err := of.db.Conn(t.Context())
			check(t, err)
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			var got []string
			for _, pragma := range []string{"foreign_keys", "journal_mode", "busy_timeout", "query_only", "synchronous"} {
				var value string
				check(t, conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&value))
				got = append(got, value)
			}
			if !slices.Equal(got, of.want) {
				t.Errorf("%s: got %q, want %q", name, got, of.want)
			}
			conn.Close()
		}
	}
}
