package portal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/web/portal/texts"
)

var (
	templateAction = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	markup         = regexp.MustCompile(`(?s)<[^>]*>`)
	saidAttribute  = regexp.MustCompile(`(?:alt|title|placeholder|aria-label|label)="([^"]*)"`)
	letter         = regexp.MustCompile(`\pL`)

	scriptComment = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	scriptString  = regexp.MustCompile("\"[^\"\n]*\"|`[^`]*`")
	twoWords      = regexp.MustCompile(`\pL{2,} +\pL{2,}`)

	keyInTemplate = regexp.MustCompile(`\bt "([\w.-]+)"`)
	keyInScript   = regexp.MustCompile(`\bt\("([\w.-]+)"`)
	troubleNamed  = regexp.MustCompile(`\btrouble\("(\w+)"`) // with two texts of the documents' page
	plainAnswer   = regexp.MustCompile(`\bhttp\.Error\(\w+, "`)
)

// sources are the files that match, each with its text.
func sources(t *testing.T, pattern string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) < 5 {
		t.Fatalf("%s: %d files, %v", pattern, len(names), err)
	}
	all := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	return all
}

func TestNoPageHasWordsOutsideTheCatalogue(t *testing.T) {
	for name, text := range sources(t, "templates/*.html") {
		text = templateAction.ReplaceAllString(text, "")
		for _, said := range saidAttribute.FindAllStringSubmatch(text, -1) {
			if letter.MatchString(said[1]) {
				t.Errorf("%s says %q itself", name, said[1])
			}
		}
		if said := markup.ReplaceAllString(text, ""); letter.MatchString(said) {
			t.Errorf("%s says %q itself", name, strings.Join(strings.Fields(said), " "))
		}
	}
	for name, text := range sources(t, "static/*.js") {
		for _, said := range scriptString.FindAllString(scriptComment.ReplaceAllString(text, ""), -1) {
			if twoWords.MatchString(said) {
				t.Errorf("%s says %s itself", name, said)
			}
		}
	}
	for name, text := range sources(t, "*.go") {
		if !strings.HasSuffix(name, "_test.go") && (plainAnswer.MatchString(text) || strings.Contains(text, "http.StatusText(")) {
			t.Errorf("%s answers in words of its own", name)
		}
	}
}

func TestEveryTextThatAPageNamesIsThere(t *testing.T) {
	all := texts.All()
	named := map[string]string{}
	for pattern, key := range map[string]*regexp.Regexp{"templates/*.html": keyInTemplate, "static/*.js": keyInScript} {
		for name, text := range sources(t, pattern) {
			for _, found := range key.FindAllStringSubmatch(text, -1) {
				named[found[1]] = name
			}
		}
	}
	for _, found := range troubleNamed.FindAllStringSubmatch(sources(t, "static/*.js")["static/documents.js"], -1) {
		named["documents."+found[1]], named["documents."+found[1]+"Try"] = "static/documents.js", "static/documents.js"
	}
	if len(named) < 100 {
		t.Fatalf("the pages name %d texts", len(named))
	}
	for key, name := range named {
		for _, l := range texts.Languages {
			if !all[l].Has(key) && !all[l].Has(key+".other") {
				t.Errorf("%s names %q, which is not there in %s", name, key, l)
			}
		}
	}
}
