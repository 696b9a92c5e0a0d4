package pkcs11

import (
	"errors"
	"fmt"
)

// What can be wrong, by what a person can do next. Every error of a module
// wraps exactly one of them.
var (
	// ErrPINIncorrect: a try was spent; type it again.
	ErrPINIncorrect = errors.New("the PIN is wrong")
	// ErrPINForm: the token takes no such PIN (length, characters) and spent
	// no try; type it again.
	ErrPINForm = errors.New("the PIN cannot be right by its form")
	// ErrPINLocked: no try is left; unblock it.
	ErrPINLocked = errors.New("the PIN is locked")
	// ErrPINNotSet: the token has no PIN yet, or wants it changed first.
	ErrPINNotSet = errors.New("the PIN must be set first")
	// ErrLastTry: one try is left, and nobody allowed it to be spent. None was.
	ErrLastTry = errors.New("the last try is not to be used")
	// ErrCancelled: the person said no on the reader's keypad, or took too long.
	ErrCancelled = errors.New("cancelled on the keypad")
	// ErrTokenGone: the card is not in the reader any more.
	ErrTokenGone = errors.New("the card is not in the reader")
	// ErrKeyGone: the card in the reader has no key for the certificate. It may
	// be another card.
	ErrKeyGone = errors.New("the card has no such key")
	// ErrMechanism: the key cannot make this kind of signature.
	ErrMechanism = errors.New("the key cannot make such a signature")
	// ErrFailed: anything else.
	ErrFailed = errors.New("the module failed")
)

// Error is a refusal of a module. errors.Is finds both the kind
// (ErrPINIncorrect) and the Code (CKR_PIN_INCORRECT) in it.
type Error struct {
	Call string // the function: "C_Login". Empty where none was called
	Code Code   // 0 where the kind was found without a call
	Kind error
	// Tries is what the token tells after a PIN that was wrong.
	Tries Tries
}

// Error reads "pkcs11: C_Login: the PIN is wrong: CKR_PIN_INCORRECT (0xA0)".
func (e *Error) Error() string {
	text := "pkcs11: "
	if e.Call != "" {
		text += e.Call + ": "
	}
	text += e.Kind.Error()
	if e.Code != 0 {
		text += fmt.Sprintf(": %v", e.Code)
	}
	return text
}

// Unwrap returns the kind and the code.
func (e *Error) Unwrap() []error {
	if e.Code == 0 {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Code}
}

// refused makes an error of a return code.
func refused(call string, code Code) error {
	return &Error{Call: call, Code: code, Kind: code.Kind()}
}

// found makes an error of something that was seen without a return code.
func found(kind error) error { return &Error{Kind: kind} }

// codeOf is the return code in an error, or 0.
func codeOf(err error) Code {
	if e, is := errors.AsType[*Error](err); is {
		return e.Code
	}
	return 0
}
