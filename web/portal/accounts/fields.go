package accounts

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest texts, in characters.
const (
	maxEmail  = 254 // RFC 3696, erratum 1690
	maxName   = 100
	maxReason = 500
)

// NormalizeEmail returns an e-mail address as accounts are found by it: without
// blanks around it, in lower case. An error is CodeFieldInvalid.
//
// Addresses are ASCII, with domains of other letters written as xn--: letters
// that only look alike must not make two accounts.
func NormalizeEmail(text string) (string, error) {
	text = strings.Trim(text, " \t\r\n")
	if len(text) > maxEmail || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", invalid(FieldEmail)
	}
	text = strings.ToLower(text)
	at := strings.LastIndexByte(text, '@')
	// A quoted local part could name one mailbox in two ways, and a domain in
	// brackets none for certain.
	if at < 1 || at > 64 || strings.ContainsAny(text, `"<>()[]\,:;`) || !validDomain(text[at+1:]) {
		return "", invalid(FieldEmail)
	}
	if parsed, err := mail.ParseAddress(text); err != nil || parsed.Address != text || parsed.Name != "" {
		return "", invalid(FieldEmail)
	}
	return text, nil
}

// validDomain wants labels as hosts have them (RFC 1123, section 2.1).
func validDomain(domain string) bool {
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// oneLine returns a person's text without blanks around it. It refuses what
// would not be seen, or would turn what stands beside it around.
func oneLine(field, text string, most int) (string, error) {
	text = strings.TrimSpace(text)
	hidden := func(r rune) bool { return !unicode.IsGraphic(r) }
	if text == "" || !utf8.ValidString(text) || utf8.RuneCountInString(text) > most || strings.ContainsFunc(text, hidden) {
		return "", invalid(field)
	}
	return text, nil
}

// checkLanguage wants one that there are texts in.
func (a *Accounts) checkLanguage(language string) error {
	if _, ok := a.Texts[language]; !ok {
		return &Error{Code: CodeFieldInvalid, Field: FieldLanguage, Err: errors.New("there are no texts in " + language)}
	}
	return nil
}
