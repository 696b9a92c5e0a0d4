// Package translations holds every sentence that cardea-tray shows, in English
// and in Welsh.
//
// A [Text] is a key, a [Catalogue] one language. The catalogues are the JSON
// files of this folder. Numbers stand after a colon ("Tries left: 2"), because
// the plural forms of languages differ and this one reads right in all.
//
// Nothing from a page or a card is ever a key or a pattern, only a value that is
// put in. A test holds the languages together: the same keys and the same
// placeholders in both, and every key known to Go.
package translations

import (
	"embed"
	"fmt"
	"strings"

	"fyne.io/fyne/v2/lang"
	"github.com/go-json-experiment/json"
)

//go:embed en.json cy.json
var files embed.FS

// Text is the key of a sentence.
type Text string

// Catalogue is all sentences of one language.
type Catalogue struct {
	Lang  string // BCP 47
	texts map[Text]string
}

var catalogues = map[string]*Catalogue{"en": load("en"), "cy": load("cy")}

// load panics on a broken file: the files are part of the program.
func load(name string) *Catalogue {
	b, err := files.ReadFile(name + ".json")
	if err != nil {
		panic(err)
	}
	c := &Catalogue{Lang: name}
	if err := json.Unmarshal(b, &c.texts); err != nil {
		panic(fmt.Sprintf("translations: %s: %v", name, err))
	}
	return c
}

// For returns the catalogue for a BCP 47 tag, the system's when the tag is
// empty, and English for every language that there is none for.
func For(tag string) *Catalogue {
	if tag == "" {
		tag = lang.SystemLocale().LanguageString()
	}
	base, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(tag), "_", "-"), "-")
	if c, ok := catalogues[base]; ok {
		return c
	}
	return catalogues["en"]
}

// Say returns a sentence. Values are pairs of a placeholder's name and what is
// put in its place. A key that does not exist is shown as it is: a test sees to
// it that there is none.
func (c *Catalogue) Say(t Text, values ...string) string {
	s, ok := c.texts[t]
	if !ok {
		return string(t)
	}
	if len(values) == 0 {
		return s
	}
	pairs := make([]string, 0, len(values))
	for i := 0; i+1 < len(values); i += 2 {
		pairs = append(pairs, "{"+values[i]+"}", values[i+1])
	}
	return strings.NewReplacer(pairs...).Replace(s)
}
