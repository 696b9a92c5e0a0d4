package pcsc

import (
	"context"
	"errors"
	"slices"
)

// Tx is a transaction: until it ends no other program can send anything to the
// card. It belongs to the function that Transact runs, and to its goroutine.
type Tx struct {
	card     *Card
	owner    *owner
	wasReset bool
	reset    bool // reset the card at the end
	over     bool
}

// Transact waits for its turn with the card, begins a transaction, runs fn and
// ends the transaction, also when fn panics.
//
// Another program may have selected something else since the last transaction:
// fn selects first. fn must not wait for anything but the card, nor use the
// Card itself; on Windows a transaction that is idle for five seconds resets
// the card. It runs on the Card's own goroutine.
//
// When ctx ends before fn runs, Transact returns its cause at once and fn never
// runs. When it ends later, fn goes on, so that it can make the card forget a
// PIN: fn asks its own ctx where it wants to stop. If fn is not back five
// seconds later, Transact gives it up and returns: the Card is closed, fn can
// send nothing more, and the card is reset as soon as PC/SC lets us. Only then
// can fn still be running after Transact has returned: results that it sets
// must not be read after an error.
//
// The error is that of fn, unless the end of the transaction failed where a
// reset was asked for. After any failed end the Card is closed.
func (c *Card) Transact(ctx context.Context, fn func(*Tx) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.do(ctx, func(o *owner, work *call) error {
		wasReset, err := o.begin()
		if err != nil {
			return err
		}
		tx := &Tx{card: c, owner: o, wasReset: wasReset}
		if work.taken.Swap(true) {
			return tx.end() // nobody waits any more
		}
		return tx.run(fn)
	})
}

// run runs fn and ends the transaction.
func (tx *Tx) run(fn func(*Tx) error) (err error) {
	returned := false
	defer func() {
		if !returned { // a panic: nobody knows what it left verified
			tx.reset = true
		}
		if failed := tx.end(); failed != nil {
			err = errors.Join(err, failed)
		}
	}()
	err = fn(tx)
	returned = true
	return err
}

// WasReset reports whether the card was reset since the last transaction, by
// another program or by our own ResetAtEnd: what was selected and verified is
// forgotten. After a reset the connection is no proof that it is still the same
// card. pcsc-lite forgets a removal when a reset follows it, so a caller to
// whom that matters compares Reader.Insertion, or reads who the card is.
func (tx *Tx) WasReset() bool { return tx.wasReset }

// Protocol is the transmission protocol in use, ProtocolT0 or ProtocolT1. A
// reset by another program can change it.
func (tx *Tx) Protocol() Protocol { return tx.owner.handle.ActiveProtocol() }

// ResetAtEnd resets the card when the transaction ends: it forgets what was
// verified, and every other program must begin anew.
func (tx *Tx) ResetAtEnd() { tx.reset = true }

// LeaveAtEnd takes ResetAtEnd back.
func (tx *Tx) LeaveAtEnd() { tx.reset = false }

// Transmit sends one command APDU (ISO 7816-3) and returns the response with
// its status word. command is copied and the copy wiped; the caller wipes its
// own. It fails with ErrClosed once the transaction was given up, the Card
// closed or the function has returned; the end of Transact's ctx alone is no
// error.
func (tx *Tx) Transmit(command []byte) ([]byte, error) {
	// The copy comes before the question: who gives a transaction up closes the
	// Card first and wipes its PIN then, so no wiped PIN is ever sent, which
	// would cost a try.
	command = slices.Clone(command)
	defer clear(command)
	if tx.over || tx.card.closed() {
		return nil, ErrClosed
	}
	return tx.owner.transmit(command)
}

// end ends the transaction and reports only what leaves the card other than
// was asked for.
func (tx *Tx) end() error {
	tx.over = true
	disposition := LeaveCard
	if tx.reset || tx.card.closed() {
		disposition = ResetCard
	}
	err := tx.owner.end(disposition)
	if err == nil {
		return nil
	}
	tx.card.close()
	if !tx.reset || errors.Is(err, ErrCardRemoved) || errors.Is(err, ErrCardReset) {
		return nil // it has forgotten all the same
	}
	return err
}
