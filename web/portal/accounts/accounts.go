// Package accounts is what the sign-in site does for people, below its pages:
// they sign in by password or by card, register cards and take them back,
// their pages lock and resume, and the helpdesk helps them.
//
// Accounts is made once by New over a store. A method that acts for somebody
// takes their session's token and finds out by itself, each time, who it is
// and whether they may. Every error is a *Error with a stable code that a page
// has words for; a refusal changes nothing but counts and the audit trail.
//
// Passwords are kept as argon2id hashes. An unknown address costs as much time
// as a known one and gets the same answer; wrong passwords slow down the next,
// for the account and for the network address that they came from. Signing in
// by card is not slowed down: who guesses passwords locks nobody out who has a
// card. A card is found by its issuer and the user id that the issuer gave, so
// that a renewed one keeps working. Package verify has checked it before, and
// that it was not reported lost; accounts never sees a token of the agent's.
//
// What happened is in the audit trail before it is answered, in the same
// transaction. Mails go out after it, in the background; one that fails is in
// the log and the trail.
//
// It knows nothing of HTTP: cookies, forms and cross-site requests are the
// pages' business. It never logs a password, a token or a reason.
//
// It is tested over the real database, with a clock that the test moves.
package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
)

// Config is what accounts are made of. Store, Mailer, Texts, Language and
// Policy are required.
type Config struct {
	Store  store.Store
	Mailer Mailer
	// Texts are those of the mails, by language and key: MailKeys, in each.
	Texts map[string]map[string]string
	// Language is of mails to users whose own has no texts any more.
	Language string
	// Site is the organisation's name, for the mails' {site}.
	Site string
	// Policy is the version of the acceptable-use policy that is to be accepted.
	Policy string
	// Limits that are zero are DefaultLimits.
	Limits Limits
	// HashCost of new passwords; zero is DefaultHashCost. Older hashes are made
	// anew when their password is typed.
	HashCost HashCost
	// Location is of the times in mails; nil is the server's own.
	Location *time.Location
	// Log hears of mails that could not be sent. nil: nothing.
	Log *slog.Logger
	// Clock is for tests; nil is time.Now.
	Clock func() time.Time
}

// Limits are how long things last.
type Limits struct {
	// A session ends when it was not used for Idle, and after Session in any
	// case. Use is kept to the minute.
	Idle, Session time.Duration
	// Fresh is for how long a proof of who somebody is lets them change
	// something about cards and accounts.
	Fresh time.Duration
	// Registration is how long one can be taken up again.
	Registration time.Duration
	// What wrong passwords cost, for one account and for one network address.
	// A hospital can be behind one address.
	Account, Address AttemptLimit
	// Warn is after how many wrong passwords in a row, and again after as many
	// more, the user hears of it by mail.
	Warn int
}

// DefaultLimits are used where Config.Limits has zeros.
var DefaultLimits = Limits{
	Idle: 30 * time.Minute, Session: 12 * time.Hour, Fresh: 5 * time.Minute, Registration: 24 * time.Hour,
	Account: AttemptLimit{Free: 5, First: 30 * time.Second, Most: 15 * time.Minute, Forget: 24 * time.Hour},
	Address: AttemptLimit{Free: 50, First: 5 * time.Second, Most: time.Minute, Forget: time.Hour},
	Warn:    10,
}

// Accounts are the use cases. It may be used by many at once.
type Accounts struct {
	Config
	nobody passwordHash   // what an unknown user's password is compared with
	hashes chan struct{}  // as many as may be computed at once
	mails  sync.WaitGroup // those on their way
}

// New returns the accounts, or an error that says what is wrong with config.
func New(config Config) (*Accounts, error) {
	a := &Accounts{Config: config, hashes: make(chan struct{}, min(runtime.GOMAXPROCS(0), 4))}
	d := DefaultLimits
	a.Limits = Limits{
		Idle: cmp.Or(a.Limits.Idle, d.Idle), Session: cmp.Or(a.Limits.Session, d.Session),
		Fresh: cmp.Or(a.Limits.Fresh, d.Fresh), Registration: cmp.Or(a.Limits.Registration, d.Registration),
		Account: cmp.Or(a.Limits.Account, d.Account), Address: cmp.Or(a.Limits.Address, d.Address),
		Warn: cmp.Or(a.Limits.Warn, d.Warn),
	}
	a.HashCost = cmp.Or(a.HashCost, DefaultHashCost)
	a.nobody = randomHash(a.HashCost)
	if a.Location == nil {
		a.Location = time.Local
	}
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	if a.Clock == nil {
		a.Clock = time.Now
	}
	switch {
	case a.Store == nil:
		return nil, errors.New("accounts: Config.Store is missing")
	case a.Mailer == nil:
		return nil, errors.New("accounts: Config.Mailer is missing")
	case a.Policy == "":
		return nil, errors.New("accounts: Config.Policy is missing")
	case !a.HashCost.valid():
		return nil, fmt.Errorf("accounts: Config.HashCost %+v is out of range", a.HashCost)
	}
	if err := a.Limits.check(); err != nil {
		return nil, err
	}
	if a.Texts[a.Language] == nil {
		return nil, fmt.Errorf("accounts: Config.Texts has none in Config.Language %q", a.Language)
	}
	return a, checkTexts(a.Texts)
}

func (l Limits) check() error {
	for name, attempts := range map[string]AttemptLimit{"Account": l.Account, "Address": l.Address} {
		if attempts.Free < 1 || attempts.First <= 0 || attempts.Most < attempts.First || attempts.Forget < attempts.Most {
			return fmt.Errorf("accounts: Config.Limits.%s %+v does not make sense", name, attempts)
		}
	}
	if min(l.Idle, l.Session, l.Fresh, l.Registration) < 0 || l.Warn < 0 {
		return fmt.Errorf("accounts: Config.Limits %+v: one is below zero", l)
	}
	return nil
}

// Close waits for the mails on their way. No other call may be under way.
func (a *Accounts) Close() { a.mails.Wait() }

// change does something in one transaction.
func (a *Accounts) change(ctx context.Context, do func(tx store.Tx, now time.Time) error) error {
	return typed(a.Store.InTx(ctx, func(tx store.Tx) error { return do(tx, a.Clock()) }))
}
