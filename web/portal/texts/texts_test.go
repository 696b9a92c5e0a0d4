package texts

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// form is what a key with a count ends in. Which forms there are differs from
// language to language.
var form = regexp.MustCompile(`\.(zero|one|two|few|many)$`)

func TestEveryTextIsThereInEveryLanguageWithTheSameValues(t *testing.T) {
	all := All()
	keys := map[string]bool{}
	for _, l := range Languages {
		for _, key := range all[l].Keys() {
			keys[key] = true
		}
	}
	if len(keys) < 200 {
		t.Fatalf("the catalogue has %d texts", len(keys))
	}
	for key := range keys {
		if form.MatchString(key) {
			if base := form.ReplaceAllString(key, ".other"); !keys[base] {
				t.Errorf("%q has no %q", key, base)
			}
			continue
		}
		want := valuesOf(all[English].byKey[key])
		for _, l := range Languages {
			text := all[l].byKey[key]
			if strings.TrimSpace(text) == "" {
				t.Errorf("%q is missing in %s", key, l)
			} else if got := valuesOf(text); !slices.Equal(got, want) {
				t.Errorf("%q in %s has the values %v, want %v", key, l, got, want)
			}
		}
	}
}

func valuesOf(text string) []string {
	found := map[string]bool{}
	for _, p := range placeholder.FindAllString(text, -1) {
		found[p] = true
	}
	return slices.Sorted(maps.Keys(found))
}

func TestATextThatWasNotTranslatedIsSeen(t *testing.T) {
	all := All()
	same := 0
	for _, key := range all[English].Keys() {
		if all[English].byKey[key] == all[Welsh].byKey[key] {
			same++
		}
	}
	// Names and words that both languages share.
	if same > 5 {
		t.Errorf("%d texts are the same in both languages", same)
	}
}

func TestEveryErrorStateAndPhaseOfTheAgentHasWordsForPeople(t *testing.T) {
	english := All()[English]
	var want []string
	for code, row := range protocol.Errors {
		want = append(want, "error."+string(code), "try."+string(code), "who."+string(row.Who))
	}
	for _, state := range []signin.State{
		signin.ServiceDown, signin.NoReader, signin.NoCard, signin.CardUnreadable, signin.CardUnknown,
		signin.NoUsableCertificate, signin.PINBlocked, signin.Ready, signin.Busy,
	} {
		want = append(want, "status."+string(state))
	}
	for _, phase := range []signin.Phase{
		signin.WaitingForReader, signin.WaitingForCard, signin.Choosing, signin.WaitingForPIN, signin.WrongPIN, signin.Signing,
	} {
		want = append(want, "progress."+string(phase))
	}
	for _, key := range want {
		if !english.Has(key) {
			t.Errorf("there is no text %q", key)
		}
	}
	for _, key := range english.Keys() {
		code, ok := strings.CutPrefix(key, "try.")
		if _, known := protocol.Errors[signin.Code(code)]; ok && !known && code != "unknown" {
			t.Errorf("%q is for a code that does not exist", key)
		}
	}
}

func TestATextIsFilledInByItsLanguage(t *testing.T) {
	texts := Texts{Welsh, map[string]string{
		"cards.one": "{count} cerdyn", "cards.two": "{count} gerdyn", "cards.other": "{count} o gardiau", "hello": "Helo {name}, {unknown}",
	}}
	for _, c := range []struct {
		key    string
		values []any
		want   string
	}{
		{"hello", []any{"name", "Anna {name}"}, "Helo Anna {name}, {unknown}"},
		{"cards", []any{"count", 1}, "1 cerdyn"},
		{"cards", []any{"count", 2}, "2 gerdyn"},
		{"cards", []any{"count", 6}, "6 o gardiau"},
	} {
		if got, err := texts.T(c.key, c.values...); err != nil || got != c.want {
			t.Errorf("%s %v is %q, %v; want %q", c.key, c.values, got, err, c.want)
		}
	}
	for name, values := range map[string][]any{"none": nil, "hello": {"name"}} {
		if got, err := texts.T(name, values...); err == nil {
			t.Errorf("%s %v is %q", name, values, got)
		}
	}
}

func TestABrowsersLanguageIsMatched(t *testing.T) {
	for header, want := range map[string]Language{
		"": English, "cy": Welsh, "cy-GB,cy;q=0.9,en;q=0.8": Welsh, "en-GB,cy;q=0.5": English, "de": English,
		"de,cy;q=0.3": Welsh, ";;;": English, "*": English,
	} {
		if got := Match(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

// ownWords are texts of one page that stand in for those that all pages share.
var ownWords = regexp.MustCompile(`^documents\.((?:error|try|refused|refusedTry|progress)\..+)$`)

func TestAPagesOwnWordsStandInForWordsThatAllShare(t *testing.T) {
	english := All()[English]
	found := 0
	for _, key := range english.Keys() {
		if own := ownWords.FindStringSubmatch(key); own != nil {
			found++
			if !english.Has(own[1]) {
				t.Errorf("%q stands in for nothing", key)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d texts stand in for others", found)
	}
}
