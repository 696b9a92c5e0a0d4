package accounts

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
)

// AttemptLimit is how wrong passwords slow down those that follow.
type AttemptLimit struct {
	// Free is how many can be wrong before any waiting; at least 1.
	Free int
	// First is the wait after the last free one. Each wrong password after it
	// doubles the wait, up to Most.
	First, Most time.Duration
	// Forget is after what time without a try the count begins anew.
	Forget time.Duration
}

// wait is how long after so many failures nothing is tried.
func (l AttemptLimit) wait(failures int) time.Duration {
	over := failures - l.Free
	if over < 0 {
		return 0
	}
	wait := l.First
	for range min(over, 40) { // 2^40 of any wait is beyond Most
		if wait = 2 * wait; wait >= l.Most {
			break
		}
	}
	return min(wait, l.Most)
}

// counted is something that wrong passwords are counted for.
type counted struct {
	key   store.Hash
	limit AttemptLimit
}

// countedFor are the account, whether there is one or not, and the address. A
// person in a network of their own has 2^64 addresses there in IPv6, and is
// counted once (RFC 6177).
func (a *Accounts) countedFor(email string, from netip.Addr) (account, address counted) {
	from = from.Unmap().WithZone("")
	network := from.String()
	if from.Is6() {
		network = netip.PrefixFrom(from, 64).Masked().String()
	}
	return counted{sha256.Sum256([]byte("account " + email)), a.Limits.Account},
		counted{sha256.Sum256([]byte("address " + network)), a.Limits.Address}
}

// attempt returns what is counted now. A count from the future is of a clock
// that was wrong.
func (c counted) attempt(ctx context.Context, tx store.Tx, now time.Time) (store.Attempt, error) {
	found, err := tx.Attempt(ctx, c.key)
	if errors.Is(err, store.ErrNotFound) || err == nil && now.Sub(found.Last).Abs() > c.limit.Forget {
		return store.Attempt{Key: c.key}, nil
	}
	return found, err
}

// reserve counts a failure for all before the password is looked at, so that
// many guesses at once are not one. It returns how many the first has now.
func (a *Accounts) reserve(ctx context.Context, all ...counted) (failures int, err error) {
	err = a.change(ctx, func(tx store.Tx, now time.Time) error {
		var wait time.Duration
		attempts := make([]store.Attempt, len(all))
		for i, c := range all {
			if attempts[i], err = c.attempt(ctx, tx, now); err != nil {
				return err
			}
			wait = max(wait, min(attempts[i].Until.Sub(now), c.limit.Most))
		}
		if wait > 0 {
			return &Error{Code: CodeTooManyAttempts, RetryAfter: wait}
		}
		for i, c := range all {
			attempts[i].Failures++
			if err := put(ctx, tx, attempts[i], now, c.limit.wait(attempts[i].Failures)); err != nil {
				return err
			}
		}
		failures = attempts[0].Failures
		return tx.ForgetAttemptsBefore(ctx, now.Add(-max(a.Limits.Account.Forget, a.Limits.Address.Forget)))
	})
	return failures, err
}

// failed has the wait begin with the answer.
func (c counted) failed(ctx context.Context, tx store.Tx, now time.Time) error {
	attempt, err := c.attempt(ctx, tx, now)
	if err != nil {
		return err
	}
	return put(ctx, tx, attempt, now, c.limit.wait(attempt.Failures))
}

// giveBack takes back one reserved failure, and the wait that it began.
func (c counted) giveBack(ctx context.Context, tx store.Tx, now time.Time) error {
	attempt, err := c.attempt(ctx, tx, now)
	if err != nil {
		return err
	}
	attempt.Failures = max(attempt.Failures-1, 0)
	return put(ctx, tx, attempt, now, 0)
}

func put(ctx context.Context, tx store.Tx, attempt store.Attempt, now time.Time, wait time.Duration) error {
	attempt.Last, attempt.Until = now, now.Add(wait)
	return tx.PutAttempt(ctx, attempt)
}
