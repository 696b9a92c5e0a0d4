package pcsc

import (
	"errors"
	"fmt"
)

// What can be wrong, by what a person can do next. Every error of this package
// that comes from PC/SC wraps exactly one of them.
var (
	// ErrNoService: the smartcard service is not running; start it.
	ErrNoService = errors.New("the smartcard service is not running")
	// ErrDenied: this user may not use the service; an administrator's matter.
	ErrDenied = errors.New("access to the smartcard service is denied")
	// ErrNoReader: plug the reader in.
	ErrNoReader = errors.New("the card reader is not there")
	// ErrNoCard: insert the card.
	ErrNoCard = errors.New("no card is in the reader")
	// ErrCardRemoved: the card was pulled, or broke off, while it was in use;
	// insert it again.
	ErrCardRemoved = errors.New("the card was removed")
	// ErrCardReset: another program reset the card, or it lost its power: it
	// has forgotten what was selected and verified. Start the transaction again.
	ErrCardReset = errors.New("the card was reset")
	// ErrInUse: another program uses the card alone; close it.
	ErrInUse = errors.New("another program is using the card")
	// ErrUnresponsive: the card does not answer; turn it round, clean it.
	ErrUnresponsive = errors.New("the card does not answer")
	// ErrUnsupported: this card cannot be used with this reader.
	ErrUnsupported = errors.New("the card and the reader do not work together")
	// ErrCancelled: the call was ended by Cancel, or by the system.
	ErrCancelled = errors.New("the call was cancelled")
	// ErrTimeout: nothing happened in time.
	ErrTimeout = errors.New("nothing happened in time")
	// ErrFailed: anything else; a restart of the service, or a repair.
	ErrFailed = errors.New("the smartcard service failed")

	// ErrClosed: Close was called on the Card. No fault of PC/SC.
	ErrClosed = errors.New("pcsc: the connection to the card is closed")
	// ErrWaiting: System can wait for readers once at a time in a process. A
	// program has one Watcher.
	ErrWaiting = errors.New("pcsc: this process waits for readers already")
)

// Error is a failed PC/SC call. errors.Is finds both the kind (ErrCardRemoved)
// and the Code (RemovedCard) in it.
type Error struct {
	Op     string // what was attempted: "connect", "transmit"
	Reader string // the reader's name, empty if the call names none
	Code   Code
}

// Error reads `pcsc: connect "Reader 1": another program is using the card:
// SCARD_E_SHARING_VIOLATION (8010000B)`.
func (e *Error) Error() string {
	where := e.Op
	if e.Reader != "" {
		where = fmt.Sprintf("%s %q", e.Op, e.Reader)
	}
	return fmt.Sprintf("pcsc: %s: %v: %v", where, e.Code.Kind(), e.Code)
}

// Unwrap returns the kind and the code.
func (e *Error) Unwrap() []error { return []error{e.Code.Kind(), e.Code} }

// The operations at which pcscd asks polkit whether it may serve us.
const (
	opEstablish = "establish a context"
	opConnect   = "connect"
)

// opError makes an error of a Driver say what was attempted.
func opError(op, reader string, err error) error {
	if code, ok := errors.AsType[Code](err); ok {
		// pcsc-lite takes a connection that was reset for polkit's refusal.
		// Later it is the daemon that went.
		if code == SecurityViolation && op != opEstablish && op != opConnect {
			code = CommError
		}
		return &Error{Op: op, Reader: reader, Code: code}
	}
	if err != nil {
		return fmt.Errorf("pcsc: %s: %w", op, err)
	}
	return nil
}
