package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/cardea-agent/cardea/pkcs11"
)

// protocolVersion is raised when frames or bodies change. Both sides are one
// program, but its file may be replaced while a parent runs.
const protocolVersion = 1

// ready is the first thing that a child says.
type ready struct {
	Version int
	Refusal string // why the module cannot be used; empty if it can
}

type tokensRequest struct{ Reader string }

type tokenRequest struct {
	Reader      string
	Certificate []byte
}

// result is the outcome of an operation, signatures aside.
type result struct {
	Tokens []Token
	Error  *refusal
}

// refusal is an error on its way to the parent.
type refusal struct {
	Kind string // of kinds
	Call string
	Code uint
	Text string
	// Tries is pkcs11.Error's.
	Tries Tries
}

// errStopped ends a batch that the parent cancelled.
var errStopped = errors.New("pkcs11 host: stopped between two items")

// kinds are the names of errors on the wire.
var kinds = map[string]error{
	"pinIncorrect": pkcs11.ErrPINIncorrect,
	"pinForm":      pkcs11.ErrPINForm,
	"pinLocked":    pkcs11.ErrPINLocked,
	"pinNotSet":    pkcs11.ErrPINNotSet,
	"lastTry":      pkcs11.ErrLastTry,
	"cancelled":    pkcs11.ErrCancelled,
	"tokenGone":    pkcs11.ErrTokenGone,
	"keyGone":      pkcs11.ErrKeyGone,
	"mechanism":    pkcs11.ErrMechanism,
	"failed":       pkcs11.ErrFailed,
	"stopped":      errStopped,
}

// refusalOf makes an error ready for the way. What is none of a module's is
// "failed", with its text.
func refusalOf(err error) *refusal {
	if err == nil {
		return nil
	}
	r := &refusal{Kind: "failed", Text: err.Error()}
	for name, kind := range kinds {
		if errors.Is(err, kind) {
			r.Kind = name
		}
	}
	if e, is := errors.AsType[*pkcs11.Error](err); is {
		r.Call, r.Code, r.Tries = e.Call, uint(e.Code), e.Tries
		if err == error(e) { //nolint:errorlint // whether anything was added to it
			r.Text = ""
		}
	}
	return r
}

// err is the error that a child meant.
func (r *refusal) err() error {
	if r == nil {
		return nil
	}
	kind, known := kinds[r.Kind]
	switch {
	case !known:
		return fmt.Errorf("%w: an error of the kind %q", errFrame, r.Kind)
	case kind == errStopped: //nolint:errorlint // from the table
		return errStopped
	}
	e := &pkcs11.Error{Call: r.Call, Code: pkcs11.Code(r.Code), Kind: kind, Tries: r.Tries}
	if r.Text != "" {
		return &explained{text: r.Text, err: e}
	}
	return e
}

// explained is an error with a text of its own.
type explained struct {
	text string
	err  *pkcs11.Error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

// decode reads a JSON body. Names that are unknown and bytes that are left over
// are errors; the standard library's leniency with case and doubled names does
// no harm between two ends of one program.
func (f frame) decode(v any) error {
	decoder := json.NewDecoder(bytes.NewReader(f.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("%w: body of %s: %w", errFrame, f.kind, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: body of %s: more than one value", errFrame, f.kind)
	}
	return nil
}
