package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2031, 5, 6, 12, 0, 0, 7e6, time.UTC)

// both runs a test on a file and in memory.
func both(t *testing.T, test func(t *testing.T, s *SQLite)) {
	t.Run("file", func(t *testing.T) {
		t.Parallel()
		test(t, openFile(t, filepath.Join(t.TempDir(), "portal.db")))
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		s, err := OpenMemory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		test(t, s)
	})
}

func openFile(t *testing.T, path string) *SQLite {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func isError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

// ann adds a user.
func ann(t *testing.T, s Tx, email string) User {
	t.Helper()
	u := User{Email: email, Name: "Ann Reed", Language: "cy", Status: Active, Role: RoleUser, Created: noon}
	id, err := s.AddUser(t.Context(), u, "hash of "+email)
	check(t, err)
	u.ID = id
	return u
}

func annsCard(t *testing.T, s Tx, user UserID, holder string) Card {
	t.Helper()
	c := Card{
		User: user, Holder: Holder{"CN=Cards", holder}, Name: "Blue card",
		Fingerprint: sha256.Sum256([]byte("first")), Expiry: noon.AddDate(1, 0, 0), Registered: noon,
	}
	id, err := s.AddCard(t.Context(), c)
	check(t, err)
	c.ID = id
	return c
}

func TestUsersAreFoundByNumberAndAddress(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		u := ann(t, s, "ann@hospital.example")
		other := ann(t, s, "bob@hospital.example")
		check(t, s.SetStatus(ctx, u.ID, Inactive))
		check(t, s.SetLanguage(ctx, u.ID, "en"))
		check(t, s.SetPolicy(ctx, u.ID, "2031-1", noon))
		check(t, s.SetPasswordHash(ctx, u.ID, "another"))
		u.Status, u.Language, u.Policy, u.PolicyAccepted = Inactive, "en", "2031-1", noon

		got, err := s.User(ctx, u.ID)
		check(t, err)
		wants(t, got, u)
		got, err = s.UserByEmail(ctx, u.Email)
		check(t, err)
		wants(t, got, u)
		hash, err := s.PasswordHash(ctx, u.ID)
		check(t, err)
		wants(t, hash, "another")
		got, err = s.User(ctx, other.ID)
		check(t, err)
		wants(t, got, other)
	})
}

func TestTwoUsersCannotHaveOneAddress(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		u := ann(t, s, "ann@hospital.example")
		_, err := s.AddUser(t.Context(), u, "hash")
		isError(t, err, ErrTaken)
		u.Email = "Ann@hospital.example"
		if _, err = s.AddUser(t.Context(), u, "hash"); err == nil || errors.Is(err, ErrTaken) {
			t.Errorf("an address with a capital letter: %v", err)
		}
	})
}

func TestACardIsRegisteredOnceOverAllUsers(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		a, b := ann(t, s, "ann@hospital.example"), ann(t, s, "bob@hospital.example")
		first, second := annsCard(t, s, a.ID, "111122223333"), annsCard(t, s, a.ID, "444455556666")

		_, err := s.AddCard(ctx, Card{User: b.ID, Holder: first.Holder, Expiry: noon, Registered: noon})
		isError(t, err, ErrTaken)

		check(t, s.NameCard(ctx, first.ID, "Green card"))
		renewed := sha256.Sum256([]byte("renewed"))
		check(t, s.CardUsed(ctx, first.ID, renewed, noon.AddDate(3, 0, 0), noon))
		first.Name, first.Fingerprint, first.Expiry, first.Used = "Green card", renewed, noon.AddDate(3, 0, 0), noon

		got, err := s.CardByHolder(ctx, first.Holder)
		check(t, err)
		wants(t, got, first)
		cards, err := s.CardsOf(ctx, a.ID)
		check(t, err)
		wants(t, cards, []Card{first, second})
		cards, err = s.CardsOf(ctx, b.ID)
		check(t, err)
		wants(t, len(cards), 0)

		check(t, s.RemoveCard(ctx, first.ID))
		_, err = s.Card(ctx, first.ID)
		isError(t, err, ErrNotFound)
		if again := annsCard(t, s, b.ID, first.Holder.ID); again.ID <= second.ID {
			t.Errorf("the number %d was given out again", again.ID)
		}
	})
}

func TestAUserHasOneRegistrationUnderWay(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		u := ann(t, s, "ann@hospital.example")
		_, err := s.Registration(ctx, u.ID)
		isError(t, err, ErrNotFound)
		r := Registration{User: u.ID, Step: StepChoose, Opened: noon, Expires: noon.Add(time.Hour)}
		check(t, s.PutRegistration(ctx, r))
		r.Step, r.Name, r.Expires = StepInsert, "Blue card", noon.Add(2*time.Hour)
		check(t, s.PutRegistration(ctx, r))
		got, err := s.Registration(ctx, u.ID)
		check(t, err)
		wants(t, got, r)
		check(t, s.EndRegistration(ctx, u.ID))
		check(t, s.EndRegistration(ctx, u.ID))
		_, err = s.Registration(ctx, u.ID)
		isError(t, err, ErrNotFound)
	})
}

func TestSessionsAreKeptAndEnded(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		u := ann(t, s, "ann@hospital.example")
		card := annsCard(t, s, u.ID, "111122223333")
		byPassword := Session{
			Token: sha256.Sum256([]byte("1")), User: u.ID, Created: noon, Seen: noon,
			Expires: noon.Add(time.Hour), Authenticated: noon,
		}
		byCard := byPassword
		byCard.Token, byCard.Card, byCard.Certificate = sha256.Sum256([]byte("2")), card.ID, []byte("DER")
		byCard.AgentSession, byCard.Expires = "agent", noon.Add(2*time.Hour)
		check(t, s.AddSession(ctx, byPassword))
		check(t, s.AddSession(ctx, byCard))
		isError(t, s.AddSession(ctx, byCard), ErrTaken)

		has := func(token Hash, want *Session) {
			t.Helper()
			got, err := s.Session(ctx, token)
			if want == nil {
				isError(t, err, ErrNotFound)
				return
			}
			check(t, err)
			wants(t, got, *want)
		}
		has(byPassword.Token, &byPassword)
		check(t, s.LockSession(ctx, byCard.Token))
		check(t, s.TouchSession(ctx, byCard.Token, noon.Add(time.Minute)))
		byCard.Locked, byCard.Seen = true, noon.Add(time.Minute)
		has(byCard.Token, &byCard)
		check(t, s.Authenticated(ctx, byCard.Token, noon.Add(time.Hour)))
		byCard.Locked, byCard.Seen, byCard.Authenticated = false, noon.Add(time.Hour), noon.Add(time.Hour)
		has(byCard.Token, &byCard)

		check(t, s.EndSessionsBefore(ctx, byPassword.Expires))
		has(byPassword.Token, &byPassword)
		check(t, s.EndSessionsBefore(ctx, byPassword.Expires.Add(time.Millisecond)))
		has(byPassword.Token, nil)
		check(t, s.RemoveCard(ctx, card.ID))
		has(byCard.Token, nil)

		check(t, s.AddSession(ctx, byPassword))
		check(t, s.EndSession(ctx, byPassword.Token))
		has(byPassword.Token, nil)
		check(t, s.AddSession(ctx, byPassword))
		check(t, s.EndSessionsOf(ctx, u.ID+1))
		has(byPassword.Token, &byPassword)
		check(t, s.EndSessionsOf(ctx, u.ID))
		has(byPassword.Token, nil)
	})
}

func TestAttemptsAreCountedAndForgotten(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		a := Attempt{Key: sha256.Sum256([]byte("ann")), Failures: 1, Last: noon, Until: noon}
		_, err := s.Attempt(ctx, a.Key)
		isError(t, err, ErrNotFound)
		check(t, s.PutAttempt(ctx, a))
		a.Failures, a.Last, a.Until = 2, noon.Add(time.Second), noon.Add(time.Minute)
		check(t, s.PutAttempt(ctx, a))
		check(t, s.ForgetAttemptsBefore(ctx, a.Last))
		got, err := s.Attempt(ctx, a.Key)
		check(t, err)
		wants(t, got, a)
		check(t, s.ForgetAttemptsBefore(ctx, a.Last.Add(time.Millisecond)))
		_, err = s.Attempt(ctx, a.Key)
		isError(t, err, ErrNotFound)
		check(t, s.PutAttempt(ctx, a))
		check(t, s.ForgetAttempt(ctx, a.Key))
		_, err = s.Attempt(ctx, a.Key)
		isError(t, err, ErrNotFound)
	})
}

func TestTheAuditTrailIsReadFromTheEnd(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		a, b := ann(t, s, "ann@hospital.example"), ann(t, s, "bob@hospital.example")
		for _, l := range []Line{
			{At: noon, Actor: a.ID, Subject: a.ID, Action: "first", Details: map[string]string{"why": "a \"reason\""}},
			{At: noon, Actor: b.ID, Subject: a.ID, Action: "second"},
			{At: noon, Subject: b.ID, Action: "third"},
			{At: noon, Actor: a.ID, Subject: b.ID + 100, Action: "fourth"},
		} {
			check(t, s.AddLine(ctx, l))
		}
		lines, err := s.LinesOf(ctx, a.ID, 0, 2)
		check(t, err)
		wants(t, actions(lines), []string{"fourth", "second"})
		wants(t, lines[0].SubjectEmail, "")
		wants(t, lines[1], Line{
			ID: 2, At: noon, Actor: b.ID, Subject: a.ID, Action: "second", Details: map[string]string{},
			ActorEmail: b.Email, SubjectEmail: a.Email,
		})
		lines, err = s.LinesOf(ctx, a.ID, lines[1].ID, 2)
		check(t, err)
		wants(t, actions(lines), []string{"first"})
		wants(t, lines[0].Details, map[string]string{"why": "a \"reason\""})
		lines, err = s.LinesOf(ctx, b.ID, 0, 10)
		check(t, err)
		wants(t, actions(lines), []string{"third", "second"})
	})
}

func actions(lines []Line) (found []string) {
	for _, l := range lines {
		found = append(found, l.Action)
	}
	return found
}

func TestNothingChangesTheAuditTrail(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		check(t, s.AddLine(ctx, Line{At: noon, Action: "done"}))
		for _, statement := range []string{
			`UPDATE audit SET action = 'undone'`,
			`DELETE FROM audit`,
			`DELETE FROM audit WHERE id = 1`,
			`REPLACE INTO audit (id, at, action, details) VALUES (1, 0, 'undone', '{}')`,
			`INSERT OR REPLACE INTO audit (rowid, at, action, details) VALUES (1, 0, 'undone', '{}')`,
			`INSERT INTO audit (id, at, action, details) VALUES (1, 0, 'undone', '{}')
				ON CONFLICT (id) DO UPDATE SET action = 'undone'`,
		} {
			if _, err := s.writeDB.ExecContext(ctx, statement); err == nil || !strings.Contains(err.Error(), "append only") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		var n int
		check(t, s.writeDB.QueryRowContext(ctx, `SELECT count(*) FROM audit WHERE id = 1 AND action = 'done'`).Scan(&n))
		wants(t, n, 1)
	})
}

// Each statement would leave something behind that the site could not explain.
func TestTheTablesRefuseWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		u := ann(t, s, "ann@hospital.example")
		card := annsCard(t, s, u.ID, "111122223333")
		session := Session{User: u.ID, Created: noon, Seen: noon, Expires: noon, Authenticated: noon}
		with := func(change func(*Session)) error {
			c := session
			change(&c)
			return s.AddSession(ctx, c)
		}
		for name, err := range map[string]error{
			"a session of nobody":               with(func(s *Session) { s.User = 99 }),
			"a session by no card":              with(func(s *Session) { s.Card, s.Certificate = 99, []byte("DER") }),
			"a registration of nobody":          s.PutRegistration(ctx, Registration{User: 99, Step: StepChoose, Opened: noon, Expires: noon}),
			"a user who is not there":           s.SetStatus(ctx, 99, Active),
			"a password of nobody":              s.SetPasswordHash(ctx, 99, "hash"),
			"a language of nobody":              s.SetLanguage(ctx, 99, "en"),
			"a policy of nobody":                s.SetPolicy(ctx, 99, "1", noon),
			"a name for no card":                s.NameCard(ctx, 99, "Blue"),
			"no card used":                      s.CardUsed(ctx, 99, Hash{}, noon, noon),
			"no card removed":                   s.RemoveCard(ctx, 99),
			"no session touched":                s.TouchSession(ctx, Hash{}, noon),
			"no session locked":                 s.LockSession(ctx, Hash{}),
			"a proof for no session":            s.Authenticated(ctx, Hash{}, noon),
			"a card of nobody":                  addCardOf(ctx, s, 99),
			"the password of nobody in reading": func() error { _, err := s.PasswordHash(ctx, 99); return err }(),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, err := range map[string]error{
			"a status":                       s.SetStatus(ctx, u.ID, "retired"),
			"a policy accepted at no time":   s.SetPolicy(ctx, u.ID, "1", time.Time{}),
			"a step":                         s.PutRegistration(ctx, Registration{User: u.ID, Step: "third", Opened: noon, Expires: noon}),
			"a card without a certificate":   with(func(s *Session) { s.Card = card.ID }),
			"a certificate without a card":   with(func(s *Session) { s.Certificate = []byte("DER") }),
			"a session that never ends":      with(func(s *Session) { s.Expires = time.Time{} }),
			"fewer failures than none":       s.PutAttempt(ctx, Attempt{Failures: -1, Last: noon, Until: noon}),
			"a card without an end":          s.CardUsed(ctx, card.ID, Hash{}, time.Time{}, noon),
			"a line of the trail at no time": s.AddLine(ctx, Line{Action: "done"}),
		} {
			if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrTaken) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func addCardOf(ctx context.Context, s Tx, user UserID) error {
	_, err := s.AddCard(ctx, Card{User: user, Holder: Holder{"CN=Cards", "9"}, Expiry: noon, Registered: noon})
	return err
}
