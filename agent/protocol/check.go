package protocol

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"time"
)

// Limits of a request's values.
const (
	MinNonce       = 44  // characters
	MaxNonce       = 128 // characters
	minNonceBytes  = 32
	maxLang        = 35 // characters: the longest tag RFC 5646 section 4.4.1 expects
	maxClient      = 100
	MaxTimeout     = 600 // seconds
	DefaultTimeout = 120 // seconds
)

var (
	langShape    = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
	sessionShape = regexp.MustCompile(`^[A-Za-z0-9_-]+$`) // not {22,128}: compiling that takes a millisecond
	clientShape  = regexp.MustCompile(`^[ -~]+$`)
)

// Timeout is the time limit that a timeoutSeconds asks for, the default for 0.
func Timeout(seconds int) time.Duration {
	if seconds == 0 {
		seconds = DefaultTimeout
	}
	return time.Duration(seconds) * time.Second
}

// ValidNonce reports whether a nonce is strict base64 (RFC 4648 section 4, with
// padding) of at least 32 bytes in 44 to 128 characters.
func ValidNonce(nonce string) bool {
	return len(nonce) >= MinNonce && len(nonce) <= MaxNonce && isBase64(nonce, minNonceBytes, MaxNonce)
}

// decodeBase64 is strict: Go's decoder alone skips line ends.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("base64 with a line end")
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

// ValidSession reports whether a session id could be one of the agent's: 22 to
// 128 characters of base64url's alphabet.
func ValidSession(session string) bool {
	return len(session) >= 22 && len(session) <= 128 && sessionShape.MatchString(session)
}

// ValidLang reports whether a language tag has the shape of BCP 47, or is empty.
func ValidLang(lang string) bool {
	return lang == "" || len(lang) <= maxLang && langShape.MatchString(lang)
}

// Check names the first field with a wrong value.
func (p HelloParams) Check() string {
	switch {
	case len(p.Client) > maxClient || !clientShape.MatchString(p.Client):
		return "client"
	case p.Protocol < 0:
		return "protocol"
	}
	return ""
}

// Check names the first field with a wrong value.
func (p AuthenticateParams) Check() string {
	return checkAsking(p.Nonce, p.Lang, p.TimeoutSeconds)
}

// Check names the first field with a wrong value.
func (p ResumeParams) Check() string {
	if !ValidSession(p.Session) {
		return "session"
	}
	return checkAsking(p.Nonce, p.Lang, p.TimeoutSeconds)
}

func checkAsking(nonce, lang string, timeoutSeconds int) string {
	if !ValidNonce(nonce) {
		return "nonce"
	}
	return checkPatience(lang, timeoutSeconds)
}

func checkPatience(lang string, timeoutSeconds int) string {
	switch {
	case !ValidLang(lang):
		return "lang"
	case timeoutSeconds < 0 || timeoutSeconds > MaxTimeout:
		return "timeoutSeconds"
	}
	return ""
}

// Check names the first field with a wrong value.
func (p AttachParams) Check() string { return checkSession(p.Session) }

// Check names the first field with a wrong value.
func (p EndSessionParams) Check() string { return checkSession(p.Session) }

func checkSession(session string) string {
	if ValidSession(session) {
		return ""
	}
	return "session"
}
