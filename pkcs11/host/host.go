package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/pkcs11"
)

// Host gives the use of one module. Each operation has a process of its own, in
// which the module is initialised anew, so nothing that a module remembers of
// a card that was swapped can matter. Its methods may be called from several
// goroutines at once; that no two use one card is for the caller to see to.
//
// A process is killed before the method returns that used it. One that failed is
// waited for as well, so that nothing of the module is at the card any more;
// another has finalised the module. One that got a PIN is never used for anything
// else. The next one is started in advance, has the module loaded but not
// initialised, and ends after SpareFor.
//
// After Sign the caller has the card forget the PIN over PC/SC: C_Logout does
// not do it with all modules, and a process that was killed did not get that
// far.
type Host struct {
	config Config
	ctx    context.Context // ended by Close
	cancel context.CancelCauseFunc

	mu      sync.Mutex // guards what follows; never held while a process works
	closed  bool
	spare   *process
	expiry  *time.Timer // of the spare
	working sync.WaitGroup
}

// ErrClosed is of operations after, or during, Close.
var ErrClosed = errors.New("pkcs11 host: closed")

// New returns a Host. No process is started before the first operation.
func New(c Config) *Host {
	h := &Host{config: c.complete()}
	h.ctx, h.cancel = context.WithCancelCause(context.Background())
	return h
}

// Close ends all processes and waits for them. Operations under way fail.
func (h *Host) Close() {
	h.mu.Lock()
	h.closed = true
	h.cancel(ErrClosed)
	spare := h.takeSpareLocked()
	h.mu.Unlock()
	if spare != nil {
		spare.end()
	}
	h.working.Wait()
	if h.config.Readers != nil {
		if err := h.config.Readers.Close(); err != nil {
			h.config.Log.Warn("what shows modules their reader was not closed", "err", err)
		}
	}
}

// Tokens initialises the module and reads all tokens in a reader, certificates
// included, without a log-in. An empty name is all readers. No token is no
// error.
//
// The errors of this and the other methods are a *Failure where the process
// failed, an *Error where the module refused, or the end of ctx.
func (h *Host) Tokens(ctx context.Context, reader string) ([]Token, error) {
	o := operation{}
	err := h.do(ctx, &o, reader, kindTokens, tokensRequest{reader})
	return o.result.Tokens, err
}

// Token looks for the token in a reader that holds a certificate now, and says
// what its PIN's state is. It leaves Keys empty, which saves reading them. A
// reader without a card is ErrTokenGone, another card ErrKeyGone.
func (h *Host) Token(ctx context.Context, reader string, certificate []byte) (Token, error) {
	o := operation{}
	if err := h.do(ctx, &o, reader, kindToken, tokenRequest{reader, certificate}); err != nil {
		return Token{}, err
	}
	if len(o.result.Tokens) != 1 {
		return Token{}, &Failure{How: Crashed, Err: fmt.Errorf("%w: %d tokens for one", errFrame, len(o.result.Tokens))}
	}
	return o.result.Tokens[0], nil
}

// SignRequest asks for signatures with one log-in.
type SignRequest struct {
	pkcs11.Batch
	// PIN is the caller's to wipe when Sign has returned. It is not used where
	// the token has a Keypad; elsewhere none at all is ErrPINForm.
	PIN []byte
	// Signed, if set, is told each signature as it is made, by its place in
	// Digests. It must not wait, and is not called once Sign has returned.
	Signed func(place int, signature []byte)
	// Keypad, if set, is told true when the module waits for a PIN on the
	// reader's keypad and false when it does not any more. The same holds.
	Keypad func(awaited bool)
}

// Sign finds the token with the certificate, logs in, signs the digests in
// order, and logs out, as one operation. It returns the signatures that were
// made, also beside an error. Of a long batch those of the last half millisecond
// before a crash may be lost.
//
// The PIN is given to the process only when all that can be checked without it
// was: the token and its certificate are there, the tries are neither locked nor
// (without leave) at the last one, and the mechanism is known. Nothing is tried
// again. Only a process that had died in reserve is replaced.
//
// The end of ctx stops the batch before the next item. A function of the module
// that is under way is given a second to end; on a keypad it is ended at once.
// The card may hold the PIN for verified then.
func (h *Host) Sign(ctx context.Context, r SignRequest) ([][]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	if len(r.PIN) > maxPIN {
		return nil, &Error{Kind: ErrPINForm}
	}
	o := operation{sign: &r}
	err := h.do(ctx, &o, r.Reader, kindSign, r.Batch)
	return o.signatures, err
}

// Failure is the end of a process that could not do its work. The next
// operation has a new one.
type Failure struct {
	How How
	// Call is the module's function that was under way, such as "C_Sign", or
	// empty. Within a batch it is the last one of the first item.
	Call string
	// PINGiven: the module had the PIN by then, so that a try may be spent and
	// the card may hold it for verified.
	PINGiven bool
	Err      error // more, for logs
}

// How is a kind of failure. The first three are the protocol's words.
type How string

// The kinds of failures.
const (
	Crashed How = "crashed" // the process ended, or wrote what no one understands
	Hung    How = "hung"    // a function took longer than it may
	Refused How = "refused" // the module cannot be loaded, or the process be started
)

func (f *Failure) Error() string {
	text := fmt.Sprintf("pkcs11 host: the module %s", f.How)
	if f.Call != "" {
		text += " in " + f.Call
	}
	return fmt.Sprintf("%s: %v", text, f.Err)
}

func (f *Failure) Unwrap() error { return f.Err }
