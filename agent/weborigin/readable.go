package weborigin

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// names converts internationalised names as browsers do (URL standard, section
// "domain to ASCII").
var names = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckJoiners(true),
	idna.CheckHyphens(false), idna.StrictDomainName(false))

const punycode = "xn--"

// isValidIDN reports whether a name in ASCII form is what a browser makes of
// the name that it stands for. Only such a one can be an Origin.
func isValidIDN(host string) bool {
	if !strings.Contains(host, punycode) {
		return true
	}
	unicodeForm, err := names.ToUnicode(host)
	if err != nil {
		return false
	}
	ascii, err := names.ToASCII(unicodeForm)
	return err == nil && ascii == host
}

// IsValid reports whether an origin that Check accepted names a host that can
// exist: a label in xn--... stands for a name.
func IsValid(origin string) bool {
	_, host, _ := strings.Cut(origin, "://")
	host, _, _ = strings.Cut(host, ":")
	return isValidIDN(host)
}

// Readable is an origin with its name as people write it, when all of the name
// is of one script. It is the origin itself when the name is ASCII anyway, and
// when its letters are mixed: such a name could be taken for another one.
func Readable(origin string) string {
	scheme, authority, ok := strings.Cut(origin, "://")
	if !ok || !strings.Contains(authority, punycode) || !IsValid(origin) {
		return origin
	}
	host, port, hasPort := strings.Cut(authority, ":")
	letters, err := names.ToUnicode(host)
	if err != nil || !isOneScript(letters) {
		return origin
	}
	if hasPort {
		letters += ":" + port
	}
	return scheme + "://" + letters
}

// together are scripts that one language writes side by side (Unicode Technical
// Standard 39, section 5.1), here without Latin.
var together = [][]string{
	{"Han", "Hiragana", "Katakana"},
	{"Bopomofo", "Han"},
	{"Han", "Hangul"},
}

// isOneScript reports whether all letters of a name are of one script. It is
// the whole name and not each label: Cyrillic letters alone can spell a word
// that reads as Latin, and below a Latin label that would be its disguise.
func isOneScript(name string) bool {
	found := map[string]bool{}
	for _, r := range name {
		if r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' {
			continue
		}
		script := scriptOf(r)
		if script == "" {
			return false
		}
		found[script] = true
	}
	if len(found) <= 1 {
		return true
	}
	return slices.ContainsFunc(together, func(set []string) bool {
		for script := range found {
			if !slices.Contains(set, script) {
				return false
			}
		}
		return true
	})
}

// scriptOf is the script of a letter, or of a mark that belongs to one script;
// empty for what is common to several.
func scriptOf(r rune) string {
	switch {
	case r == 'ー': // common to both kinds of kana, and to nothing else
		return "Katakana"
	case !unicode.IsLetter(r) && !unicode.IsMark(r):
		return ""
	}
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return name
		}
	}
	return ""
}

// ASCII is an origin that a person wrote, in the form that browsers send. It
// fails, with the reason, for what is none.
func ASCII(written string) (string, error) {
	if u, err := url.Parse(written); err == nil && u.Host != "" {
		if ascii, err := names.ToASCII(u.Hostname()); err == nil && !strings.Contains(u.Hostname(), ":") {
			written = strings.Replace(written, u.Hostname(), ascii, 1)
		}
	}
	if err := CheckEntry(written); err != nil {
		return "", err
	}
	return written, nil
}
