package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/trust"
	"github.com/cardea-agent/cardea/agent/weborigin"
)

// fakeRegistry is a key that a test fills.
type fakeRegistry struct {
	name string
	key  *Key // nil: it is missing
}

func (f *fakeRegistry) Name() string { return f.name }
func (f *fakeRegistry) Read() (Key, error) {
	if f.key == nil {
		return Key{}, fs.ErrNotExist
	}
	return *f.key, nil
}

func (f *fakeRegistry) Wait(ctx context.Context, _ func()) error { <-ctx.Done(); return ctx.Err() }

// lay makes places in a folder of the test's, whose files count as the
// administrators' own unless they are in untrusted.
func lay(t *testing.T, untrusted ...string) Places {
	t.Helper()
	base := t.TempDir()
	p := Places{
		Folder: filepath.Join(base, "policy.d"), Machine: filepath.Join(base, "policy.toml"),
		Managed: filepath.Join(base, "managed.plist"), PersonManaged: filepath.Join(base, "person.plist"),
		User: filepath.Join(base, "home", "settings.toml"),
	}
	p.trusted = func(path string) (string, error) {
		if slices.Contains(untrusted, filepath.Base(path)) {
			return "", &trust.Error{Path: path, Reason: trust.Writable}
		}
		resolved, err := filepath.EvalSymlinks(path)
		return resolved, err
	}
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, p Places) *Policy {
	t.Helper()
	loaded, err := p.Load()
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// from tells the value of a setting and who decided it.
func from(t *testing.T, p *Policy, name string) string {
	t.Helper()
	for _, e := range p.Effective() {
		if e.Setting.Name != name {
			continue
		}
		text := FormatTOML(e.Value)
		for _, o := range e.From {
			text += fmt.Sprintf(" %s:%s:%d", o.Level, filepath.Base(o.Source), o.Line)
		}
		return text
	}
	t.Fatalf("there is no setting %s", name)
	return ""
}

func TestPolicyCountsBeforeTheMachineAndThatBeforeThePerson(t *testing.T) {
	p := lay(t)
	if got := from(t, load(t, p), "log.level"); got != `"info"` {
		t.Errorf("nobody: got %s", got)
	}
	for _, step := range []struct{ file, text, want string }{
		{p.User, "[log]\nlevel = \"debug\"", `"debug" user:settings.toml:2`},
		{p.Machine, "[removal]\ngrace = \"1m\"\n\n[log]\nlevel = \"warn\"", `"warn" machine:policy.toml:5`},
		{p.PersonManaged, plistOf(`<key>log</key><dict><key>level</key><string>info</string></dict>`), `"info" policy:person.plist:0`},
		{filepath.Join(p.Folder, "10.toml"), "log.level = \"error\"", `"error" policy:10.toml:1`},
		{filepath.Join(p.Folder, "20.toml"), "log = {level = \"warn\"}", `"warn" policy:20.toml:1`},
		{filepath.Join(p.Folder, "30.toml.bak"), "log.level = 3", `"warn" policy:20.toml:1`},
		{p.Managed, plistOf(`<key>log</key><dict><key>level</key><string>debug</string></dict>`), `"debug" policy:managed.plist:0`},
	} {
		write(t, step.file, step.text)
		if got := from(t, load(t, p), "log.level"); got != step.want {
			t.Errorf("with %s: got %s, want %s", filepath.Base(step.file), got, step.want)
		}
	}
	p.Registry = &fakeRegistry{"HKLM", &Key{Keys: map[string]Key{"log": {Values: map[string]any{"level": "error"}}}}}
	if got := from(t, load(t, p), "log.level"); got != `"error" policy:HKLM:0` {
		t.Errorf("with group policy: got %s", got)
	}
	if got := from(t, load(t, p), "removal.grace"); got != `"1m" machine:policy.toml:2` {
		t.Errorf("what no policy says: got %s", got)
	}
}

func TestAListJoinsOrReplacesAsItsRowSays(t *testing.T) {
	p := lay(t)
	write(t, p.Machine, "[[origin]]\nurl = \"https://a.example\"\nrights = [\"sign\"]\n[[origin]]\nurl = \"https://b.example\"\n[certificate]\nissuers = [\"M\"]\n")
	write(t, filepath.Join(p.Folder, "1.toml"), "certificate.issuers = [\"P\", \"Q\"]\n[[origin]]\nurl = \"https://c.example\"\n[[origin]]\nurl = \"https://a.example\"\n")
	got := load(t, p)
	if want := []string{"https://c.example", "https://a.example", "https://b.example"}; !slices.Equal(got.Origins(), want) {
		t.Errorf("the origins are %v, want %v", got.Origins(), want)
	}
	if rights, _ := got.Rights("https://a.example"); !slices.Equal(rights, []string{Authenticate}) {
		t.Errorf("of an origin in both places %v counts, want what policy says", rights)
	}
	if got := from(t, got, "certificate.issuers"); got != `["P", "Q"] policy:1.toml:1` {
		t.Errorf("issuers: got %s", got)
	}
}

func TestAPersonCanNeitherAddToNorTakeFromWhatAdministratorsDecide(t *testing.T) {
	p := lay(t)
	write(t, p.Machine, "[[origin]]\nurl = \"https://a.example\"")
	for text, want := range map[string]string{
		"[[origin]]\nurl = \"https://evil.example\"":           "settings.toml:1: origin: only an administrator may set it",
		"[removal]\naction = \"none\"\n[log]\nlevel=\"debug\"": "settings.toml:2: removal.action: only an administrator may set it",
		"[log]\nlevel = \"loud\"":                              "settings.toml:2: log.level: must be error, warn, info or debug",
		"[log":                                                 "settings.toml:1: toml:",
		"log.leve = \"info\"":                                  "settings.toml:1: there is no setting log.leve: the nearest is log.level",
		strings.Repeat("#", maxText+1):                         "it is longer than",
	} {
		write(t, p.User, text)
		got := load(t, p)
		if !slices.Equal(got.Origins(), []string{"https://a.example"}) || from(t, got, "removal.action") != `"lock"` || from(t, got, "log.level") != `"info"` {
			t.Errorf("%.40s: it counts", text)
		}
		if w := got.Warnings(); len(w) != 1 || !strings.Contains(w[0].Error(), want) {
			t.Errorf("%.40s: the warnings are %v, want %q", text, w, want)
		}
	}
}

func TestEveryProblemNamesTheFileTheLineAndTheSetting(t *testing.T) {
	p := lay(t, "untrusted.toml")
	write(t, p.Machine, "[removal]\naction = \"shut\"\n\n[[origin]]\nurl = \"https://a.example\"\n[[origin]]\nurl = \"https://b.example\"\nrihgts = []\n")
	write(t, filepath.Join(p.Folder, "1.toml"), "grace = \"5m\"\n[session]\nlimit = 12\n")
	write(t, filepath.Join(p.Folder, "2.toml"), "\n[[origin]\n")
	write(t, filepath.Join(p.Folder, "untrusted.toml"), "")
	write(t, p.PersonManaged, plistOf(`<key>listen</key><dict><key>port</key><integer>1</integer></dict>`))
	_, err := p.Load()
	for _, want := range []string{
		"policy.toml:2: removal.action: must be none, lock or signOut, not \"shut\"",
		"policy.toml:8: there is no setting origin.rihgts: the nearest is origin.rights",
		"1.toml:1: there is no setting grace: the nearest is removal.grace",
		"1.toml:3: session.limit: must be a text in quotation marks",
		"2.toml:2: toml:",
		"untrusted.toml: " + p.Folder + "/untrusted.toml is not trusted",
	} {
		if err == nil || !strings.Contains(filepath.ToSlash(err.Error()), filepath.ToSlash(want)) {
			t.Errorf("got\n%v\nwant %q in it", err, want)
		}
	}
	if n := len(Problems(err)); n != 7 {
		t.Errorf("%d problems, want 7", n)
	}
}

func TestAFileThatOthersCanWriteIsNoAdministratorsPolicy(t *testing.T) {
	base := t.TempDir()
	p := Places{Machine: filepath.Join(base, "policy.toml"), trusted: trust.File}
	write(t, p.Machine, full)
	if _, err := p.Load(); err == nil || !strings.Contains(err.Error(), "is not trusted") {
		t.Errorf("where the administrator's is looked for: got %v", err)
	}
	if _, err := Only(p.Machine).Load(); err != nil {
		t.Errorf("one that was named: got %v", err)
	}
	list := filepath.ToSlash(filepath.Join(base, "cards.toml"))
	write(t, p.Machine, fmt.Sprintf("[cards]\nlist = %q\n", list))
	if _, err := Only(p.Machine).Load(); err == nil || !strings.Contains(err.Error(), "cards.list: only a policy that administrators") {
		t.Errorf("one that was named, with a card list: got %v", err)
	}
	if p := parse(t, fmt.Sprintf("[cards]\nlist = %q\n", list)); p.CardList() != list {
		t.Errorf("the card list is %q", p.CardList())
	}
	if _, err := Only(filepath.Join(base, "other.toml")).Load(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that was named and is missing: got %v", err)
	}
	if runtime.GOOS == "linux" { // where the root's folder is the administrators'
		if p, err := (Places{Machine: "/cardea-has-no-policy-here.toml", trusted: trust.File}).Load(); err != nil || len(p.Origins()) != 0 {
			t.Errorf("a missing file: got %v", err)
		}
	}
}

func TestGroupPolicySaysWhatTOMLSays(t *testing.T) {
	key := Key{
		Keys: map[string]Key{
			"origin": {Values: map[string]any{
				"https://a.example": "",
				"https://b.example": `rights = ["sign"], removal = {action = "signOut", grace = "0s"}`,
			}},
			"removal":       {Values: map[string]any{"grace": "5m"}},
			"certificate":   {Values: map[string]any{"issuers": []string{"A", "", " B "}}},
			"listen":        {Values: map[string]any{"port": uint64(1234)}},
			"browserPolicy": {Values: map[string]any{"browsers": []string{""}}},
		},
	}
	p := Places{Registry: &fakeRegistry{RegistryPath, &key}, PersonRegistry: &fakeRegistry{"HKCU", nil}}
	same := parse(t, `
listen.port = 1234
removal.grace = "5m"
certificate.issuers = ["A", "B"]
browserPolicy.browsers = []
[[origin]]
url = "https://a.example"
[[origin]]
url = "https://b.example"
rights = ["sign"]
removal = {action = "signOut", grace = "0s"}
`)
	if changed, _ := difference(load(t, p), same); len(changed) > 0 {
		t.Errorf("%v differ", changed)
	}
	for want, bad := range map[string]Key{
		"origin: of https://a.example: must be as in rights =":    {Keys: map[string]Key{"origin": {Values: map[string]any{"https://a.example": "rights"}}}},
		"origin: of https://b.example: must be as in":             {Keys: map[string]Key{"origin": {Values: map[string]any{"https://b.example": "}\norigin = {"}}}},
		"there is no setting origin.right: the nearest":           {Keys: map[string]Key{"origin": {Values: map[string]any{"https://a.example": `right = ["sign"]`}}}},
		`origin.url: "a.example" must begin with https://`:        {Keys: map[string]Key{"origin": {Values: map[string]any{"a.example": ""}}}},
		"there is no setting Removal: the nearest is removal":     {Keys: map[string]Key{"Removal": {Values: map[string]any{"grace": "5m"}}}},
		"listen.port: must be a number from 1 to 65535":           {Keys: map[string]Key{"listen": {Values: map[string]any{"port": "1234"}}}},
		"removal.grace: must be a text":                           {Keys: map[string]Key{"removal": {Values: map[string]any{"grace": uint64(1)}}}},
		"there is no setting telemetry":                           {Values: map[string]any{"telemetry": uint64(1)}},
		"origin: must be a list of tables":                        {Values: map[string]any{"origin": "https://a.example"}},
		"removal.grace: must be at least 0s and at most 24h":      {Keys: map[string]Key{"removal": {Values: map[string]any{"grace": "25h"}}}},
		"HKLM: removal.action: must be none, lock or signOut, no": {Keys: map[string]Key{"removal": {Values: map[string]any{"action": "x"}}}},
	} {
		_, err := Places{Registry: &fakeRegistry{"HKLM", &bad}}.Load()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	_, err := Places{PersonRegistry: &fakeRegistry{"HKCU", &key}}.Load()
	if err == nil || !strings.Contains(err.Error(), "HKCU: listen.port: is one for all") {
		t.Errorf("a person's policy for all: got %v", err)
	}
}

func plistOf(inner string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>` + inner + `</dict></plist>`
}

func TestAProfileSaysWhatTOMLSays(t *testing.T) {
	p := lay(t)
	const settings = `<key>origin</key><array><dict><key>url</key><string>https://a.example</string>
		<key>removal</key><dict><key>grace</key><string>1m</string></dict></dict></array>
		<key>listen</key><dict><key>port</key><integer>1234</integer></dict>`
	write(t, p.Managed, plistOf(settings+`<key>PayloadUUID</key><string>x</string>`))
	same := parse(t, "listen.port = 1234\n[[origin]]\nurl = \"https://a.example\"\nremoval = {grace = \"1m\"}\n")
	if changed, _ := difference(load(t, p), same); len(changed) > 0 {
		t.Errorf("%v differ", changed)
	}
	profile := filepath.Join(t.TempDir(), "a.mobileconfig")
	write(t, profile, plistOf(`<key>PayloadContent</key><array><dict><key>PayloadType</key><string>`+ProfileID+`</string>`+settings+`</dict></array>`))
	checked, err := Check(profile)
	if err != nil {
		t.Fatal(err)
	}
	if changed, _ := difference(checked, same); len(changed) > 0 {
		t.Errorf("of the whole profile, %v differ", changed)
	}
	for text, want := range map[string]string{
		"not a plist": "is no property list",
		plistOf(`<key>PayloadContent</key><array/>`):                                      "has nothing for " + ProfileID,
		plistOf(`<key>listen</key><dict><key>port</key><string>1</string></dict>`):        "listen.port: must be a number",
		plistOf(`<key>origin</key><array><string>https://a.example</string></array>`):     "origin: must be a list of tables",
		plistOf(`<key>removal</key><dict><key>grace</key><date>2026-01-01</date></dict>`): "",
	} {
		write(t, p.Managed, text)
		if _, err := p.Load(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", text, err, want)
		}
	}
}

func TestEveryRowSaysWhatPeopleNeedToKnow(t *testing.T) {
	var check func(rows []Setting, within string)
	check = func(rows []Setting, within string) {
		for _, s := range rows {
			name := within + s.Name
			if s.Title == "" || s.Meaning == "" || s.Since == "" || s.Default == "" && s.Example == "" || within == "" && s.Scope == "" {
				t.Errorf("%s: something is missing", name)
			}
			if s.Type == Records {
				check(s.Fields, name+".")
			}
			if within == "" && s.set == nil {
				t.Errorf("%s: nobody takes its value", name)
			}
			if s.User && (s.Alone || s.Scope == Machine || s.Join) {
				t.Errorf("%s: a person may change what is not theirs", name)
			}
			if !strings.HasSuffix(s.Meaning, ".") {
				t.Errorf("%s: the meaning is no sentence", name)
			}
			if within != "" {
				continue
			}
			if _, err := Parse([]byte(name + " = " + s.Shown())); err != nil {
				t.Errorf("what is shown of it is refused: %v", err)
			}
			if strings.Count(name, ".") > 1 || find2(name) {
				t.Errorf("%s: the name stands for a table as well, or for one in a table", name)
			}
		}
	}
	check(table, "")
	if newPolicy().Port() != 0 || parse(t, "").Port() != 24747 || parse(t, "").SessionLimit() != 12*time.Hour {
		t.Error("the defaults do not reach the policy")
	}
}

func find2(name string) bool { return isTable(table, name) }

func FuzzParseReadsWhatItPrints(f *testing.F) {
	f.Add(full)
	f.Add("certificate.issuers = [\"a\\\"b\", \"c\\n\"]\nlisten.port = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse([]byte(text))
		if err != nil {
			return
		}
		printed := ""
		for _, e := range p.Effective() {
			if e.Value != nil {
				printed += e.Setting.Name + " = " + FormatTOML(e.Value) + "\n"
			}
		}
		again, err := Parse([]byte(printed))
		if err != nil {
			t.Fatalf("%v in\n%s", err, printed)
		}
		if changed, _ := difference(p, again); len(changed) > 0 {
			t.Errorf("%v differ after\n%s", changed, printed)
		}
	})
}

func TestEachKindOfHelpHasTheContactOfTheFirstPlaceThatNamesOne(t *testing.T) {
	p := lay(t)
	write(t, p.Machine, "[[contact]]\nfor = \"mail\"\nemail = \"m@example.org\"\n[[contact]]\nfor = \"administrator\"\nname = \"Local\"\n")
	write(t, filepath.Join(p.Folder, "1.toml"), "[[contact]]\nfor = \"administrator\"\nname = \"Desk\"\nphone = \"1\"\n")
	got := load(t, p)
	for kind, want := range map[Help]string{HelpAdministrator: "Desk, 1", HelpMail: "m@example.org", HelpCardIssuer: ""} {
		if c, ok := got.Contact(kind); c.String() != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", kind, c, ok, want)
		}
	}
}

// allowedByFuzz fails when a foreign text makes an origin that no policy could.
func allowedByFuzz(t *testing.T, d document) {
	t.Helper()
	p, problems := merge([]document{d})
	if len(problems) > 0 {
		return
	}
	for _, url := range p.Origins() {
		if err := weborigin.CheckEntry(url); err != nil {
			t.Errorf("allowed %q: %v", url, err)
		}
	}
}

func FuzzAProfileNeverAllowsWhatTOMLWouldNot(f *testing.F) {
	f.Add([]byte(plistOf(`<key>origin</key><array><dict><key>url</key><string>https://a.example</string></dict></array>`)))
	f.Add([]byte(plistOf(`<key>PayloadContent</key><array><dict><key>PayloadType</key><string>` + ProfileID + `</string></dict></array>`)))
	f.Add([]byte("bplist00"))
	f.Add([]byte(`{"listen" = {"port" = 1; }; }`))
	f.Fuzz(func(t *testing.T, text []byte) {
		tree, err := parseProfile(text)
		if err == nil {
			allowedByFuzz(t, document{level: ByPolicy, tree: tree, line: noLines, alone: true})
		}
	})
}

func FuzzARegistryTextStaysWithinItsRecord(f *testing.F) {
	f.Add("https://a.example", `rights = ["sign"]`)
	f.Add("https://a.example", "group = \"a\"}\n[removal]\naction = \"none\"\nx = {")
	f.Fuzz(func(t *testing.T, id, text string) {
		key := Key{Keys: map[string]Key{"origin": {Values: map[string]any{id: text}}}}
		tree, problems := key.tree("HKLM", "")
		if list, ok := tree["origin"].([]any); len(tree) != 1 || len(problems) == 0 && (!ok || len(list) != 1) {
			t.Fatalf("%q became %v", text, tree)
		}
		allowedByFuzz(t, document{level: ByPolicy, tree: tree, line: noLines, alone: true})
	})
}
