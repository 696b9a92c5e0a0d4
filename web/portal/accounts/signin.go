package accounts

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/verify"
)

// SignIn begins a session by password and returns its token, a secret for one
// browser's cookie.
//
// Errors: CodeCredentialsWrong, CodeTooManyAttempts, CodeAccountInactive, which
// only who knows the password learns.
func (a *Accounts) SignIn(ctx context.Context, b Browser, email, password string) (token string, err error) {
	user, err := a.passwordProof(ctx, email, password, b.From)
	if err != nil {
		return "", err
	}
	return a.enter(ctx, b, user.ID, nil)
}

// SignInByCard begins a session by what verify.Verify returned. agentSession is
// the agent's name for it.
//
// Errors: CodeCardNotRegistered, CodeAccountInactive.
func (a *Accounts) SignInByCard(ctx context.Context, b Browser, who verify.Identity, agentSession string) (token string, err error) {
	if len(agentSession) > maxAgentSession {
		return "", &Error{Code: CodeInternal, Err: errors.New("the agent's name for the session is too long")}
	}
	proof, err := a.cardProof(ctx, who)
	if err != nil {
		return "", err
	}
	proof.agentSession = agentSession
	return a.enter(ctx, b, proof.card.User, proof)
}

// enter begins a session for a user who has proven who they are, by a card or
// else by password, if the account is active.
func (a *Accounts) enter(ctx context.Context, b Browser, id store.UserID, proof *cardProof) (token string, err error) {
	details := map[string]string{"by": byPassword, "address": b.From.String()}
	if proof != nil {
		details["by"], details["card"] = byCard, proof.card.Name
	}
	var refusal error // what the audit trail keeps
	err = a.change(ctx, func(tx store.Tx, now time.Time) error {
		line := store.Line{At: now, Actor: id, Subject: id, Action: ActionSignedIn, Details: details}
		user, err := tx.User(ctx, id)
		if err != nil {
			return err
		}
		if user.Status != store.Active {
			refusal, line.Action = refuse(CodeAccountInactive), ActionSignInRefused
			return tx.AddLine(ctx, line)
		}
		if token, err = a.begin(ctx, tx, now, b.Session, id, proof); err != nil {
			return err
		}
		return tx.AddLine(ctx, line)
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return "", err
	}
	return token, nil
}

// Reauthenticate proves by password that it is still the same person, which
// changes about cards need. Errors: as SignIn, and those of the session.
func (a *Accounts) Reauthenticate(ctx context.Context, token, password string, from netip.Addr) error {
	var email string
	if err := a.as(ctx, token, func(_ store.Tx, w who) error { email = w.user.Email; return nil }); err != nil {
		return err
	}
	if _, err := a.passwordProof(ctx, email, password, from); err != nil {
		return err
	}
	return a.as(ctx, token, func(tx store.Tx, w who) error {
		return w.reauthenticated(ctx, tx, map[string]string{"by": byPassword})
	})
}

// ReauthenticateByCard does the same by any card of the person's own. Errors:
// those of the session, CodeCardNotRegistered, CodeDifferentCard.
func (a *Accounts) ReauthenticateByCard(ctx context.Context, token string, by verify.Identity) error {
	proof, err := a.cardProof(ctx, by)
	if err != nil {
		return err
	}
	return a.as(ctx, token, func(tx store.Tx, w who) error {
		if proof.card.User != w.user.ID {
			return refuse(CodeDifferentCard)
		}
		if err := proof.used(ctx, tx, w.now); err != nil {
			return err
		}
		return w.reauthenticated(ctx, tx, map[string]string{"by": byCard, "card": proof.card.Name})
	})
}

func (w who) reauthenticated(ctx context.Context, tx store.Tx, details map[string]string) error {
	return errors.Join(
		tx.Authenticated(ctx, w.session.Token, w.now),
		w.note(ctx, tx, w.user.ID, ActionReauthenticated, details),
	)
}

// passwordProof returns whose password it is, active or not. An unknown address
// takes the same steps as a known one.
func (a *Accounts) passwordProof(ctx context.Context, email, password string, from netip.Addr) (store.User, error) {
	email, err := NormalizeEmail(email)
	if err != nil {
		email = "" // no user has it
	}
	account, address := a.countedFor(email, from)
	failures, err := a.reserve(ctx, account, address)
	if err != nil {
		return store.User{}, err
	}
	user, hash, err := a.passwordOf(ctx, email)
	if err != nil {
		return store.User{}, typed(err)
	}
	renewed, right := "", false
	err = a.hashing(ctx, func() {
		right = hash.matches(password) && user.ID != 0
		if right && hash.cost != a.HashCost {
			renewed = newHash(password, a.HashCost).String()
		}
	})
	if err != nil {
		return store.User{}, typed(err)
	}
	if !right {
		return store.User{}, a.wrongPassword(ctx, user, failures, from, account, address)
	}
	return user, a.change(ctx, func(tx store.Tx, now time.Time) error {
		err := errors.Join(tx.ForgetAttempt(ctx, account.key), address.giveBack(ctx, tx, now))
		if err == nil && renewed != "" {
			err = tx.SetPasswordHash(ctx, user.ID, renewed)
		}
		return err
	})
}

// passwordOf returns the zero user, and a hash of no password, if nobody has
// the address.
func (a *Accounts) passwordOf(ctx context.Context, email string) (store.User, passwordHash, error) {
	user, err := a.Store.UserByEmail(ctx, email)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.User{}, passwordHash{}, err
	}
	text, err := a.Store.PasswordHash(ctx, user.ID)
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, a.nobody, nil
	}
	if err != nil {
		return store.User{}, passwordHash{}, err
	}
	hash, err := parseHash(text)
	return user, hash, err
}

// wrongPassword keeps the failure and returns the refusal. user is zero if
// there is none; both ways write once.
func (a *Accounts) wrongPassword(ctx context.Context, user store.User, failures int, from netip.Addr, account, address counted) error {
	var at time.Time
	err := a.change(ctx, func(tx store.Tx, now time.Time) error {
		at = now
		if err := errors.Join(account.failed(ctx, tx, now), address.failed(ctx, tx, now)); err != nil || user.ID == 0 {
			return err
		}
		return tx.AddLine(ctx, store.Line{
			At: now, Subject: user.ID, Action: ActionSignInFailed, Details: map[string]string{"address": from.String()},
		})
	})
	if err != nil {
		return err
	}
	if user.ID != 0 && failures%a.Limits.Warn == 0 {
		a.send(ctx, notice{kind: mailFailedSignIns, to: user, at: at, count: failures})
	}
	return refuse(CodeCredentialsWrong)
}

// cardProof is a registered card that signed.
type cardProof struct {
	card         store.Card // as it was before
	who          verify.Identity
	fingerprint  store.Hash
	agentSession string
}

// cardProof finds the registered card of an identity.
func (a *Accounts) cardProof(ctx context.Context, who verify.Identity) (*cardProof, error) {
	fingerprint, err := fingerprintOf(who)
	if err != nil {
		return nil, typed(err)
	}
	card, err := a.Store.CardByHolder(ctx, holderOf(who))
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse(CodeCardNotRegistered)
	}
	if err != nil {
		return nil, typed(err)
	}
	return &cardProof{card: card, who: who, fingerprint: fingerprint}, nil
}

// used keeps which certificate the card has now: a renewed card has another.
func (p *cardProof) used(ctx context.Context, tx store.Tx, now time.Time) error {
	err := tx.CardUsed(ctx, p.card.ID, p.fingerprint, p.who.Expiry, now)
	if errors.Is(err, store.ErrNotFound) { // removed since it was found
		return refuse(CodeCardNotRegistered)
	}
	if err != nil || p.fingerprint == p.card.Fingerprint {
		return err
	}
	return tx.AddLine(ctx, store.Line{
		At: now, Actor: p.card.User, Subject: p.card.User, Action: ActionCardRenewed, Details: detailsOf(p.card),
	})
}

func holderOf(who verify.Identity) store.Holder {
	return store.Holder{Issuer: who.Issuer, ID: who.UserID}
}

// fingerprintOf refuses an identity that package verify did not make.
func fingerprintOf(who verify.Identity) (store.Hash, error) {
	if who.Certificate == nil || len(who.Certificate.Raw) == 0 || who.Expiry.IsZero() ||
		strings.TrimSpace(who.Issuer) == "" || strings.TrimSpace(who.UserID) == "" {
		return store.Hash{}, errors.New("an identity without a certificate, its expiry, an issuer or a user id")
	}
	return sha256.Sum256(who.Certificate.Raw), nil
}

// detailsOf is what the audit trail says of a card.
func detailsOf(card store.Card) map[string]string {
	return map[string]string{"card": card.Name, "issuer": card.Holder.Issuer, "holder": card.Holder.ID}
}
