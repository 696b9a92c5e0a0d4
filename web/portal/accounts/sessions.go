package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"net/netip"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/verify"
)

// touchEvery is how exactly a session's last use is kept: a write for each
// page and picture would cost more than it tells.
const touchEvery = time.Minute

// maxAgentSession is the longest name that an agent gives a session.
const maxAgentSession = 128

// Browser is where somebody signs in from.
type Browser struct {
	From netip.Addr // of the network connection
	// Session is the token of the session that the browser had; empty if none.
	// Signing in ends it.
	Session string
}

// Session is who is signed in, for pages.
type Session struct {
	User store.User
	// Card and Certificate are what the session was begun by; zero and nil if
	// by password.
	Card         store.Card
	Certificate  *x509.Certificate
	AgentSession string // the agent's name for it; empty if by password
	// Locked: pages show the lock and nothing else, not even who it is.
	Locked bool
	// FreshUntil is when changes about cards begin to need a new proof.
	FreshUntil time.Time
	// PolicyAccepted: the present one.
	PolicyAccepted bool
	Created        time.Time
	Expires        time.Time // however much it is used
}

// Previous is for verify.Resume, which reads the certificate alone.
func (s Session) Previous() verify.Identity { return verify.Identity{Certificate: s.Certificate} }

// Session returns who the token's browser is signed in as, also when it is
// locked. It is no use of the session: Touch is.
//
// Errors: CodeSignedOut, CodeSessionExpired, CodeAccountInactive.
func (a *Accounts) Session(ctx context.Context, token string) (Session, error) {
	w, err := a.find(ctx, a.Store, token, a.Clock())
	if err != nil {
		return Session{}, typed(err)
	}
	s := Session{
		User: w.user, AgentSession: w.session.AgentSession, Locked: w.session.Locked,
		FreshUntil: w.session.Authenticated.Add(a.Limits.Fresh), PolicyAccepted: w.user.Policy == a.Policy,
		Created: w.session.Created, Expires: w.session.Expires,
	}
	if w.session.Card == 0 {
		return s, nil
	}
	if s.Card, err = a.Store.Card(ctx, w.session.Card); errors.Is(err, store.ErrNotFound) {
		return Session{}, refuse(CodeSignedOut) // removed meanwhile, and the session with it
	}
	if err == nil {
		s.Certificate, err = x509.ParseCertificate(w.session.Certificate)
	}
	return s, typed(err)
}

// Touch keeps the session from ending for want of use. A locked one is not in
// use: CodePageLocked. Other errors: as Session.
func (a *Accounts) Touch(ctx context.Context, token string) error {
	w, err := a.find(ctx, a.Store, token, a.Clock())
	switch {
	case err != nil:
		return typed(err)
	case w.session.Locked:
		return refuse(CodePageLocked)
	case w.now.Sub(w.session.Seen).Abs() < touchEvery:
		return nil
	}
	if err = a.Store.TouchSession(ctx, w.session.Token, w.now); errors.Is(err, store.ErrNotFound) {
		return refuse(CodeSignedOut)
	}
	return typed(err)
}

// Lock locks a session that a card began, until Resume. A session by password
// could not be resumed: CodeNotAllowed.
func (a *Accounts) Lock(ctx context.Context, token string) error {
	return a.change(ctx, func(tx store.Tx, now time.Time) error {
		w, err := a.find(ctx, tx, token, now)
		if err != nil {
			return err
		}
		if w.session.Card == 0 {
			return refuse(CodeNotAllowed)
		}
		return tx.LockSession(ctx, w.session.Token)
	})
}

// Resume unlocks the session for the certificate that began it. It counts as a
// new proof. Errors: as Session, CodeNotAllowed for a session by password,
// CodeDifferentCard.
func (a *Accounts) Resume(ctx context.Context, token string, proof verify.Identity) error {
	return a.change(ctx, func(tx store.Tx, now time.Time) error {
		w, err := a.find(ctx, tx, token, now)
		if err != nil {
			return err
		}
		if w.session.Card == 0 {
			return refuse(CodeNotAllowed)
		}
		fingerprint, err := fingerprintOf(proof)
		if err != nil {
			return err
		}
		if fingerprint != sha256.Sum256(w.session.Certificate) {
			return refuse(CodeDifferentCard)
		}
		return tx.Authenticated(ctx, w.session.Token, now)
	})
}

// End signs the browser out. It is no error when it is already.
func (a *Accounts) End(ctx context.Context, token string) error {
	return a.change(ctx, func(tx store.Tx, now time.Time) error {
		// One that has ended by itself is forgotten without a line.
		if w, err := a.find(ctx, tx, token, now); err == nil {
			if err := w.note(ctx, tx, w.user.ID, ActionSignedOut, nil); err != nil {
				return err
			}
		}
		return tx.EndSession(ctx, hashOf(token))
	})
}

// EndAll signs the user out of every browser, this one too.
func (a *Accounts) EndAll(ctx context.Context, token string) error {
	return a.as(ctx, token, func(tx store.Tx, w who) error {
		if err := w.note(ctx, tx, w.user.ID, ActionSignedOutEverywhere, nil); err != nil {
			return err
		}
		return tx.EndSessionsOf(ctx, w.user.ID)
	})
}

// begin begins a session under a new token in place of the browser's old one.
// card is nil after a password.
func (a *Accounts) begin(ctx context.Context, tx store.Tx, now time.Time, old string, user store.UserID, card *cardProof) (string, error) {
	token := rand.Text()
	s := store.Session{
		Token: hashOf(token), User: user, Created: now, Seen: now,
		Expires: now.Add(a.Limits.Session), Authenticated: now,
	}
	if card != nil {
		s.Card, s.Certificate, s.AgentSession = card.card.ID, card.who.Certificate.Raw, card.agentSession
		if err := card.used(ctx, tx, now); err != nil {
			return "", err
		}
	}
	return token, errors.Join(
		tx.EndSession(ctx, hashOf(old)),
		tx.EndSessionsBefore(ctx, now),
		tx.AddSession(ctx, s),
	)
}

// who is somebody who is signed in, at one moment.
type who struct {
	session store.Session
	user    store.User
	now     time.Time
	limits  Limits
}

// find returns who has the token, if they still may.
func (a *Accounts) find(ctx context.Context, tx store.Tx, token string, now time.Time) (who, error) {
	s, err := tx.Session(ctx, hashOf(token))
	if errors.Is(err, store.ErrNotFound) {
		return who{}, refuse(CodeSignedOut)
	}
	if err != nil {
		return who{}, err
	}
	if !now.Before(s.Expires) || now.Sub(s.Seen) >= a.Limits.Idle {
		return who{}, refuse(CodeSessionExpired)
	}
	user, err := tx.User(ctx, s.User)
	if err == nil && user.Status != store.Active {
		err = refuse(CodeAccountInactive)
	}
	return who{s, user, now, a.Limits}, err
}

// as does something in one transaction for somebody whose page is not locked.
func (a *Accounts) as(ctx context.Context, token string, do func(tx store.Tx, w who) error) error {
	return a.change(ctx, func(tx store.Tx, now time.Time) error {
		w, err := a.find(ctx, tx, token, now)
		if err == nil && w.session.Locked {
			err = refuse(CodePageLocked)
		}
		if err != nil {
			return err
		}
		return do(tx, w)
	})
}

// fresh wants a proof that is not older than Limits.Fresh and what is given on
// top.
func (w who) fresh(more time.Duration) error {
	if w.now.Sub(w.session.Authenticated) > w.limits.Fresh+more {
		return refuse(CodeReauthenticationNeeded)
	}
	return nil
}

// note adds a line to the audit trail.
func (w who) note(ctx context.Context, tx store.Tx, subject store.UserID, action string, details map[string]string) error {
	return tx.AddLine(ctx, store.Line{At: w.now, Actor: w.user.ID, Subject: subject, Action: action, Details: details})
}

func hashOf(token string) store.Hash { return sha256.Sum256([]byte(token)) }
