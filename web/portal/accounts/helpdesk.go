package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
)

// NewUser is a user to be.
type NewUser struct {
	Email    string
	Name     string
	Password string // 15 to 256 characters
	Language string // one of Config.Texts
	Role     store.Role
}

// AddUser creates an active user for the program itself, such as the first of
// the helpdesk. Errors: CodeFieldInvalid, CodeEmailTaken.
func (a *Accounts) AddUser(ctx context.Context, n NewUser) (store.UserID, error) {
	user, hash, err := a.newUser(ctx, n)
	if err != nil {
		return 0, err
	}
	err = a.change(ctx, func(tx store.Tx, now time.Time) error {
		user.ID, err = addUser(ctx, tx, now, 0, user, hash)
		return err
	})
	return user.ID, err
}

// CreateUser does the same for the helpdesk, which may create users only.
//
// Errors: those of the session, CodeNotAllowed, CodeReauthenticationNeeded,
// CodeFieldInvalid, CodeEmailTaken.
func (a *Accounts) CreateUser(ctx context.Context, token string, n NewUser) (store.UserID, error) {
	if n.Role != store.RoleUser {
		return 0, refuse(CodeNotAllowed)
	}
	// Who may not is told before the expensive part, and after it again.
	if err := a.as(ctx, token, func(_ store.Tx, w who) error { return w.helpdeskChanges() }); err != nil {
		return 0, err
	}
	user, hash, err := a.newUser(ctx, n)
	if err != nil {
		return 0, err
	}
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		if err := w.helpdeskChanges(); err != nil {
			return err
		}
		user.ID, err = addUser(ctx, tx, w.now, w.user.ID, user, hash)
		return err
	})
	return user.ID, err
}

// newUser checks the fields and computes the hash.
func (a *Accounts) newUser(ctx context.Context, n NewUser) (user store.User, hash string, err error) {
	user = store.User{Language: n.Language, Role: n.Role, Status: store.Active}
	if user.Email, err = NormalizeEmail(n.Email); err != nil {
		return user, "", err
	}
	if user.Name, err = oneLine(FieldName, n.Name, maxName); err != nil {
		return user, "", err
	}
	if err = a.checkLanguage(n.Language); err != nil {
		return user, "", err
	}
	if err = checkNewPassword(n.Password); err != nil {
		return user, "", err
	}
	err = a.hashing(ctx, func() { hash = newHash(n.Password, a.HashCost).String() })
	return user, hash, typed(err)
}

func addUser(ctx context.Context, tx store.Tx, now time.Time, actor store.UserID, user store.User, hash string) (store.UserID, error) {
	user.Created = now
	id, err := tx.AddUser(ctx, user, hash)
	if errors.Is(err, store.ErrTaken) {
		return 0, refuse(CodeEmailTaken)
	}
	if err != nil {
		return 0, err
	}
	return id, tx.AddLine(ctx, store.Line{
		At: now, Actor: actor, Subject: id, Action: ActionUserCreated, Details: map[string]string{"email": user.Email},
	})
}

// SetLanguage is for the user's own mails. Errors: those of the session,
// CodeFieldInvalid.
func (a *Accounts) SetLanguage(ctx context.Context, token, language string) error {
	return a.as(ctx, token, func(tx store.Tx, w who) error {
		if err := a.checkLanguage(language); err != nil {
			return err
		}
		return tx.SetLanguage(ctx, w.user.ID, language)
	})
}

// helpdesk is for looking. It asks for the role.
func (w who) helpdesk() error {
	if w.user.Role != store.RoleHelpdesk {
		return refuse(CodeNotAllowed)
	}
	return nil
}

// helpdeskChanges is for changing. It asks for a fresh proof as well.
func (w who) helpdeskChanges() error {
	if err := w.helpdesk(); err != nil {
		return err
	}
	return w.fresh(0)
}

// Found is a user as the helpdesk sees them.
type Found struct {
	User  store.User
	Cards []store.Card
}

// LookUp finds a user and their cards for the helpdesk. The audit trail keeps
// who looked, also in vain.
//
// Errors: those of the session, CodeNotAllowed, CodeFieldInvalid,
// CodeUserNotFound.
func (a *Accounts) LookUp(ctx context.Context, token, email string) (found Found, err error) {
	var refusal error // what the audit trail keeps
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		if err := w.helpdesk(); err != nil {
			return err
		}
		email, err := NormalizeEmail(email)
		if err != nil {
			return err
		}
		found.User, err = tx.UserByEmail(ctx, email)
		if errors.Is(err, store.ErrNotFound) {
			refusal, err = refuse(CodeUserNotFound), nil
		}
		if err != nil {
			return err
		}
		found.Cards, err = tx.CardsOf(ctx, found.User.ID)
		return errors.Join(err, w.note(ctx, tx, found.User.ID, ActionUserLookedUp, map[string]string{"email": email}))
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return Found{}, err
	}
	return found, nil
}

// RemoveCardFor takes a card off its user's account for the helpdesk, ends the
// sessions that it began, and tells the user by mail, without the reason. The
// reason is in the audit trail.
//
// Errors: those of the session, CodeNotAllowed, CodeReauthenticationNeeded,
// CodeFieldInvalid, CodeCardNotFound.
func (a *Accounts) RemoveCardFor(ctx context.Context, token string, id store.CardID, reason string) error {
	var n notice
	err := a.as(ctx, token, func(tx store.Tx, w who) error {
		if err := w.helpdeskChanges(); err != nil {
			return err
		}
		reason, err := oneLine(FieldReason, reason, maxReason)
		if err != nil {
			return err
		}
		card, err := tx.Card(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return refuse(CodeCardNotFound)
		}
		if err != nil {
			return err
		}
		user, err := tx.User(ctx, card.User)
		if err != nil {
			return err
		}
		n = notice{kind: mailCardRemovedByHelpdesk, to: user, at: w.now, card: card.Name}
		details := detailsOf(card)
		details["reason"] = reason
		return errors.Join(
			tx.RemoveCard(ctx, id),
			w.note(ctx, tx, user.ID, ActionCardRemoved, details),
		)
	})
	if err == nil {
		a.send(ctx, n)
	}
	return err
}

// SetStatus lets a user in or keeps them out, and then ends their sessions, for
// the helpdesk. Nobody keeps themselves out: CodeNotAllowed.
//
// Errors: those of the session, CodeNotAllowed, CodeReauthenticationNeeded,
// CodeFieldInvalid, CodeUserNotFound.
func (a *Accounts) SetStatus(ctx context.Context, token string, user store.UserID, status store.Status, reason string) error {
	if status != store.Active && status != store.Inactive {
		return &Error{Code: CodeInternal, Err: fmt.Errorf("there is no status %q", status)}
	}
	return a.as(ctx, token, func(tx store.Tx, w who) error {
		if err := w.helpdeskChanges(); err != nil {
			return err
		}
		if user == w.user.ID {
			return refuse(CodeNotAllowed)
		}
		reason, err := oneLine(FieldReason, reason, maxReason)
		if err != nil {
			return err
		}
		err = tx.SetStatus(ctx, user, status)
		if errors.Is(err, store.ErrNotFound) {
			return refuse(CodeUserNotFound)
		}
		if err == nil && status == store.Inactive {
			err = tx.EndSessionsOf(ctx, user)
		}
		return errors.Join(err, w.note(ctx, tx, user, ActionStatusChanged, map[string]string{"status": string(status), "reason": reason}))
	})
}

// maxLines is the most that Trail returns.
const maxLines = 100

// Trail returns what a user did and what was done about them, for the
// helpdesk: at most 100 lines before the one numbered before (zero: from the
// end), the latest first. That it was read is a line too, for the next time.
//
// Errors: those of the session, CodeNotAllowed.
func (a *Accounts) Trail(ctx context.Context, token string, user store.UserID, before int64) (lines []store.Line, err error) {
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		if err := w.helpdesk(); err != nil {
			return err
		}
		if lines, err = tx.LinesOf(ctx, user, before, maxLines); err != nil {
			return err
		}
		return w.note(ctx, tx, user, ActionTrailRead, nil)
	})
	return lines, err
}
