// Package texts is every word that the sign-in site says, in each of its
// languages: its pages, its scripts and its mails have one catalogue.
//
// The catalogue is the JSON files of this folder, key by key with all languages
// side by side, so that a change of one is seen beside the other. What an error
// of the agent's is called in English is taken from the protocol's table; the
// files have its translation.
//
// A key with a count has one text for each plural form that the language has
// (Unicode CLDR), as in "expires.one" and "expires.other".
//
// It decides nothing: which language a person reads is the pages' business. Its
// tests see to it that no text is missing in any language, and that
// translations name the same {values}.
package texts

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/cardea-agent/cardea/agent/protocol"
)

// Language is a language of the site, by its tag in BCP 47 without a region.
type Language string

// The languages.
const (
	English Language = "en"
	Welsh   Language = "cy"
)

// Languages are all of them, the one to fall back to first.
var Languages = []Language{English, Welsh}

// Name is what its speakers call it.
func (l Language) Name() string { return map[Language]string{English: "English", Welsh: "Cymraeg"}[l] }

// Tag is how pages are marked: dates and times are written as there.
func (l Language) Tag() string { return string(l) + "-GB" }

// Match returns which language to use for an Accept-Language header.
func Match(header string) Language {
	wanted, _, _ := language.ParseAcceptLanguage(header) // what cannot be read asks for nothing
	_, i, _ := matcher.Match(wanted...)
	return Languages[i]
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.MustParse("cy")})

// Texts are those of one language, by key.
type Texts struct {
	Language Language
	byKey    map[string]string
}

//go:embed *.json
var files embed.FS

// All returns the catalogue. It panics when a file cannot be read, which a test
// would have seen.
func All() map[Language]Texts {
	all := map[Language]Texts{}
	for _, l := range Languages {
		all[l] = Texts{l, map[string]string{}}
	}
	for code, row := range protocol.Errors {
		all[English].byKey["error."+string(code)] = plain(row.Message)
		all[English].byKey["meaning."+string(code)] = plain(row.Meaning)
		all[English].byKey["fix."+string(code)] = plain(row.Fix)
	}
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		for key, translations := range read(e.Name()) {
			for l, text := range translations {
				all[l].byKey[key] = text // an unknown language panics
			}
		}
	}
	return all
}

func read(name string) (byKey map[string]map[Language]string) {
	text, err := files.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &byKey)
	}
	if err != nil {
		panic(fmt.Sprintf("texts: %s: %v", name, err))
	}
	return byKey
}

// plain takes the table's Markdown quotes away, and curls its apostrophes as
// the site's own texts have them.
func plain(s string) string { return strings.NewReplacer("`", "", "'", "’").Replace(s) }

// ByKey returns all texts of all languages, as package accounts takes them for
// its mails.
func ByKey() map[string]map[string]string {
	all := map[string]map[string]string{}
	for l, t := range All() {
		all[string(l)] = t.byKey
	}
	return all
}

// Has reports whether there is a text.
func (t Texts) Has(key string) bool { return t.byKey[key] != "" }

// T returns a text with its {names} filled in. values are names and what they
// stand for, in turn; a value "count" that is an int also chooses the plural
// form. A text that is missing is an error, for templates.
func (t Texts) T(key string, values ...any) (string, error) {
	if len(values)%2 != 0 {
		return "", fmt.Errorf("texts: %q has a name without a value", key)
	}
	named := map[string]any{}
	for i := 0; i < len(values); i += 2 {
		named[fmt.Sprint(values[i])] = values[i+1]
	}
	text := t.byKey[key]
	if count, ok := named["count"].(int); ok {
		text = cmp.Or(t.byKey[key+"."+t.form(count)], t.byKey[key+".other"], text)
	}
	if text == "" {
		return "", fmt.Errorf("texts: there is no %q in %s", key, t.Language)
	}
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		if value, ok := named[p[1:len(p)-1]]; ok {
			return fmt.Sprint(value)
		}
		return p
	}), nil
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// forms are the names that CLDR has for the plural forms.
var forms = map[plural.Form]string{
	plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other",
}

func (t Texts) form(count int) string {
	return forms[plural.Cardinal.MatchPlural(language.Make(string(t.Language)), count, 0, 0, 0, 0)]
}

// Script is the texts as a module for the pages' scripts. extra is added to
// them, for what only the site's configuration knows.
func (t Texts) Script(extra map[string]string) []byte {
	all := map[string]string{}
	for key, text := range t.byKey {
		if !strings.HasPrefix(key, "mail.") {
			all[key] = text
		}
	}
	for key, text := range extra {
		all[key] = text
	}
	b, err := json.Marshal(all) // escapes what HTML would take for markup
	if err != nil {
		panic(err)
	}
	return fmt.Appendf(nil, "export const texts = %s;\n", b)
}

// Keys returns the keys of all texts, in order.
func (t Texts) Keys() []string {
	var keys []string
	for key := range t.byKey {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
