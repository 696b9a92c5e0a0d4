package cards

import (
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/trust"
)

const sample = `
unknown = ["one"]
[[module]]
id = "one"
name = "Module One"
files = {linux = ["/usr/lib/one.so"], linux-arm64 = ["/usr/lib/aarch64/one.so"], windows = ['C:\one.dll']}
[[module]]
id = "two"
name = "Module Two"
files = {darwin = ["/Library/two.dylib"]}
[[card]]
id = "narrow"
name = "Narrow"
atr = "3B 01 02 03 04 05"
speak = "piv"
[[card]]
id = "wide"
name = "Wide"
atr = "3B 01 02 03 04 FF"
mask = "FF FF FF FF FF 00"
speak = "pkcs11"
modules = ["two", "one"]
`

func parse(t *testing.T, text string) *List {
	t.Helper()
	l, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// way is a Way as one word for each part.
func way(w Way) string {
	parts := []string{w.Name}
	if w.PIV {
		parts = append(parts, "piv")
	}
	for _, m := range w.Modules {
		parts = append(parts, m.ID)
	}
	return strings.Join(parts, " ")
}

func TestTheFirstRowThatMatchesSaysHowToSpeakToACard(t *testing.T) {
	l := parse(t, sample)
	for atr, want := range map[string]string{
		"3B 01 02 03 04 05":    "Narrow piv",
		"3B 01 02 03 04 06":    "Wide two one",
		"3B 01 02 03 04":       " piv one",
		"3B 01 02 03 04 05 05": " piv one",
		"3F 01 02 03 04 06":    " piv one",
		"":                     " piv one",
	} {
		if got := way(l.For(bytesOf(t, atr))); got != want {
			t.Errorf("%s: got %q, want %q", atr, got, want)
		}
	}
}

func TestAnAdministratorsListAddsAndOverrides(t *testing.T) {
	l := parse(t, sample)
	over, err := l.With([]byte(`
unknown = []
[[module]]
id = "one"
name = "Our One"
files = {linux = ["/opt/one.so"]}
[[card]]
id = "ours"
name = "Ours"
atr = "3B 01 02 03 04 05"
speak = "pkcs11"
modules = ["one"]
[[card]]
id = "wide"
name = "Wide, by PIV"
atr = "3B 01 02 03 04 07"
speak = "piv"
`))
	if err != nil {
		t.Fatal(err)
	}
	for atr, want := range map[string]string{
		"3B 01 02 03 04 05": "Ours one",
		"3B 01 02 03 04 07": "Wide, by PIV piv",
		"3B 01 02 03 04 06": " piv",
	} {
		if got := way(over.For(bytesOf(t, atr))); got != want {
			t.Errorf("%s: got %q, want %q", atr, got, want)
		}
	}
	if got := over.For(bytesOf(t, "3B 01 02 03 04 05")).Modules[0]; got.Name != "Our One" || !slices.Equal(got.candidates("linux", "arm64"), []string{"/opt/one.so"}) {
		t.Errorf("the module is %+v", got)
	}
	if got := way(l.For(bytesOf(t, "3B 01 02 03 04 05"))); got != "Narrow piv" {
		t.Errorf("the list below changed: %q", got)
	}
}

func TestAModulesPathsAreThoseOfTheMachine(t *testing.T) {
	m := parse(t, sample).modules["one"]
	for platform, want := range map[[2]string][]string{
		{"linux", "amd64"}:   {"/usr/lib/one.so"},
		{"linux", "arm64"}:   {"/usr/lib/aarch64/one.so", "/usr/lib/one.so"},
		{"windows", "amd64"}: {`C:\one.dll`},
		{"darwin", "arm64"}:  nil,
	} {
		if got := m.candidates(platform[0], platform[1]); !slices.Equal(got, want) {
			t.Errorf("%v: got %v", platform, got)
		}
	}
}

func TestAModuleIsTheFirstFileThatIsThereAndOnlyWhenItIsTrusted(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the paths are Linux'")
	}
	theirs := filepath.Join(t.TempDir(), "module.so")
	if err := os.WriteFile(theirs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	module := func(paths ...string) Module {
		return Module{Name: "M", paths: map[string][]string{"linux": paths}}
	}
	file, err := module("/usr/lib/cardea-has-none.so", "/usr/bin/env").File()
	if err != nil || !strings.HasPrefix(file, "/") {
		t.Errorf("got %q, %v", file, err)
	}
	if _, err := module("/usr/lib/cardea-has-none.so").File(); !errors.Is(err, ErrMissing) {
		t.Errorf("nowhere: got %v", err)
	}
	if _, err := module().File(); !errors.Is(err, ErrMissing) {
		t.Errorf("on another system: got %v", err)
	}
	_, err = module(theirs, "/usr/bin/env").File()
	if _, ok := errors.AsType[*trust.Error](err); !ok || errors.Is(err, ErrMissing) {
		t.Errorf("one that others can write: got %v", err)
	}
}

func TestAListInDoubtIsRefusedWithTheReason(t *testing.T) {
	card := func(more string) string { return "[[card]]\nid = \"c\"\nname = \"C\"\n" + more }
	module := func(more string) string { return "[[module]]\nid = \"m\"\nname = \"M\"\n" + more }
	for text, want := range map[string]string{
		card("speak = \"piv\""):                                                                                "atr",
		card("atr = \"3B 01 02 03\""):                                                                          "speak: must be piv or pkcs11",
		card("atr = \"3B 01 02 03\"\nspeak = \"PIV\""):                                                         "speak: must be piv or pkcs11",
		card("ATR = \"3B 01 02 03\"\nspeak = \"piv\""):                                                         "no setting card.ATR: the nearest is card.atr",
		card("atr = \"3B 01 02 03\"\nspeak = \"piv\"\nmodule = [\"m\"]"):                                       "no setting card.module: the nearest is card.modules",
		card("atr = \"3B 01 02 03\"\nspeak = \"piv\"\nmodules = []"):                                           "modules: are for",
		card("atr = \"3B 01 02 03\"\nspeak = \"pkcs11\""):                                                      "modules: names none",
		card("atr = \"3B 01 02 03\"\nspeak = \"pkcs11\"\nmodules = [\"m\"]"):                                   "there is no module \"m\"",
		card("atr = \"3B010203\"\nspeak = \"piv\""):                                                            "no byte",
		card("atr = \"3B 01  02\"\nspeak = \"piv\""):                                                           "no byte",
		card("atr = \"3B\"\nspeak = \"piv\""):                                                                  "2 to 33 bytes",
		card("atr = \"3C 01 02\"\nspeak = \"piv\""):                                                            "3B or 3F",
		card("atr = \"3B 01 02 03\"\nmask = \"FF FF FF\"\nspeak = \"piv\""):                                    "mask: has 3 bytes",
		card("atr = \"3B 01 02 03 04\"\nmask = \"FF 00 FF FE FF\"\nspeak = \"piv\""):                           "and 4 in all",
		"[[card]]\nid = \"C\"\nname = \"C\"":                                                                   "id: must be",
		"[[card]]\nid = \"c\"\nname = \"a\\nb\"":                                                               "name: must be",
		module(""):                                                                                             "has no files",
		module("files = {linux = []}"):                                                                         "names none",
		module("files = {solaris = [\"/m.so\"]}"):                                                              "must be one of linux",
		module("files = {linux-mips = [\"/m.so\"]}"):                                                           "must be one of linux",
		module("files = {linux = [\"m.so\"]}"):                                                                 "no absolute path",
		module("files = {linux = [\"$HOME/m.so\"]}"):                                                           "no absolute path",
		module("files = {linux = [\"/home/$USER/m.so\"]}"):                                                     "no absolute path",
		module("files = {windows = ['%windir%\\m.dll']}"):                                                      "no absolute path",
		module("files = {windows = ['\\\\server\\share\\m.dll']}"):                                             "no absolute path",
		module("files = {windows = ['/m.dll']}"):                                                               "no absolute path",
		"unknown = [\"m\"]":                                                                                    "there is no module \"m\"",
		module("files = {linux = [\"/m\"]}") + "\n" + module("files = {linux = [\"/m\"]}"):                     "twice",
		card("atr = \"3B 01 02 03\"\nspeak = \"piv\"") + "\n" + card("atr = \"3B 01 02 03\"\nspeak = \"piv\""): "twice",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %q in it", text, err, want)
		}
	}
}

func TestAnAdministratorsListIsReadOnlyFromAFileOfTheirs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cards.toml")
	if err := os.WriteFile(path, []byte(sample), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := new(List).Load(path); err == nil || !strings.Contains(err.Error(), "is not trusted") {
		t.Errorf("got %v", err)
	}
}

// The list that is shipped is read here as well as by the agent, because a row
// in it that no card reaches would go unseen.
func TestEveryRowOfTheShippedListIsReached(t *testing.T) {
	text, err := os.ReadFile("../cards.toml")
	if err != nil {
		t.Fatal(err)
	}
	l := parse(t, string(text))
	if len(l.cards) < 30 || len(l.modules) < 8 {
		t.Fatalf("%d cards and %d modules", len(l.cards), len(l.modules))
	}
	used := slices.Clone(l.unknown)
	for _, c := range l.cards {
		if got, want := way(l.For(c.pattern.atr)), way(Way{Name: c.name, PIV: len(c.modules) == 0, Modules: l.named(c.modules)}); got != want {
			t.Errorf("%s is taken for %q", c.id, got)
		}
		used = append(used, c.modules...)
	}
	for id := range maps.Keys(l.modules) {
		if !slices.Contains(used, id) {
			t.Errorf("no card uses the module %s", id)
		}
	}
}

// What other people's lists say of well-known cards.
func TestWellKnownCardsAreKnown(t *testing.T) {
	text, err := os.ReadFile("../cards.toml")
	if err != nil {
		t.Fatal(err)
	}
	l := parse(t, string(text))
	for atr, want := range map[string]string{
		"3B FD 13 00 00 81 31 FE 15 80 73 C0 21 C0 57 59 75 62 69 4B 65 79 40":          "YubiKey 5 piv",
		"3B D6 96 00 81 B1 FE 45 1F 87 80 31 C1 52 41 1A 2A":                            "IDEMIA ID-One PIV piv",
		"3B D6 97 00 81 B1 FE 45 1F 87 80 31 C1 52 21 19 48":                            "IDEMIA ID-One PIV piv",
		"3B DF 97 00 81 B1 FE 45 1F 83 80 73 CC 91 CB F9 A0 00 00 03 08 00 00 10 00 78": "PIV card piv",
		"3B DB 96 00 80 1F 03 00 31 C0 64 B0 F3 10 00 0F 90 00 88":                      "Oberthur PIV end point piv",
		"3B DB 96 00 81 B1 FE 45 1F 03 80 F9 A0 00 00 03 08 00 00 10 00 18":             "Oberthur ID-One PIV piv",
		"3B 7F 96 00 00 80 31 80 65 B0 84 61 60 FB 12 0F FD 82 90 00":                   "Thales IDPrime idprime opensc",
		"3B 7F 96 00 00 80 31 80 65 B0 85 59 56 FB 12 0F FE 82 90 00":                   "Thales IDPrime idprime opensc",
		"3B 7F 96 00 00 80 31 80 65 B0 85 04 01 20 12 0F FF 82 90 00":                   "Belgian eID beid opensc",
		"3B 98 94 40 0A A5 03 01 01 01 AD 13 10":                                        "Belgian eID beid opensc",
		"3B 7F 96 00 00 80 31 B8 65 B0 85 05 10 24 12 24 60 82 90 00":                   "Finnish eID (Thales) opensc",
		"3B FF 96 00 00 81 31 FE 43 80 31 80 65 B0 85 59 56 FB 12 01 78 82 90 00 88":    "Thales eToken 5110 etoken idprime opensc",
		"3B 6A 00 FF 4A 43 4F 50 34 31 56 32 32 31":                                     " piv opensc",
	} {
		if got := way(l.For(bytesOf(t, atr))); got != want {
			t.Errorf("%s: got %q, want %q", atr, got, want)
		}
	}
}

func FuzzAPatternIsReadBackAsItWasAndMatchesItself(f *testing.F) {
	f.Add("3B 8B 80 01 80 F9 A0 00 00 03 08 00 00 10 00 C8", "")
	f.Add("3B 98 13 40 0A A5 03 01 01 01 AD 13 11", "FF FF 00 FF 00 FF FF FF FF FF FF FF 00")
	f.Add("3F 00", "FF FF")
	f.Add("3B 01 02 03", "FF 00 00 00")
	f.Add("3b 0", " ")
	f.Fuzz(func(t *testing.T, atr, mask string) {
		p, err := ParsePattern(atr, mask)
		if err != nil {
			return
		}
		a, m, _ := strings.Cut(p.String(), "/")
		again, err := ParsePattern(a, m)
		if err != nil || !slices.Equal(again.atr, p.atr) || !slices.Equal(again.mask, p.mask) {
			t.Fatalf("%s is read back as %s, %v", p, again, err)
		}
		whole := bytesOf(t, atr)
		if !p.Matches(whole) || !p.Matches(p.atr) || p.Matches(append(whole, 0)) || p.Matches(whole[1:]) {
			t.Fatalf("%s matches what it should not, or not itself", p)
		}
		for i := range whole {
			whole[i] ^= 0xFF
			if p.Matches(whole) != (p.mask[i] == 0) {
				t.Fatalf("%s: byte %d counts other than its mask says", p, i)
			}
			whole[i] ^= 0xFF
		}
	})
}

func TestAPIVCardIsKnownAsOneThoughItIsSpokenToThroughAModule(t *testing.T) {
	const modules = `
unknown = ["m"]
[[module]]
id = "m"
name = "M"
internet = true
files = {linux = ["/m.so"]}
[[card]]
id = "ours"
name = "Ours"
atr = "3B 01 02 03"
speak = "pkcs11"
modules = ["m"]
`
	l, err := parse(t, "[[card]]\nid = \"piv\"\nname = \"PIV\"\natr = \"3B 01 02 03\"\nspeak = \"piv\"").With([]byte(modules))
	if err != nil {
		t.Fatal(err)
	}
	if w := l.For([]byte{0x3B, 1, 2, 3}); w.Name != "Ours" || w.PIV || !w.IsPIV || len(w.Modules) != 1 || !w.Modules[0].Internet {
		t.Errorf("got %+v", w)
	}
	if w := l.For([]byte{0x3B, 1, 2, 4}); w.Name != "" || !w.PIV || w.IsPIV {
		t.Errorf("a card on no list: %+v", w)
	}
}
