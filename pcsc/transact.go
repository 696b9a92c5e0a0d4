package pcsc

import (
	"context"
	"errors"
	"slices"
)

// Tx is a transaction: until it ends no other program can send anything to the
// card. It belongs to the function that Transact runs, and to its goroutine.
type Tx struct {
	ctx      context.Context
	card     *Card
	wasReset bool
	reset    bool // reset the card at the end
	over     bool
}

// Transact waits for its turn with the card, begins a transaction, runs fn and
// ends the transaction, also when fn panics.
//
// Another program may have selected something else since the last transaction:
// fn selects first. fn must not wait for anything but the card; on Windows a
// transaction that is idle for five seconds resets it.
//
// When ctx ends before fn runs, Transact returns its cause at once. When it
// ends later, fn goes on, so that it can make the card forget a PIN: fn asks its
// own ctx where it wants to stop. Only a call that then takes longer than five
// seconds more is given up: the Card is closed, and the card reset once that
// call is back.
//
// The error is that of fn, unless the end of the transaction failed where a
// reset was asked for. After any failed end the Card is closed.
func (c *Card) Transact(ctx context.Context, fn func(*Tx) error) (err error) {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case c.turn <- struct{}{}:
	case <-c.quit:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-c.turn }()

	tx := &Tx{ctx: ctx, card: c}
	err = c.do(ctx, 0, func(o *owner) (err error) {
		tx.wasReset, err = o.begin()
		return err
	}, func(o *owner) { _ = o.end(LeaveCard) })
	if err != nil {
		return err
	}
	finished := false
	defer func() {
		if !finished { // fn panicked: nobody knows what it left verified
			tx.reset = true
		}
		if failed := tx.end(); failed != nil {
			err = errors.Join(err, failed)
		}
	}()
	if ctx.Err() == nil {
		err = fn(tx)
	} else {
		err = context.Cause(ctx)
	}
	finished = true
	return err
}

// WasReset reports whether the card was reset since the last transaction, by
// another program or by our own ResetAtEnd: what was selected and verified is
// forgotten. After a reset the connection is no proof that it is still the same
// card. pcsc-lite forgets a removal when a reset follows it, so a caller to
// whom that matters compares Reader.Insertion, or reads who the card is.
func (tx *Tx) WasReset() bool { return tx.wasReset }

// ResetAtEnd resets the card when the transaction ends: it forgets what was
// verified, and every other program must begin anew.
func (tx *Tx) ResetAtEnd() { tx.reset = true }

// LeaveAtEnd takes ResetAtEnd back.
func (tx *Tx) LeaveAtEnd() { tx.reset = false }

// Transmit sends one command APDU (ISO 7816-3) and returns the response with
// its status word. command is copied and the copy wiped; the caller wipes its
// own. The end of Transact's ctx alone is no error.
func (tx *Tx) Transmit(command []byte) (response []byte, err error) {
	if tx.over {
		return nil, ErrClosed
	}
	command = slices.Clone(command) // a caller that gave up may wipe its own while C reads
	var answer []byte
	err = tx.call(func(o *owner) (err error) {
		defer clear(command)
		answer, err = o.transmit(command)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// end ends the transaction and reports only what leaves the card other than
// was asked for.
func (tx *Tx) end() error {
	tx.over = true
	disposition := LeaveCard
	if tx.reset {
		disposition = ResetCard
	}
	err := tx.call(func(o *owner) error { return o.end(disposition) })
	if err == nil {
		return nil
	}
	tx.card.close()
	switch {
	case !tx.reset,
		errors.Is(err, ErrCardRemoved), errors.Is(err, ErrCardReset), // it has forgotten all the same
		errors.Is(err, ErrClosed): // it is reset while the connection is closed
		return nil
	}
	return err
}

// call runs within the transaction. When it has to be given up, the Card is of
// no more use.
func (tx *Tx) call(run func(*owner) error) error {
	return tx.card.do(tx.ctx, grace, run, nil)
}
