package pcsc

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// grace is how long a transaction may go on after its context ended: long enough
// for a signature, and for making the card forget a PIN afterwards.
const grace = 5 * time.Second

// Card is a shared connection to the card in one reader, over a PC/SC context
// of its own. A Card never turns to another card by itself: once its card was
// pulled, every transaction fails with ErrCardRemoved. The one exception is a
// reset (see Tx.WasReset). Its methods can be called from several goroutines.
type Card struct {
	reader string
	calls  chan *call    // to the owner goroutine, one at a time
	quit   chan struct{} // closed by Close and when a call is given up
	ended  chan struct{} // closed when the owner goroutine has let the card go
	close  func()        // closes quit, once
}

// call is one piece of work for the owner.
type call struct {
	run func(*owner, *call) error
	// taken is set by the first of two: a caller who does not want to wait for
	// the work to begin, and the work when there is no way back.
	taken atomic.Bool
	done  chan struct{} // closed when what follows is set
	err   error
	crash func() // repeats in the caller what ended run other than a return
}

// Connect opens the card in reader, shared with other programs, over T=0 or
// T=1. It returns when ctx ends even if PC/SC does not; ctx does not bound the
// life of the Card, Close ends it.
func Connect(ctx context.Context, driver Driver, reader string) (*Card, error) {
	c := &Card{
		reader: reader,
		calls:  make(chan *call),
		quit:   make(chan struct{}),
		ended:  make(chan struct{}),
	}
	c.close = sync.OnceFunc(func() { close(c.quit) })
	go c.own()
	if err := c.do(ctx, func(o *owner, _ *call) error { return o.connect(driver, reader) }); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// Reader is the name of the reader that the card is in.
func (c *Card) Reader() string { return c.reader }

// Close lets the card go and leaves it as it is. A transaction that is still
// under way can send nothing more and is ended with a reset. Close returns when
// PC/SC has let go, or after five seconds, when a reader hangs in a call: that
// call's end is then awaited in the background.
func (c *Card) Close() {
	c.close()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
	}
}

func (c *Card) closed() bool {
	select {
	case <-c.quit:
		return true
	default:
		return false
	}
}

// own runs calls until the Card is closed.
func (c *Card) own() {
	o := &owner{}
	defer func() {
		c.close() // where a call ended this goroutine
		o.release()
		close(c.ended)
	}()
	for {
		select {
		case <-c.quit:
			return
		case work := <-c.calls:
			work.execute(o)
		}
	}
}

// execute runs the call. A panic is the caller's: it is repeated there.
func (w *call) execute(o *owner) {
	defer close(w.done)
	returned := false
	defer func() {
		if value := recover(); value != nil {
			stack := debug.Stack()
			w.crash = func() { panic(fmt.Sprintf("%v\n\nin a transaction:\n%s", value, stack)) }
		} else if !returned {
			w.crash = runtime.Goexit // as a test's Fatal does
		}
	}()
	w.err = w.run(o, w)
	returned = true
}

// do has the owner run a call and waits for it. When ctx ends it returns at
// once if the call was not taken, else after grace; then it closes the Card.
func (c *Card) do(ctx context.Context, run func(*owner, *call) error) error {
	work := &call{run: run, done: make(chan struct{})}
	select {
	case c.calls <- work:
	case <-c.quit:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-work.done:
		return work.result()
	case <-ctx.Done():
	}
	if !work.taken.Swap(true) {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-work.done:
		return work.result()
	case <-timer.C:
		c.close()
		return errors.Join(context.Cause(ctx), ErrUnresponsive)
	}
}

func (w *call) result() error {
	if w.crash != nil {
		w.crash()
	}
	return w.err
}

// owner is the state of the goroutine that alone calls PC/SC for a Card, and
// that runs the functions of its transactions: a change of goroutine for each
// command would cost as much as a fast card. A call in C cannot be cancelled:
// callers stop waiting for it, and the owner tidies up when it is back.
type owner struct {
	reader  string
	context Context
	handle  Handle
	within  bool // a transaction was begun and not ended
}

func (o *owner) connect(driver Driver, reader string) error {
	o.reader = reader
	pc, err := driver.Establish()
	if err != nil {
		return opError(opEstablish, "", err)
	}
	o.context = pc
	handle, err := pc.Connect(reader, ShareShared, ProtocolAny)
	if err != nil {
		return opError(opConnect, reader, err)
	}
	o.handle = handle
	return nil
}

// mostResets is how many resets in a row a connection is taken up after: another
// program may reset the card again before our transaction begins.
const mostResets = 3

func isReset(err error) bool {
	code, ok := errors.AsType[Code](err)
	return ok && errors.Is(code.Kind(), ErrCardReset)
}

// begin starts a transaction and reports whether the card was reset before: a
// connection must be taken up again then.
func (o *owner) begin() (wasReset bool, err error) {
	err = o.handle.BeginTransaction()
	for resets := 0; isReset(err) && resets < mostResets; resets++ {
		wasReset = true
		if err = o.handle.Reconnect(ShareShared, ProtocolAny, LeaveCard); err != nil {
			return true, o.error("reconnect", err)
		}
		err = o.handle.BeginTransaction()
	}
	o.within = err == nil
	return wasReset, o.error("begin a transaction", err)
}

func (o *owner) end(d Disposition) error {
	err := o.handle.EndTransaction(d)
	o.within = err != nil
	return o.error("end a transaction", err)
}

func (o *owner) transmit(command []byte) ([]byte, error) {
	response, err := o.handle.Transmit(command)
	if err == nil && len(response) == 0 {
		// Even a refusal has two bytes (ISO 7816-4, 5.1). Drivers answer with
		// none when the card goes in the middle of a command.
		err = RemovedCard
	}
	return response, o.error("transmit", err)
}

// error is opError on a connection that had a card: no card is a removed one.
func (o *owner) error(op string, err error) error {
	if errors.Is(err, NoSmartcard) {
		err = RemovedCard
	}
	return opError(op, o.reader, err)
}

// release gives everything back. A transaction that nobody could end is ended
// with a reset: a PIN may have been verified in it. Errors are those of a card,
// a reader or a service that is gone, and gone is what they should be.
func (o *owner) release() {
	if o.handle != nil {
		if o.within {
			_ = o.handle.EndTransaction(ResetCard)
		}
		_ = o.handle.Disconnect(LeaveCard)
	}
	if o.context != nil {
		_ = o.context.Release()
	}
}
