package translations

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// keys are the constants of keys.go, read from the source so that none can be
// forgotten here.
func keys(t *testing.T) []Text {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "keys.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []Text
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, _ := strconv.Unquote(lit.Value)
			found = append(found, Text(s))
		}
		return true
	})
	if len(found) == 0 {
		t.Fatal("keys.go has no keys")
	}
	return found
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func TestEveryLanguageSaysEverythingAndNothingElse(t *testing.T) {
	all := keys(t)
	for name, c := range catalogues {
		for _, k := range all {
			if strings.TrimSpace(c.texts[k]) == "" {
				t.Errorf("%s says nothing for %q", name, k)
			}
			want := placeholder.FindAllString(catalogues["en"].texts[k], -1)
			got := placeholder.FindAllString(c.texts[k], -1)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(want, got) {
				t.Errorf("%s: %q has placeholders %v, English %v", name, k, got, want)
			}
		}
		if len(c.texts) != len(all) {
			t.Errorf("%s has %d sentences for %d keys", name, len(c.texts), len(all))
		}
	}
}

func TestALanguageIsFoundByItsTag(t *testing.T) {
	for tag, want := range map[string]string{"cy": "cy", "cy-GB": "cy", "CY_gb": "cy", "en-US": "en", "fr": "en", "x": "en"} {
		if got := For(tag).Lang; got != want {
			t.Errorf("%q gives %q, want %q", tag, got, want)
		}
	}
}

func TestValuesAreNeverPatterns(t *testing.T) {
	got := For("en").Say(ReaderLine, "reader", "{what}", "what", "{reader}")
	if got != "{what}: {reader}" {
		t.Errorf("got %q", got)
	}
}
