package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/verify"
)

// Prerequisite is the name of something that registering a card needs.
type Prerequisite string

// The prerequisites. The last three are about the person's computer: its page
// finds them out.
const (
	AccountActive  Prerequisite = "accountActive"
	PolicyAccepted Prerequisite = "policyAccepted"
	AgentFound     Prerequisite = "agentFound"
	BrowserFit     Prerequisite = "browserFit"
	CardReadable   Prerequisite = "cardReadable"
)

// Finding says whether a prerequisite is there.
type Finding string

// The findings.
const (
	Met     Finding = "met"
	Missing Finding = "missing"
	Unknown Finding = "unknown" // as yet, or here
)

// Check is a prerequisite and what is known about it.
type Check struct {
	Prerequisite Prerequisite `json:"prerequisite"`
	Finding      Finding      `json:"finding"`
	ByPage       bool         `json:"byPage"` // the page finds out
}

// Prerequisites lists all of them in the order to show. Without a session, the
// account's own are unknown.
func (a *Accounts) Prerequisites(ctx context.Context, token string) ([]Check, error) {
	active, accepted := Unknown, Unknown
	w, err := a.find(ctx, a.Store, token, a.Clock())
	switch CodeOf(err) {
	case CodeSignedOut, CodeSessionExpired:
	case CodeAccountInactive:
		active = Missing
	default:
		if err != nil {
			return nil, typed(err)
		}
		active, accepted = Met, Missing
		if w.user.Policy == a.Policy {
			accepted = Met
		}
	}
	return []Check{
		{AccountActive, active, false}, {PolicyAccepted, accepted, false},
		{AgentFound, Unknown, true}, {BrowserFit, Unknown, true}, {CardReadable, Unknown, true},
	}, nil
}

// AcceptPolicy keeps that the user accepted the version that they were shown.
// An outdated one is CodePolicyChanged.
func (a *Accounts) AcceptPolicy(ctx context.Context, token, version string) error {
	return a.as(ctx, token, func(tx store.Tx, w who) error {
		if version != a.Policy {
			return refuse(CodePolicyChanged)
		}
		return errors.Join(
			tx.SetPolicy(ctx, w.user.ID, version, w.now),
			w.note(ctx, tx, w.user.ID, ActionPolicyAccepted, map[string]string{"policy": version}),
		)
	})
}

// A card is registered in three steps: to sign in; to choose a name for it; to
// insert it and type its PIN. BeginRegistration, ChooseCard and
// FinishRegistration are what follows each. Where somebody stands is kept for
// Limits.Registration, and found again after they signed in anew.

// BeginRegistration begins one, or takes up the one that is under way.
//
// Errors: those of the session, CodePolicyNotAccepted.
func (a *Accounts) BeginRegistration(ctx context.Context, token string) (r store.Registration, err error) {
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		if w.user.Policy != a.Policy {
			return refuse(CodePolicyNotAccepted)
		}
		r, err = w.registration(ctx, tx)
		if code := CodeOf(err); code != CodeRegistrationNotFound && code != CodeRegistrationExpired {
			return err
		}
		r = store.Registration{User: w.user.ID, Step: store.StepChoose, Opened: w.now, Expires: w.now.Add(a.Limits.Registration)}
		return errors.Join(
			tx.PutRegistration(ctx, r),
			w.note(ctx, tx, w.user.ID, ActionRegistrationBegun, nil),
		)
	})
	return r, err
}

// Registration returns the user's own that is under way.
//
// Errors: those of the session, CodeRegistrationNotFound and, until another is
// begun, CodeRegistrationExpired.
func (a *Accounts) Registration(ctx context.Context, token string) (r store.Registration, err error) {
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		r, err = w.registration(ctx, tx)
		return err
	})
	return r, err
}

func (w who) registration(ctx context.Context, tx store.Tx) (store.Registration, error) {
	r, err := tx.Registration(ctx, w.user.ID)
	if errors.Is(err, store.ErrNotFound) {
		return store.Registration{}, refuse(CodeRegistrationNotFound)
	}
	if err == nil && !w.now.Before(r.Expires) {
		return store.Registration{}, refuse(CodeRegistrationExpired)
	}
	return r, err
}

// ChooseCard gives the card that is to come its name. It can be called again
// until the card is registered.
//
// Errors: those of Registration, CodePolicyNotAccepted,
// CodeReauthenticationNeeded, CodeFieldInvalid.
func (a *Accounts) ChooseCard(ctx context.Context, token, name string) (r store.Registration, err error) {
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		if r, err = a.mayRegister(ctx, tx, w, 0); err != nil {
			return err
		}
		if r.Name, err = oneLine(FieldName, name, maxName); err != nil {
			return err
		}
		r.Step = store.StepInsert
		return tx.PutRegistration(ctx, r)
	})
	return r, err
}

// CheckRegistration finds out before somebody types a PIN what
// FinishRegistration would refuse after it. Errors: as ChooseCard, and
// CodeCardNotChosen.
func (a *Accounts) CheckRegistration(ctx context.Context, token string) error {
	return a.as(ctx, token, func(tx store.Tx, w who) error {
		_, err := a.mayFinish(ctx, tx, w, 0)
		return err
	})
}

// mayRegister returns the registration if it may go on. more is on top of
// Limits.Fresh.
func (a *Accounts) mayRegister(ctx context.Context, tx store.Tx, w who, more time.Duration) (store.Registration, error) {
	if w.user.Policy != a.Policy {
		return store.Registration{}, refuse(CodePolicyNotAccepted)
	}
	r, err := w.registration(ctx, tx)
	if err == nil {
		err = w.fresh(more)
	}
	return r, err
}

// mayFinish is mayRegister when the second step is done.
func (a *Accounts) mayFinish(ctx context.Context, tx store.Tx, w who, more time.Duration) (store.Registration, error) {
	r, err := a.mayRegister(ctx, tx, w, more)
	if err == nil && r.Step != store.StepInsert {
		err = refuse(CodeCardNotChosen)
	}
	return r, err
}

// FinishRegistration registers the card of an identity that verify.Verify
// returned, and tells the user by mail.
//
// Errors: as CheckRegistration, CodeCardTaken, CodeCardAlreadyRegistered.
func (a *Accounts) FinishRegistration(ctx context.Context, token string, proof verify.Identity) (card store.Card, err error) {
	var refusal error // what the audit trail keeps
	var user store.User
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		// A proof that was fresh when the card was asked for may be older by the
		// time that the card has to answer.
		r, err := a.mayFinish(ctx, tx, w, verify.DefaultNonceLife)
		if err != nil {
			return err
		}
		fingerprint, err := fingerprintOf(proof)
		if err != nil {
			return err
		}
		user = w.user
		card = store.Card{
			User: user.ID, Holder: holderOf(proof), Name: r.Name,
			Fingerprint: fingerprint, Expiry: proof.Expiry, Registered: w.now,
		}
		if card.ID, err = tx.AddCard(ctx, card); errors.Is(err, store.ErrTaken) {
			refusal, err = w.taken(ctx, tx, card)
			return err
		}
		return errors.Join(err,
			tx.EndRegistration(ctx, user.ID),
			w.note(ctx, tx, user.ID, ActionCardRegistered, detailsOf(card)))
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return store.Card{}, err
	}
	a.send(ctx, notice{kind: mailCardRegistered, to: user, at: card.Registered, card: card.Name})
	return card, nil
}

// taken says whose the card is: to this user only whether it is theirs, to the
// helpdesk by the audit trail of both.
func (w who) taken(ctx context.Context, tx store.Tx, card store.Card) (refusal, err error) {
	has, err := tx.CardByHolder(ctx, card.Holder)
	if err != nil {
		return nil, err
	}
	if has.User == w.user.ID {
		return refuse(CodeCardAlreadyRegistered), nil
	}
	return refuse(CodeCardTaken), w.note(ctx, tx, has.User, ActionCardRefused,
		map[string]string{"issuer": card.Holder.Issuer, "holder": card.Holder.ID})
}

// CancelRegistration gives the user's own up. It is no error when there is
// none.
func (a *Accounts) CancelRegistration(ctx context.Context, token string) error {
	return a.as(ctx, token, func(tx store.Tx, w who) error { return tx.EndRegistration(ctx, w.user.ID) })
}
