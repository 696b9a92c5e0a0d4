package store

import (
	"context"
	"time"
)

// UserID is a user's number.
type UserID int64

// Status says whether a user may sign in.
type Status string

// The statuses.
const (
	Active   Status = "active"
	Inactive Status = "inactive"
)

// Role says what a user may do for others.
type Role string

// The roles.
const (
	RoleUser     Role = "user"     // nothing
	RoleHelpdesk Role = "helpdesk" // look users up, remove their cards
)

// User is a person with an account. The hash of the password is kept apart.
type User struct {
	ID       UserID
	Email    string // unique, in lower case
	Name     string
	Language string // of messages to them: "en", "cy"
	Status   Status
	Role     Role
	// Policy is the version of the acceptable-use policy that they accepted
	// last; empty and zero if none.
	Policy         string
	PolicyAccepted time.Time
	Created        time.Time
}

// Users are the accounts.
type Users interface {
	// AddUser returns the new user's number, or ErrTaken if another has the
	// address. u.ID is not used.
	AddUser(ctx context.Context, u User, passwordHash string) (UserID, error)
	User(ctx context.Context, id UserID) (User, error)
	UserByEmail(ctx context.Context, email string) (User, error)
	PasswordHash(ctx context.Context, id UserID) (string, error)
	SetPasswordHash(ctx context.Context, id UserID, hash string) error
	SetStatus(ctx context.Context, id UserID, status Status) error
	SetLanguage(ctx context.Context, id UserID, language string) error
	SetPolicy(ctx context.Context, id UserID, version string, at time.Time) error
}

const selectUser = `SELECT id, email, name, language, status, role, policy, policy_accepted, created FROM users `

func scanUser(row scanner) (u User, err error) {
	err = row.Scan(&u.ID, &u.Email, &u.Name, &u.Language, &u.Status, &u.Role, &u.Policy,
		(*moment)(&u.PolicyAccepted), (*moment)(&u.Created))
	return u, err
}

func (q queries) AddUser(ctx context.Context, u User, passwordHash string) (UserID, error) {
	id, err := q.insert(ctx, `INSERT INTO users
		(email, name, language, password, status, role, policy, policy_accepted, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		u.Email, u.Name, u.Language, passwordHash, u.Status, u.Role, u.Policy, moment(u.PolicyAccepted), moment(u.Created))
	return UserID(id), err
}

func (q queries) User(ctx context.Context, id UserID) (User, error) {
	return one(ctx, q, scanUser, selectUser+`WHERE id = ?`, id)
}

func (q queries) UserByEmail(ctx context.Context, email string) (User, error) {
	return one(ctx, q, scanUser, selectUser+`WHERE email = ?`, email)
}

func (q queries) PasswordHash(ctx context.Context, id UserID) (string, error) {
	return one(ctx, q, func(row scanner) (hash string, err error) {
		err = row.Scan(&hash)
		return hash, err
	}, `SELECT password FROM users WHERE id = ?`, id)
}

func (q queries) SetPasswordHash(ctx context.Context, id UserID, hash string) error {
	return q.execOne(ctx, `UPDATE users SET password = ? WHERE id = ?`, hash, id)
}

func (q queries) SetStatus(ctx context.Context, id UserID, status Status) error {
	return q.execOne(ctx, `UPDATE users SET status = ? WHERE id = ?`, status, id)
}

func (q queries) SetLanguage(ctx context.Context, id UserID, language string) error {
	return q.execOne(ctx, `UPDATE users SET language = ? WHERE id = ?`, language, id)
}

func (q queries) SetPolicy(ctx context.Context, id UserID, version string, at time.Time) error {
	return q.execOne(ctx, `UPDATE users SET policy = ?, policy_accepted = ? WHERE id = ?`, version, moment(at), id)
}
