package signin

import (
	"errors"
	"fmt"
)

// Code is the stable name of an error at every boundary of the agent. What it
// means, who can help and in which words is one table in agent/protocol.
type Code string

// The codes that the use cases end with.
const (
	CodeCancelled           Code = "cancelled"
	CodeTimedOut            Code = "timedOut"
	CodeBusy                Code = "busy"
	CodeSessionLocked       Code = "sessionLocked"
	CodeNoService           Code = "noService"
	CodeNoReader            Code = "noReader"
	CodeNoCard              Code = "noCard"
	CodeCardRemoved         Code = "cardRemoved"
	CodeCardUnreadable      Code = "cardUnreadable"
	CodeCardUnknown         Code = "cardUnknown"
	CodeModuleMissing       Code = "moduleMissing"
	CodeModuleFailed        Code = "moduleFailed"
	CodeNoUsableCertificate Code = "noUsableCertificate"
	CodePINWrong            Code = "pinWrong"
	CodePINBlocked          Code = "pinBlocked"
	CodePINNotSet           Code = "pinNotSet"
	CodeNoPromptUI          Code = "noPromptUI"
	CodeNotPermitted        Code = "notPermitted"
	CodeInvalidRequest      Code = "invalidRequest"
	CodeSessionUnknown      Code = "sessionUnknown"
	CodeInternal            Code = "internal"
)

// How says how the software for a kind of card failed.
type How string

// The ways of a module to fail.
const (
	ModuleCrashed How = "crashed" // its process ended
	ModuleHung    How = "hung"    // it did not answer in time
	ModuleRefused How = "refused" // it answered that it cannot
)

// Error is an error that leaves the agent. Numbers are fields, never text; Err
// is the cause, for the log of the agent alone.
type Error struct {
	Code      Code
	TriesLeft int    // with CodePINWrong; TriesUnknown when the card does not tell
	Why       Why    // with CodeNoUsableCertificate
	Field     string // with CodeInvalidRequest
	Right     string // with CodeNotPermitted
	ATR       string // with CodeCardUnknown: the card's, as in Reader; may be empty
	How       How    // with CodeModuleFailed
	Err       error
}

// Error names the code and the cause.
func (e *Error) Error() string {
	s := "signin: " + string(e.Code)
	if e.Code == CodePINWrong {
		s += fmt.Sprintf(" (%d tries left)", e.TriesLeft)
	}
	for _, detail := range []string{string(e.Why), e.Field, e.Right, string(e.How)} {
		if detail != "" {
			s += " (" + detail + ")"
		}
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrLastTry is returned by Card.Sign when only one try is left and the person
// did not give an extra yes to spending it.
var ErrLastTry = errors.New("signin: one PIN try is left")

// CodeOf returns the code of an error, CodeInternal for one without.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
