package browserpolicy

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"howett.net/plist"
)

const (
	one = "https://a.example"
	two = "https://b.example:8443"
)

func TestAnEntryAllowsTheOriginAndNoMore(t *testing.T) {
	origins := []string{one, two, "http://localhost:8080", "https://[2001:db8::1]", "https://*.c.example", "https://a.example:444"}
	want := []string{
		"https://a.example:443", "https://b.example:8443", "https://[2001:db8::1]:443", "https://[*.]c.example:443", "https://a.example:444",
	}
	for _, b := range []Browser{Chromium, Chrome, Edge} {
		if got := Entries(b, origins); !slices.Equal(got, want) {
			t.Errorf("%s: got %q", b, got)
		}
	}
	if got, want := Entries(Firefox, origins), []string{"a.example", "b.example", "2001:db8::1", "*.c.example"}; !slices.Equal(got, want) {
		t.Errorf("Firefox: got %q", got)
	}
}

// tree is what is below a folder: texts of files, and "" for folders.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		all[name] = ""
		if !e.IsDir() {
			text, err := os.ReadFile(path)
			all[name] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(root+"/var/lib/cardea", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		put(t, root, name, text)
	}
	return root
}

func put(t *testing.T, root, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

func apply(t *testing.T, root string, browsers []Browser, origins ...string) {
	t.Helper()
	if _, err := Linux(root).Apply(browsers, origins); err != nil {
		t.Fatal(err)
	}
}

const managed = "etc/chromium/policies/managed/"

func TestWhatOthersWroteStaysAndOnlyOursIsTakenBack(t *testing.T) {
	const firefox = "etc/firefox/policies/policies.json"
	for name, c := range map[string]struct {
		before, want map[string]string
	}{
		"nothing": {nil, map[string]string{
			managed + ownFile: `{"LoopbackNetworkAllowedForUrls": ["https://a.example:443", "https://b.example:8443"]}` + "\n",
			firefox:           `{"policies": {"LocalNetworkAccess": {"SkipDomains": ["a.example", "b.example"]}}}` + "\n",
		}},
		"other policies": {map[string]string{
			managed + "z.json": `{"HomepageLocation": "https://h.example"}`,
			firefox:            "{\n  \"policies\": {\n    \"DisableTelemetry\": true\n  }\n}\n",
		}, map[string]string{
			managed + ownFile:  `{"LoopbackNetworkAllowedForUrls": ["https://a.example:443", "https://b.example:8443"]}` + "\n",
			managed + "z.json": `{"HomepageLocation": "https://h.example"}`,
			firefox:            "{\n  \"policies\": {\n    \"DisableTelemetry\": true,\n    \"LocalNetworkAccess\": {\"SkipDomains\": [\"a.example\", \"b.example\"]}\n  }\n}\n",
		}},
		"the same policy, the last file counting": {map[string]string{
			managed + "a.json": `{"LoopbackNetworkAllowedForUrls": ["https://x.example"]}`,
			managed + "b.json": "{ \"LoopbackNetworkAllowedForUrls\" : [\n\t\"https://y.example\",\n\t\"https://a.example:443\"\n] , \"A\": {} }",
			firefox:            `{"policies": {"LocalNetworkAccess": {"Enabled": true, "SkipDomains": []}, "A": 1}}`,
		}, map[string]string{
			managed + "a.json": `{"LoopbackNetworkAllowedForUrls": ["https://x.example"]}`,
			managed + "b.json": "{ \"LoopbackNetworkAllowedForUrls\" : [\n\t\"https://y.example\",\n\t\"https://a.example:443\",\n\t\"https://b.example:8443\"\n] , \"A\": {} }",
			firefox:            `{"policies": {"LocalNetworkAccess": {"Enabled": true, "SkipDomains": ["a.example", "b.example"]}, "A": 1}}`,
		}},
		"empty objects": {map[string]string{
			managed + "x": "{}", firefox: `{"policies":{"LocalNetworkAccess":{}}}`,
		}, map[string]string{
			managed + "x":     "{}",
			managed + ownFile: `{"LoopbackNetworkAllowedForUrls": ["https://a.example:443", "https://b.example:8443"]}` + "\n",
			firefox:           `{"policies":{"LocalNetworkAccess":{"SkipDomains": ["a.example", "b.example"]}}}`,
		}},
		"a Firefox with policies in its own folder": {map[string]string{
			"usr/lib/firefox-esr/distribution/policies.json": `{"policies": {}}`,
		}, map[string]string{
			"usr/lib/firefox-esr/distribution/policies.json": `{"policies": {"LocalNetworkAccess": {"SkipDomains": ["a.example", "b.example"]}}}`,
			managed + ownFile: `{"LoopbackNetworkAllowedForUrls": ["https://a.example:443", "https://b.example:8443"]}` + "\n",
		}},
		"all of it is there": {map[string]string{
			managed + "a": `{"LoopbackNetworkAllowedForUrls":["https://b.example:8443","https://a.example:443"]}`,
			firefox:       `{"policies":{"LocalNetworkAccess":{"SkipDomains":["b.example","a.example"]}}}`,
		}, map[string]string{
			managed + "a": `{"LoopbackNetworkAllowedForUrls":["https://b.example:8443","https://a.example:443"]}`,
			firefox:       `{"policies":{"LocalNetworkAccess":{"SkipDomains":["b.example","a.example"]}}}`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			root := lay(t, c.before)
			before := tree(t, root)
			for range 2 { // the second time there is nothing to do
				apply(t, root, []Browser{Chromium, Firefox}, one, two)
				got := tree(t, root)
				delete(got, "var/lib/cardea/browser-policy.json")
				maps.DeleteFunc(got, func(_, text string) bool { return text == "" })
				if !maps.Equal(got, c.want) {
					t.Fatalf("got\n%q\nwant\n%q", got, c.want)
				}
			}
			changes, err := Linux(root).Plan([]Browser{Chromium, Firefox}, []string{one, two})
			if err != nil || slices.ContainsFunc(changes, func(c Change) bool { return len(c.Add)+len(c.Remove) > 0 }) {
				t.Errorf("there is more to do: %+v, %v", changes, err)
			}
			apply(t, root, []Browser{Chromium, Firefox}, two) // one is no longer an origin
			apply(t, root, []Browser{Chromium, Firefox, Edge}, one, two, "https://c.example")
			if _, err := Linux(root).Remove(); err != nil {
				t.Fatal(err)
			}
			if after := tree(t, root); !maps.Equal(after, before) {
				t.Errorf("after it is\n%q\nbefore\n%q", after, before)
			}
		})
	}
}

func TestWhatOthersAddLaterStays(t *testing.T) {
	root := lay(t, nil)
	apply(t, root, []Browser{Chromium, Firefox}, one, two)
	own := filepath.Join(root, managed+ownFile)
	text, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	put(t, root, managed+ownFile, strings.Replace(string(text), `"]`, `", "https://theirs.example"]`, 1))
	put(t, root, managed+"README", "no JSON")
	if _, err := Linux(root).Remove(); err != nil {
		t.Fatal(err)
	}
	got := tree(t, root)
	if got[managed+ownFile] != `{"LoopbackNetworkAllowedForUrls": ["https://theirs.example"]}`+"\n" || got[managed+"README"] == "" {
		t.Errorf("got %q", got)
	}
	if _, there := got["etc/firefox"]; there {
		t.Error("a folder that was made for ours is left")
	}
}

func TestAFileThatComesLaterTakesTheEntries(t *testing.T) {
	root := lay(t, nil)
	apply(t, root, []Browser{Chromium, Firefox}, one)
	put(t, root, managed+"z.json", `{"LoopbackNetworkAllowedForUrls": ["https://theirs.example"]}`)
	put(t, root, "usr/lib/firefox/distribution/policies.json", `{"policies": {"A": 1}}`)
	apply(t, root, []Browser{Chromium, Firefox}, one)
	got := tree(t, root)
	if got[managed+"z.json"] != `{"LoopbackNetworkAllowedForUrls": ["https://theirs.example", "https://a.example:443"]}` ||
		got["usr/lib/firefox/distribution/policies.json"] != `{"policies": {"A": 1, "LocalNetworkAccess": {"SkipDomains": ["a.example"]}}}` {
		t.Errorf("got %q", got)
	}
	for _, name := range []string{managed + ownFile, "etc/firefox/policies/policies.json"} {
		if _, there := got[name]; there {
			t.Errorf("%s puts theirs out of force", name)
		}
	}
}

func TestAFileThatCannotBeReadIsNamedAndNothingIsChanged(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		managed + "b.json":                   {`{"LoopbackNetworkAllowedForUrls": [`, "b.json: "},
		managed + "c.json":                   {`{"LoopbackNetworkAllowedForUrls": "*"}`, "c.json: LoopbackNetworkAllowedForUrls: is neither a list nor an object"},
		managed + "d.json":                   {`{"LoopbackNetworkAllowedForUrls": {}}`, "d.json: LoopbackNetworkAllowedForUrls: is no list"},
		"etc/firefox/policies/policies.json": {`{"policies": []}`, "policies.json"},
		"var/lib/cardea/browser-policy.json": {`{"version": 2}`, "knows version 1"},
	} {
		root := lay(t, map[string]string{name: c.text, managed + "a.json": `{"A": 1}`})
		before := tree(t, root)
		_, err := Linux(root).Apply(All, []string{one})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
		if after := tree(t, root); !maps.Equal(after, before) {
			t.Errorf("%s: after it is %q", name, after)
		}
	}
}

func TestAFileKeepsItsModeAndIsReplacedBehindItsLink(t *testing.T) {
	root := lay(t, map[string]string{"real.json": `{"LoopbackNetworkAllowedForUrls": []}`, managed + "x": "{}"})
	if err := os.Symlink(filepath.Join(root, "real.json"), filepath.Join(root, managed+"linked.json")); err != nil {
		t.Skip(err)
	}
	apply(t, root, []Browser{Chromium}, one)
	info, err := os.Lstat(filepath.Join(root, "real.json"))
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	if link, err := os.Lstat(filepath.Join(root, managed+"linked.json")); err != nil || link.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
	if text := tree(t, root)["real.json"]; !strings.Contains(text, "a.example") {
		t.Errorf("got %s", text)
	}
}

func TestOnlyAnAdministratorMayApply(t *testing.T) {
	m := Windows(&fakeRegistry{denied: true}, filepath.Join(t.TempDir(), "memory.json"))
	if _, err := m.Apply([]Browser{Edge}, []string{one}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "only an administrator") {
		t.Errorf("got %v", err)
	}
}

// fakeRegistry has keys and their values.
type fakeRegistry struct {
	keys   map[string]map[string]string
	denied bool
}

func (f *fakeRegistry) Texts(path string) (map[string]string, error) {
	return maps.Clone(f.keys[path]), nil
}
func (f *fakeRegistry) SetText(path, name, text string) error {
	f.keys[path][name] = text // panics when there is no key
	return nil
}
func (f *fakeRegistry) Delete(path, name string) error   { delete(f.keys[path], name); return nil }
func (f *fakeRegistry) Exists(path string) (bool, error) { _, ok := f.keys[path]; return ok, nil }
func (f *fakeRegistry) Make(path string) error {
	if f.denied {
		return fs.ErrPermission
	}
	if _, ok := f.keys[path[:strings.LastIndexByte(path, '\\')]]; !ok {
		return fs.ErrNotExist
	}
	f.keys[path] = map[string]string{}
	return nil
}

func (f *fakeRegistry) Remove(path string) (bool, error) {
	for key := range f.keys {
		if strings.HasPrefix(key, path+`\`) {
			return false, nil
		}
	}
	if len(f.keys[path]) > 0 {
		return false, nil
	}
	delete(f.keys, path)
	return true, nil
}

func (f *fakeRegistry) clone() map[string]map[string]string {
	all := map[string]map[string]string{}
	for key, values := range f.keys {
		all[key] = maps.Clone(values)
	}
	return all
}

func TestWindowsListsKeepTheirOrderAndHaveNoGaps(t *testing.T) {
	const edge, firefox = `SOFTWARE\Policies\Microsoft\Edge\LoopbackNetworkAllowedForUrls`, `SOFTWARE\Policies\Mozilla\Firefox\LocalNetworkAccess\SkipDomains`
	r := &fakeRegistry{keys: map[string]map[string]string{
		`SOFTWARE`: {}, `SOFTWARE\Policies`: {}, `SOFTWARE\Policies\Microsoft`: {}, `SOFTWARE\Policies\Microsoft\Edge`: {"Other": "1"},
		edge: {"1": "https://x.example", "2": "https://y.example", "note": "kept"},
	}}
	before := r.clone()
	file := filepath.Join(t.TempDir(), "memory.json")
	if _, err := Windows(r, file).Apply([]Browser{Edge, Firefox}, []string{one, two}); err != nil {
		t.Fatal(err)
	}
	if got, want := r.keys[edge], map[string]string{"1": "https://x.example", "2": "https://y.example", "3": "https://a.example:443", "4": "https://b.example:8443", "note": "kept"}; !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if got, want := r.keys[firefox], map[string]string{"1": "a.example", "2": "b.example"}; !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	r.keys[firefox]["3"] = "theirs.example"
	if _, err := Windows(r, file).Remove(); err != nil {
		t.Fatal(err)
	}
	if got, want := r.keys[firefox], map[string]string{"1": "theirs.example"}; !maps.Equal(got, want) {
		t.Errorf("what others added: got %v", got)
	}
	delete(r.keys[firefox], "1")
	if _, err := Windows(r, file).Remove(); err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(r.keys, before, maps.Equal) {
		t.Errorf("after it is %v", r.keys)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is remembered still: %v", err)
	}
}

func TestAMacGetsAProfile(t *testing.T) {
	text, err := Profile(All, []string{one, two})
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Profile(All, []string{one, two})
	other, _ := Profile(All, []string{one})
	if again != text || other == text {
		t.Error("the same origins do not make the same profile, or others do")
	}
	var profile struct {
		PayloadType    string
		PayloadUUID    string
		PayloadContent []map[string]any
	}
	if err := plist.NewDecoder(bytes.NewReader([]byte(text))).Decode(&profile); err != nil {
		t.Fatal(err)
	}
	if profile.PayloadType != "Configuration" || len(profile.PayloadUUID) != 36 || len(profile.PayloadContent) != 4 {
		t.Errorf("got %+v", profile)
	}
	for _, p := range profile.PayloadContent {
		list, _ := p["LoopbackNetworkAllowedForUrls"].([]any)
		if p["PayloadType"] == "org.mozilla.firefox" {
			inner, _ := p["LocalNetworkAccess"].(map[string]any)
			list, _ = inner["SkipDomains"].([]any)
		}
		if len(list) != 2 || p["PayloadUUID"] == profile.PayloadUUID {
			t.Errorf("got %v", p)
		}
	}
}

func FuzzTakingBackGivesTheSameText(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a": {"b": ["x"]}}`, "{ \n\"a\" : { } }", `{"a":{"b":[]},"c":1}`, `{"a":{"b":[1,[],{}]}}`, `{"c":{"a":1}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := []string{"a", "b"}
		before, _, err := find(text, path)
		if err != nil || slices.Contains(before, "new") {
			return
		}
		with, kept, err := edit(text, path, nil, []string{"new", "newer"}, 0)
		if err != nil {
			return
		}
		list, ok, err := find(with, path)
		if err != nil || !ok || !slices.Equal(list, append(before, "new", "newer")) {
			t.Fatalf("%s became %s: %v, %v", text, with, list, err)
		}
		after, _, err := edit(with, path, []string{"new", "newer"}, nil, kept)
		if err != nil || !bytes.Equal(after, text) {
			t.Fatalf("%q became %q and then %q, %v", text, with, after, err)
		}
	})
}
