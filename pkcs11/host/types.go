package host

import "github.com/cardea-agent/cardea/pkcs11"

// The types of package pkcs11 that its users need. They have names here so that
// importing this package is enough, and package pkcs11, which can load a module
// into the calling process, stays out of everybody else's reach.
type (
	Token     = pkcs11.Token
	Key       = pkcs11.Key
	Batch     = pkcs11.Batch
	Tries     = pkcs11.Tries
	Mechanism = pkcs11.Mechanism
	Error     = pkcs11.Error // a refusal of the module: the kind below, and its CKR code
	Code      = pkcs11.Code
)

// What a token tells about PIN tries.
const (
	TriesUnknown = pkcs11.TriesUnknown
	TriesLow     = pkcs11.TriesLow
	TriesFinal   = pkcs11.TriesFinal
	TriesLocked  = pkcs11.TriesLocked
)

// The mechanisms.
const (
	RSAPKCS1 = pkcs11.RSAPKCS1
	RSAPSS   = pkcs11.RSAPSS
	ECDSA    = pkcs11.ECDSA
)

// The kinds of an Error, by what a person can do next.
var (
	ErrPINIncorrect = pkcs11.ErrPINIncorrect
	ErrPINForm      = pkcs11.ErrPINForm
	ErrPINLocked    = pkcs11.ErrPINLocked
	ErrPINNotSet    = pkcs11.ErrPINNotSet
	ErrLastTry      = pkcs11.ErrLastTry
	ErrCancelled    = pkcs11.ErrCancelled
	ErrTokenGone    = pkcs11.ErrTokenGone
	ErrKeyGone      = pkcs11.ErrKeyGone
	ErrMechanism    = pkcs11.ErrMechanism
	ErrFailed       = pkcs11.ErrFailed
)
