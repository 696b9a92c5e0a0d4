package supportreport

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Redactor takes out of texts what a service desk need not know.
type Redactor struct {
	names []*regexp.Regexp // of the person; none when names were asked for
	home  *regexp.Regexp   // nil likewise
}

// Person is who is at the computer, as the system knows them.
type Person struct {
	Home  string
	Names []string // log-in name, full name
}

// NewRedactor makes a Redactor that also takes the person's names out. An empty
// Person leaves names as they are.
func NewRedactor(p Person) *Redactor {
	r := &Redactor{}
	if len(p.Home) > 1 {
		r.home = regexp.MustCompile(`(?i)` + regexp.QuoteMeta(strings.TrimRight(p.Home, `/\`)) + `\b`)
	}
	// A full name first: it may hold the log-in name.
	names := slices.SortedFunc(slices.Values(p.Names), func(a, b string) int { return len(b) - len(a) })
	for _, name := range slices.Compact(names) {
		// Of one or two letters a word of any language may consist.
		if len(name) > 2 {
			r.names = append(r.names, regexp.MustCompile(`(?i)(^|[^\p{L}\p{N}])`+regexp.QuoteMeta(name)+`($|[^\p{L}\p{N}])`))
		}
	}
	return r
}

// The secrets, whatever they are called where they stand.
var (
	pemBlock = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]+-----.*?(-----END [A-Z0-9 ]+-----|\z)`)
	// A nonce has at least 44 characters of base64, signatures and certificates
	// more; hashes in hexadecimal are as long. Both alphabets of RFC 4648.
	encoded = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}={0,2}`)
	// A certificate in hexadecimal with colons or spaces. The longest ATR has 33
	// bytes.
	hexBytes = regexp.MustCompile(`(?i)\b[0-9a-f]{2}(?:[: ][0-9a-f]{2}){39,}\b`)
	// A session's id (rand.Text): whoever has it may attach to the session.
	session = regexp.MustCompile(`\b[A-Z2-7]{26}\b`)
	// Whose certificate it is (RFC 4514).
	common = regexp.MustCompile(`\b(CN|SERIALNUMBER|UID|GIVENNAME|SURNAME)=[^,+"\n]*`)
)

// Redact returns the text without secrets and names.
func (r *Redactor) Redact(text string) string {
	text = pemBlock.ReplaceAllString(text, "[a certificate or key was here]")
	for _, form := range []*regexp.Regexp{encoded, hexBytes, session} {
		text = form.ReplaceAllStringFunc(text, func(s string) string {
			if isPath(s) {
				return s
			}
			return fmt.Sprintf("[%d characters were here]", len(s))
		})
	}
	text = common.ReplaceAllString(text, "$1=[name]")
	if r.home != nil {
		text = r.home.ReplaceAllString(text, "~")
	}
	for _, name := range r.names {
		// Twice: one character between two names belongs to the first match.
		text = name.ReplaceAllString(name.ReplaceAllString(text, "$1[user]$2"), "$1[user]$2")
	}
	return text
}

// isPath reports whether a long run of characters is the path of a file: base64 of
// that length has capital letters, and hexadecimal no slash.
func isPath(s string) bool { return strings.Contains(s, "/") && s == strings.ToLower(s) }
