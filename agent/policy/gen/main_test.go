package main

import (
	"context"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/stricttoml"
)

func generated(t *testing.T) map[string]string {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range generated(t) {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is out of date: run go generate in agent/policy", name)
		}
	}
}

// sameAsShown compares the values of a policy with what the table shows.
func sameAsShown(t *testing.T, p *policy.Policy, err error, rows []policy.Setting) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, s := range rows {
		text += s.Name + " = " + s.Shown() + "\n"
	}
	want, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range p.Effective() {
		got, want := policy.FormatTOML(e.Value), policy.FormatTOML(want.Effective()[i].Value)
		if got != want || e.From == nil {
			t.Errorf("%s is %s from %v, want %s", e.Setting.Name, got, e.From, want)
		}
	}
}

func TestWhatTheSampleFileShowsIsWhatTheTableShows(t *testing.T) {
	text := regexp.MustCompile(`(?m)^#([a-z\[])`).ReplaceAllString(generated(t)[sampleFile], "$1")
	p, err := policy.Parse([]byte(text))
	// A file shows each field of a record once.
	rows := policy.Settings()
	for i, s := range rows {
		if s.Type != policy.Records {
			continue
		}
		fields := []string{}
		for _, f := range s.Fields {
			fields = append(fields, f.Name+" = "+f.Shown())
		}
		rows[i].Default = "[{" + strings.Join(fields, ", ") + "}]"
	}
	sameAsShown(t, p, err, rows)
	if p, err := policy.Parse([]byte(generated(t)[sampleFile])); err != nil || len(p.Origins()) != 0 || p.Effective()[1].From != nil {
		t.Errorf("as it is, it sets something: %v", err)
	}
}

func TestWhatTheProfileShowsIsWhatTheTableShows(t *testing.T) {
	text := generated(t)[profileFile]
	file := filepath.Join(t.TempDir(), "cardea.mobileconfig")
	check := func(text string) (*policy.Policy, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return policy.Check(file)
	}
	p, err := check(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range p.Effective() {
		if (e.From != nil) != (e.Setting.Default != "") {
			t.Errorf("%s: as it is, the profile has %s from %v", e.Setting.Name, policy.FormatTOML(e.Value), e.From)
		}
	}
	p, err = check(regexp.MustCompile(`<!-- example: (.*) -->`).ReplaceAllString(text, "$1"))
	sameAsShown(t, p, err, policy.Settings())
}

// template is what the editor of group policy reads of an ADMX file.
type template struct {
	Policies []struct {
		Name         string `xml:"name,attr"`
		Class        string `xml:"class,attr"`
		DisplayName  string `xml:"displayName,attr"`
		ExplainText  string `xml:"explainText,attr"`
		Key          string `xml:"key,attr"`
		ValueName    string `xml:"valueName,attr"`
		Presentation string `xml:"presentation,attr"`
		Category     struct {
			Ref string `xml:"ref,attr"`
		} `xml:"parentCategory"`
		SupportedOn struct {
			Ref string `xml:"ref,attr"`
		} `xml:"supportedOn"`
		Enabled  *switchValue `xml:"enabledValue"`
		Disabled *switchValue `xml:"disabledValue"`
		Elements struct {
			All []element `xml:",any"`
		} `xml:"elements"`
	} `xml:"policies>policy"`
	Supported []struct {
		Name        string `xml:"name,attr"`
		DisplayName string `xml:"displayName,attr"`
	} `xml:"supportedOn>definitions>definition"`
	Categories []struct {
		Name        string `xml:"name,attr"`
		DisplayName string `xml:"displayName,attr"`
	} `xml:"categories>category"`
}

type element struct {
	XMLName       xml.Name
	ID            string `xml:"id,attr"`
	Key           string `xml:"key,attr"`
	ValueName     string `xml:"valueName,attr"`
	ExplicitValue bool   `xml:"explicitValue,attr"`
	Min           int64  `xml:"minValue,attr"`
	Max           int64  `xml:"maxValue,attr"`
	Items         []struct {
		DisplayName string `xml:"displayName,attr"`
		String      string `xml:"value>string"`
	} `xml:"item"`
}

// texts are what the editor reads of an ADML file.
type texts struct {
	Strings []struct {
		ID   string `xml:"id,attr"`
		Text string `xml:",chardata"`
	} `xml:"resources>stringTable>string"`
	Presentations []struct {
		ID       string `xml:"id,attr"`
		Controls []struct {
			XMLName xml.Name
			RefID   string `xml:"refId,attr"`
			Default string `xml:"defaultValue,attr"`
			Item    *int   `xml:"defaultItem,attr"`
			Value   string `xml:"defaultValue"`
		} `xml:",any"`
	} `xml:"resources>presentationTable>presentation"`
}

func read[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := xml.NewDecoder(strings.NewReader(text)).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// key is a registry's key that a test fills.
type key struct{ policy.Key }

func (key) Name() string                             { return "HKLM" }
func (k key) Read() (policy.Key, error)              { return k.Key, nil }
func (key) Wait(ctx context.Context, _ func()) error { <-ctx.Done(); return ctx.Err() }

// set writes a value as the editor does.
func (k key) set(t *testing.T, path, name string, value any) {
	t.Helper()
	rest, ok := strings.CutPrefix(path, policy.RegistryPath)
	if !ok {
		t.Fatalf("%s is no key for Cardea", path)
	}
	at := k.Key
	for part := range strings.SplitSeq(strings.Trim(rest, `\`), `\`) {
		if part == "" {
			continue
		}
		inner, ok := at.Keys[part]
		if !ok {
			inner = newKey().Key
			at.Keys[part] = inner
		}
		at = inner
	}
	at.Values[name] = value
}

// switchValue is what a switch writes.
type switchValue struct {
	Decimal struct {
		Value uint64 `xml:"value,attr"`
	} `xml:"decimal"`
}

func newKey() key { return key{policy.Key{Values: map[string]any{}, Keys: map[string]policy.Key{}}} }

func TestWhatGroupPolicyWritesIsReadAsTheTableShows(t *testing.T) {
	admx := read[template](t, generated(t)[admxFile])
	rows := policy.Settings()
	if len(admx.Policies) != len(rows) {
		t.Fatalf("%d policies, %d settings", len(admx.Policies), len(rows))
	}
	registry := newKey()
	for i, p := range admx.Policies {
		s := rows[i]
		if p.Class == "Both" != (s.Scope == policy.Person) || p.Category.Ref != "Cardea" {
			t.Errorf("%s: %+v", s.Name, p)
		}
		tree, _, err := stricttoml.Read([]byte("v = " + s.Shown()))
		if err != nil {
			t.Fatal(err)
		}
		if s.Type == policy.Switch {
			chosen := map[string]*switchValue{"true": p.Enabled, "false": p.Disabled}[s.Shown()]
			registry.set(t, p.Key, p.ValueName, chosen.Decimal.Value)
			continue
		}
		if len(p.Elements.All) != 1 {
			t.Fatalf("%s: %+v", s.Name, p.Elements)
		}
		typeIn(t, registry, p.Key, p.Elements.All[0], s, tree["v"])
	}
	p, err := policy.Places{Registry: registry}.Load()
	sameAsShown(t, p, err, rows)
}

// typeIn does as the editor does with a value that somebody typed.
func typeIn(t *testing.T, registry key, path string, e element, s policy.Setting, v any) {
	t.Helper()
	switch e.XMLName.Local {
	case "enum":
		for _, item := range e.Items {
			if item.String == v {
				registry.set(t, path, e.ValueName, item.String)
				return
			}
		}
		t.Errorf("%s: %v is no item", s.Name, v)
	case "decimal":
		if e.Min != s.Min || e.Max != s.Max {
			t.Errorf("%s: from %d to %d", s.Name, e.Min, e.Max)
		}
		registry.set(t, path, e.ValueName, uint64(v.(int64)))
	case "text":
		registry.set(t, path, e.ValueName, v)
	case "multiText":
		var lines []string
		for _, item := range v.([]any) {
			lines = append(lines, item.(string))
		}
		registry.set(t, path, e.ValueName, lines)
	case "list":
		if !e.ExplicitValue {
			t.Errorf("%s: a value has no name", s.Name)
		}
		for _, record := range v.([]any) {
			fields := record.(map[string]any)
			name := fields[s.Fields[0].Name].(string)
			delete(fields, s.Fields[0].Name)
			registry.set(t, e.Key, name, strings.TrimSuffix(strings.TrimPrefix(inline(fields), "{"), " }"))
		}
	default:
		t.Errorf("%s: the element %s", s.Name, e.XMLName.Local)
	}
}

func TestEveryTextOfGroupPolicyIsThere(t *testing.T) {
	files := generated(t)
	adml := read[texts](t, files[admlFile])
	strs := map[string]string{}
	for _, s := range adml.Strings {
		if _, twice := strs[s.ID]; twice || s.Text == "" {
			t.Errorf("the text %s is there twice, or empty", s.ID)
		}
		strs[s.ID] = s.Text
	}
	for _, reference := range regexp.MustCompile(`\$\(string\.([^)]*)\)`).FindAllStringSubmatch(files[admxFile], -1) {
		if strs[reference[1]] == "" {
			t.Errorf("there is no text %s", reference[1])
		}
	}
	controls := map[string]string{"enum": "dropdownList", "decimal": "decimalTextBox", "text": "textBox", "multiText": "multiTextBox", "list": "listBox"}
	byID := map[string]int{}
	for i, p := range adml.Presentations {
		byID["$(presentation."+p.ID+")"] = i
	}
	for i, p := range read[template](t, files[admxFile]).Policies {
		s := policy.Settings()[i]
		if explain := strs[p.Name+"_Explain"]; !strings.Contains(explain, strings.ReplaceAll(s.Meaning, "`", "")) || strings.Contains(explain, "`") {
			t.Errorf("%s is explained as %q", s.Name, explain)
		}
		if s.Type == policy.Switch {
			continue
		}
		index, ok := byID[p.Presentation]
		if !ok || len(adml.Presentations[index].Controls) != 1 {
			t.Fatalf("%s has no presentation", s.Name)
		}
		control, e := adml.Presentations[index].Controls[0], p.Elements.All[0]
		if control.RefID != e.ID || control.XMLName.Local != controls[e.XMLName.Local] {
			t.Errorf("%s: %+v shows %+v", s.Name, control, e)
		}
		preset := control.Default + control.Value
		if control.Item != nil {
			preset = s.Choices[*control.Item]
		}
		if s.Type != policy.List && s.Default != "" && preset != strings.Trim(s.Default, `"`) {
			t.Errorf("%s is preset to %s, want %s", s.Name, preset, s.Default)
		}
	}
}

func TestTheTemplatesAreWellFormed(t *testing.T) {
	files := generated(t)
	for _, name := range []string{admxFile, admlFile, profileFile} {
		decoder := xml.NewDecoder(strings.NewReader(files[name]))
		for {
			_, err := decoder.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func TestTheChapterHasEverySettingWithWhatHoldsWithoutIt(t *testing.T) {
	page := generated(t)[pageFile]
	_, rest, _ := strings.Cut(page, chapterBegin)
	text, _, _ := strings.Cut(rest, chapterEnd)
	cells := map[string][]string{}
	for line := range strings.Lines(text) {
		if parts := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | "); len(parts) == 6 {
			cells[strings.Trim(parts[0], " `")] = parts
		}
	}
	n := 2 // the head
	expect := func(name string, s policy.Setting) {
		n++
		row := cells[name]
		if row == nil || !strings.Contains(row[3], s.Meaning) || s.Default != "" && row[2] != "`"+s.Default+"`" || !strings.Contains(row[5], s.Since) {
			t.Errorf("the row of %s is %q", name, row)
		}
	}
	for _, s := range policy.Settings() {
		expect(s.Name, s)
		for _, f := range s.Fields {
			expect(s.Name+"."+f.Name, f)
		}
	}
	if got := strings.Count(strings.TrimSpace(text), "\n") + 1; got != n {
		t.Error("the table has " + strconv.Itoa(got) + " lines")
	}
}

// inline writes what the tests' records have as TOML has it between braces.
func inline(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var all []string
		for name, inner := range v {
			all = append(all, name+" = "+inline(inner))
		}
		return "{" + strings.Join(all, ", ") + " }"
	case []any:
		var all []string
		for _, inner := range v {
			all = append(all, inline(inner))
		}
		return "[" + strings.Join(all, ", ") + "]"
	case string:
		return policy.FormatTOML(v)
	}
	return ""
}
