package verify

import "errors"

// Code is the stable name of why a token was refused.
type Code string

// The codes.
const (
	// CodeNonceUnknown: no challenge is open for the session, or it was used.
	CodeNonceUnknown Code = "nonceUnknown"
	// CodeNonceExpired: the challenge was given out too long ago.
	CodeNonceExpired Code = "nonceExpired"
	// CodeTokenMalformed: the token is not the JSON of a token.
	CodeTokenMalformed Code = "tokenMalformed"
	// CodeFormatUnsupported: a token of another format or major version.
	CodeFormatUnsupported Code = "formatUnsupported"
	// CodeAlgorithmUnsupported: the algorithm is unknown or not of the
	// certificate's key, or the key is too short.
	CodeAlgorithmUnsupported Code = "algorithmUnsupported"
	// CodeSignatureInvalid: not signed by the certificate's key, or for another
	// origin, or for another nonce. They cannot be told apart.
	CodeSignatureInvalid Code = "signatureInvalid"
	// CodeCertificateNotYetValid and CodeCertificateExpired: by Config.Clock.
	CodeCertificateNotYetValid Code = "certificateNotYetValid"
	CodeCertificateExpired     Code = "certificateExpired"
	// CodeCertificateUntrusted: no valid chain to the configured roots.
	CodeCertificateUntrusted Code = "certificateUntrusted"
	// CodeCertificateRevoked: its issuer took it back.
	CodeCertificateRevoked Code = "certificateRevoked"
	// CodeRevocationUnknown: nothing that is configured could say whether it
	// was taken back, or the issuer's responder does not know it.
	CodeRevocationUnknown Code = "revocationUnknown"
	// CodeWrongUsage: not a certificate for signing in.
	CodeWrongUsage Code = "wrongUsage"
	// CodeWrongPolicy: it carries none of the policies that are asked for.
	CodeWrongPolicy Code = "wrongPolicy"
	// CodeUserIDMissing: its subject has no user id by the rule configured.
	CodeUserIDMissing Code = "userIDMissing"
	// CodeDifferentCard: a good token, but not by the session's certificate.
	CodeDifferentCard Code = "differentCard"
	// CodeInternal: the server's own trouble, such as the nonce store's, or a
	// call that was given up.
	CodeInternal Code = "internal"
)

// Error is why a token was refused. Err is for the server's log: it may hold
// names out of the certificate.
type Error struct {
	Code Code
	Err  error
}

// Error names the code and the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return "verify: " + string(e.Code)
	}
	return "verify: " + string(e.Code) + ": " + e.Err.Error()
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

func refuse(code Code, err error) error { return &Error{Code: code, Err: err} }

func refuseText(code Code, text string) error { return &Error{Code: code, Err: errors.New(text)} }
