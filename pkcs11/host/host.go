package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cardea-agent/cardea/pkcs11"
)

// Config says which module a Host speaks to, and how.
type Config struct {
	// Command starts a process that calls Serve: the program and its
	// arguments, to which the module and flags are added. See Self.
	Command []string
	// Module is the module's file, an absolute path with all symbolic links
	// resolved. Whoever names it vouches for it: it is run as this user.
	Module string
	// AllowInternet lets the module open internet sockets, on systems where it
	// would be kept from them.
	AllowInternet bool
	// Env is the environment of the processes; nil is this process's own.
	Env []string
	// Log hears of processes that failed, and what modules print. Nil is
	// nothing. No PIN is in it: see Serve.
	Log *slog.Logger

	// Start is how long a process may take until it has loaded the module.
	// 0 is 10 s.
	Start time.Duration
	// Call is how long the module may take for one function, such as
	// C_Initialize or C_Sign. 0 is 15 s, which slow cards with long RSA keys
	// stay well below.
	Call time.Duration
	// Keypad is how long C_Login and C_Sign may take where the PIN is typed on
	// the reader. 0 is 2 min; readers have limits of their own.
	Keypad time.Duration
	// End is how long the module may take for each of the functions after the
	// last signature, C_Logout to C_Finalize. The signatures are there
	// whether it makes it or not. 0 is 2 s.
	End time.Duration
	// SpareFor is how long a spare process waits for work. 0 is 2 min,
	// negative is not at all: then each operation starts its own.
	SpareFor time.Duration
}

// Host gives the use of one module. Each operation has a process of its own, in
// which the module is initialised anew, so nothing that a module remembers of
// a card that was swapped can matter. Its methods may be called from several
// goroutines at once; that no two use one card is for the caller to see to.
//
// A process is killed and waited for before the method returns that used it,
// so that nothing of the module is at the card any more. One that got a PIN is
// never used for anything else. The next one is started in advance, has the
// module loaded but not initialised, and ends after SpareFor.
//
// After Sign the caller has the card forget the PIN over PC/SC: C_Logout does
// not do it with all modules, and a process that was killed did not get that
// far.
type Host struct {
	config Config
}

// New returns a Host. No process is started before the first operation.
func New(c Config) *Host {
	return &Host{config: c}
}

// Close ends all processes and waits for them. Operations under way fail.
func (h *Host) Close() {}

// Tokens initialises the module and reads all tokens in a reader, certificates
// included, without a log-in. An empty name is all readers. No token is no
// error.
//
// The errors of this and the other methods are a *Failure where the process
// failed, an *Error where the module refused, or the end of ctx.
func (h *Host) Tokens(ctx context.Context, reader string) ([]Token, error) {
	return nil, errors.ErrUnsupported
}

// Token looks for the token in a reader that holds a certificate now, and says
// what its PIN's state is. It leaves Keys empty, which saves reading them. A
// reader without a card is ErrTokenGone, another card ErrKeyGone.
func (h *Host) Token(ctx context.Context, reader string, certificate []byte) (Token, error) {
	return Token{}, errors.ErrUnsupported
}

// SignRequest asks for signatures with one log-in.
type SignRequest struct {
	pkcs11.SignRequest
	// PIN is the caller's to wipe when Sign has returned. It must be nil where
	// the token has a Keypad, and only there.
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
// made, also beside an error.
//
// The PIN is given to the process only when all that can be checked without it
// was: the token and its certificate are there, the tries are neither locked nor
// (without leave) at the last one, and the mechanism is known. Nothing is tried
// again after that. An operation that fails before, because a process died, is
// tried once more with a new process.
//
// The end of ctx stops the batch before the next item. A function of the module
// that is under way is given a second to end; on a keypad it is ended at once.
func (h *Host) Sign(ctx context.Context, r SignRequest) ([][]byte, error) {
	return nil, errors.ErrUnsupported
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
