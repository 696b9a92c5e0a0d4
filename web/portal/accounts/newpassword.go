package accounts

import (
	"context"
	"errors"

	"github.com/cardea-agent/cardea/web/portal/store"
)

// ChangePassword gives the user another password, signs them out of every
// browser but this one, and tells them by mail.
//
// Errors: those of the session, CodeReauthenticationNeeded, CodeFieldInvalid.
func (a *Accounts) ChangePassword(ctx context.Context, token, password string) error {
	hash, err := a.newPassword(ctx, token, password, func(w who) error { return w.fresh(0) })
	if err != nil {
		return err
	}
	var n notice
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		if err := w.fresh(0); err != nil {
			return err
		}
		n = notice{kind: mailPasswordChanged, to: w.user, at: w.now}
		return errors.Join(
			tx.SetPasswordHash(ctx, w.user.ID, hash),
			tx.EndSessionsOf(ctx, w.user.ID),
			tx.AddSession(ctx, w.session),
			w.note(ctx, tx, w.user.ID, ActionPasswordChanged, nil),
		)
	})
	if err == nil {
		a.send(ctx, n)
	}
	return err
}

// SetPasswordFor gives a user who forgot theirs another password, for the
// helpdesk, signs them out everywhere and tells them by mail. Nobody gets into
// an account of the helpdesk this way: CodeNotAllowed.
//
// Errors: those of the session, CodeNotAllowed, CodeReauthenticationNeeded,
// CodeFieldInvalid, CodeUserNotFound.
func (a *Accounts) SetPasswordFor(ctx context.Context, token string, user store.UserID, password, reason string) error {
	hash, err := a.newPassword(ctx, token, password, who.helpdeskChanges)
	if err != nil {
		return err
	}
	var n notice
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		if err := w.helpdeskChanges(); err != nil {
			return err
		}
		reason, err := oneLine(FieldReason, reason, maxReason)
		if err != nil {
			return err
		}
		theirs, err := tx.User(ctx, user)
		if errors.Is(err, store.ErrNotFound) {
			return refuse(CodeUserNotFound)
		}
		if err == nil && theirs.Role != store.RoleUser {
			err = refuse(CodeNotAllowed)
		}
		if err != nil {
			return err
		}
		n = notice{kind: mailPasswordChangedByHelpdesk, to: theirs, at: w.now}
		return errors.Join(
			tx.SetPasswordHash(ctx, user, hash),
			tx.EndSessionsOf(ctx, user),
			w.note(ctx, tx, user, ActionPasswordChanged, map[string]string{"reason": reason}),
		)
	})
	if err == nil {
		a.send(ctx, n)
	}
	return err
}

// newPassword computes the hash of a password for who may set it, outside any
// transaction: it takes long.
func (a *Accounts) newPassword(ctx context.Context, token, password string, may func(w who) error) (hash string, err error) {
	if err := a.as(ctx, token, func(_ store.Tx, w who) error { return may(w) }); err != nil {
		return "", err
	}
	if err := checkNewPassword(password); err != nil {
		return "", err
	}
	err = a.hashing(ctx, func() { hash = newHash(password, a.HashCost).String() })
	return hash, typed(err)
}
