package accounts

import (
	"errors"
	"fmt"
	"time"
)

// Code is the stable name of why something was refused.
type Code string

// The codes.
const (
	// CodeCredentialsWrong: no account has this e-mail address and this
	// password. Which of them was wrong is told to nobody.
	CodeCredentialsWrong Code = "credentialsWrong"
	// CodeTooManyAttempts: no password is looked at for Error.RetryAfter, be it
	// right or wrong.
	CodeTooManyAttempts Code = "tooManyAttempts"
	// CodeAccountInactive: the person is known and may not sign in.
	CodeAccountInactive Code = "accountInactive"
	// CodeCardNotRegistered: a good card of no account. Its holder can sign in
	// by password and register it.
	CodeCardNotRegistered Code = "cardNotRegistered"
	// CodeDifferentCard: not the card that began the session, or not one of the
	// person's own.
	CodeDifferentCard Code = "differentCard"

	// CodeSignedOut: there is no such session, or no longer.
	CodeSignedOut Code = "signedOut"
	// CodeSessionExpired: the session was not used for too long, or lasted as
	// long as one may.
	CodeSessionExpired Code = "sessionExpired"
	// CodePageLocked: the session's card is out and has not signed again.
	CodePageLocked Code = "pageLocked"
	// CodeReauthenticationNeeded: the last proof of who this is, by password or
	// by card, is too old for what was asked.
	CodeReauthenticationNeeded Code = "reauthenticationNeeded"
	// CodeNotAllowed: not for this role or this kind of session.
	CodeNotAllowed Code = "notAllowed"

	// CodePolicyNotAccepted: the present acceptable-use policy comes first.
	CodePolicyNotAccepted Code = "policyNotAccepted"
	// CodePolicyChanged: what was accepted is not the present policy.
	CodePolicyChanged Code = "policyChanged"
	// CodeRegistrationNotFound: no registration of a card is under way.
	CodeRegistrationNotFound Code = "registrationNotFound"
	// CodeRegistrationExpired: it was begun too long ago. Another can be begun.
	CodeRegistrationExpired Code = "registrationExpired"
	// CodeCardNotChosen: the registration's second step comes first.
	CodeCardNotChosen Code = "cardNotChosen"
	// CodeCardTaken: the card's holder is registered to another account.
	CodeCardTaken Code = "cardTaken"
	// CodeCardAlreadyRegistered: to this account. Nothing is left to do.
	CodeCardAlreadyRegistered Code = "cardAlreadyRegistered"

	// CodeCardNotFound: no such registered card, or not one's own.
	CodeCardNotFound Code = "cardNotFound"
	// CodeSignatureNotFound: no such signature of a document, or not one's own.
	CodeSignatureNotFound Code = "signatureNotFound"
	// CodeUserNotFound is for the helpdesk alone.
	CodeUserNotFound Code = "userNotFound"
	// CodeEmailTaken: another account has the address. For the helpdesk alone.
	CodeEmailTaken Code = "emailTaken"
	// CodeFieldInvalid: Error.Field names what was left out, is too long or has
	// characters in it that do not belong there.
	CodeFieldInvalid Code = "fieldInvalid"

	// CodeInternal: the site's own trouble, or a call that was given up.
	CodeInternal Code = "internal"
)

// The fields that CodeFieldInvalid names.
const (
	FieldEmail    = "email"
	FieldName     = "name"
	FieldPassword = "password"
	FieldLanguage = "language"
	FieldReason   = "reason"
)

// Error is why something was refused. Err is for the server's log.
type Error struct {
	Code       Code
	RetryAfter time.Duration // with CodeTooManyAttempts; more than zero
	Field      string        // with CodeFieldInvalid
	Err        error
}

// Error names the code and the cause.
func (e *Error) Error() string {
	text := "accounts: " + string(e.Code)
	if e.Field != "" {
		text += " " + e.Field
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf(" for %v", e.RetryAfter)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of an error of this package, CodeInternal for another.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

func refuse(code Code) error { return &Error{Code: code} }

func invalid(field string) error { return &Error{Code: CodeFieldInvalid, Field: field} }

// typed makes any other error an internal one.
func typed(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Err: err}
}
