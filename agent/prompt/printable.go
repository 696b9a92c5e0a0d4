package prompt

import (
	"strings"
	"unicode"
)

// Printable makes foreign text, such as a name from a certificate, fit to be
// shown: whatever could move a cursor, change the direction of the text or
// hide is replaced by U+FFFD.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}
