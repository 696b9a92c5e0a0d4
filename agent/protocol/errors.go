package protocol

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/cardea-agent/cardea/agent/signin"
)

// NewError makes the error of a code. params are the code's own; values are
// numbers, short fixed words or a name that the page itself sent. A code
// outside the table is a fault of the agent's: internal.
func NewError(code signin.Code, params map[string]any) *Error {
	row, ok := Errors[code]
	if !ok {
		return NewError(signin.CodeInternal, nil)
	}
	if code == signin.CodeInternal {
		params = map[string]any{"incident": rand.Text()[:incidentLength]}
	}
	return &Error{
		Code:    row.Number,
		Message: row.Message,
		Data:    ErrorData{Code: string(code), Who: string(row.Who), Retry: row.Retry, Params: params},
	}
}

// incidentLength makes 50 random bits, short enough to be read out over a phone.
const incidentLength = 10

// FromError makes the error that leaves the agent from the error of a use case:
// a *signin.Error keeps its code, the end of a context becomes cancelled or
// timedOut, a *Error stays, and all else is internal. Nothing of the text of an
// error passes: the caller logs it beside Incident.
func FromError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*signin.Error](err); ok {
		return NewError(e.Code, paramsOf(e))
	}
	switch {
	case errors.Is(err, context.Canceled):
		return NewError(signin.CodeCancelled, nil)
	case errors.Is(err, context.DeadlineExceeded):
		return NewError(signin.CodeTimedOut, nil)
	}
	return NewError(signin.CodeInternal, nil)
}

func paramsOf(e *signin.Error) map[string]any {
	switch e.Code {
	case signin.CodePINWrong:
		if e.TriesLeft != signin.TriesUnknown {
			return map[string]any{"triesLeft": e.TriesLeft}
		}
	case signin.CodeCardUnknown:
		if e.ATR != "" {
			return map[string]any{"atr": e.ATR}
		}
	case signin.CodeModuleFailed:
		return map[string]any{"how": e.How}
	case signin.CodeNoUsableCertificate:
		return map[string]any{"why": e.Why}
	case signin.CodeInvalidRequest:
		return map[string]any{"field": shorten(e.Field), "problem": ProblemBadValue}
	case signin.CodeNotPermitted:
		return map[string]any{"right": e.Right}
	}
	return nil
}

// Error names the code and, for an internal error, its incident.
func (e *Error) Error() string {
	s := "protocol: " + e.Data.Code
	if incident := e.Incident(); incident != "" {
		s += " (incident " + incident + ")"
	}
	return s
}

// Incident is the random name of an internal error, by which a service desk
// finds the cause in the agent's log. It is empty for every other code.
func (e *Error) Incident() string {
	incident, _ := e.Data.Params["incident"].(string)
	return incident
}

// ofState are the states that keep people from signing in, by the error that a
// request ends with.
var ofState = map[signin.State]signin.Code{
	signin.ServiceDown:         signin.CodeNoService,
	signin.NoReader:            signin.CodeNoReader,
	signin.NoCard:              signin.CodeNoCard,
	signin.CardUnreadable:      signin.CodeCardUnreadable,
	signin.CardUnknown:         signin.CodeCardUnknown,
	signin.NoUsableCertificate: signin.CodeNoUsableCertificate,
	signin.PINBlocked:          signin.CodePINBlocked,
}

// CodeOf is the error that a state is the reason of; empty for one that keeps
// nobody from anything.
func CodeOf(state signin.State) signin.Code { return ofState[state] }
