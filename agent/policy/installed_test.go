package policy

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// told are places where nothing but what the installer was told is written.
func told(values map[string]any) Places {
	return Places{Installed: &fakeRegistry{"HKLM", &Key{Values: values}}}
}

func TestWhatTheInstallerWasToldIsReadWithAllItsTypes(t *testing.T) {
	p := load(t, told(map[string]any{
		"origin":                  `https://a.example; https://b.example {rights = ['sign', 'authenticate'], group = "x;}"} ;`,
		"origins.ask":             "1",
		"removal.action":          "signOut",
		"removal.grace":           "5m",
		"removal.onLock":          "",
		"listen.port":             "24800",
		"contact":                 "administrator {name = 'Desk; 1st floor', phone = '123'}; cardIssuer {email = 'cards@example.org'}",
		"certificate.issuers":     "Example CA 1;Example CA 2",
		"browserPolicy.browsers":  "none",
		"certificate.notKeyUsage": " nonRepudiation ",
	}))
	if got, _ := p.Rights("https://b.example"); !slices.Equal(got, []string{Sign, Authenticate}) {
		t.Errorf("rights are %q", got)
	}
	if got := p.Origins(); !slices.Equal(got, []string{"https://a.example", "https://b.example"}) {
		t.Errorf("origins are %q", got)
	}
	if c, _ := p.Contact(HelpAdministrator); c.Name != "Desk; 1st floor" || c.Phone != "123" {
		t.Errorf("the administrator is %+v", c)
	}
	removal := p.Removal("https://a.example")
	if !p.AskOrigins() || p.Port() != 24800 || len(p.Browsers()) != 0 || removal.Action != "signOut" || removal.Grace != 5*time.Minute || removal.OnLock {
		t.Errorf("got %v", p.Effective())
	}
	for name, want := range map[string]string{
		"certificate.issuers":     `["Example CA 1", "Example CA 2"] machine:HKLM:0`,
		"certificate.notKeyUsage": `["nonRepudiation"] machine:HKLM:0`,
		"removal.onLock":          "false",
	} {
		if got := from(t, p, name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestEverySettingCanBeToldToTheInstallerAndOthersDecideBeforeIt(t *testing.T) {
	properties := map[string]bool{}
	for _, row := range Settings() {
		if row.Property == "" || row.Property != strings.ToUpper(row.Property) || properties[row.Property] {
			t.Errorf("%s has the property %q, want one of its own in capitals", row.Name, row.Property)
		}
		properties[row.Property] = true
	}
	p := lay(t)
	p.Installed = &fakeRegistry{"HKLM", &Key{Values: map[string]any{"removal.action": "none", "origin": "https://a.example"}}}
	if got := from(t, load(t, p), "removal.action"); got != `"none" machine:HKLM:0` {
		t.Errorf("alone: got %s", got)
	}
	write(t, p.Machine, "removal.action = \"signOut\"\norigin = [{url = \"https://b.example\"}]")
	write(t, p.User, "removal.action = \"lock\"")
	loaded := load(t, p)
	if got := from(t, loaded, "removal.action"); got != `"signOut" machine:policy.toml:1` {
		t.Errorf("with the computer's own file: got %s", got)
	}
	if got := loaded.Origins(); !slices.Equal(got, []string{"https://b.example", "https://a.example"}) {
		t.Errorf("origins are %q", got)
	}
}

func TestWhatTheInstallerWasToldWronglyIsRefusedByName(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"removal.actoin", "none", "HKLM: there is no setting removal.actoin"},
		{"removal.action", "None", `HKLM: removal.action: must be none, lock or signOut, not "None"`},
		{"removal.onLock", "yes", "HKLM: removal.onLock: must be 1 or 0"},
		{"listen.port", "x", "HKLM: listen.port: must be a number from 1 to 65535"},
		{"listen.port", uint64(1), "HKLM: listen.port: must be a text, as the installer writes it"},
		{"origin", "https://a.example {rights}", "HKLM: origin: of https://a.example: must be as in {rights ="},
		{"origin", "https://a.example {group = 'x'", "HKLM: origin: of https://a.example: must be as in"},
		{"origin", "https://a.example {group = 'x'} {group = 'y'}", "HKLM: origin: of https://a.example: must be as in"},
		{"origin", "http//a.example", "HKLM: origin.url: "},
		{"origin", "https://a.example;https://a.example", `HKLM: origin.url: "https://a.example" is named twice`},
		{"certificate.issuers", ";", "HKLM: certificate.issuers: names none"},
		{"certificate.issuers", " ; ", "HKLM: certificate.issuers: names none"},
	} {
		_, err := told(map[string]any{c.name: c.value}).Load()
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s = %v: got %v, want %s", c.name, c.value, err, c.want)
		}
	}
}

// FuzzATextOfTheInstallerStaysWithinItsSetting: whatever a property says sets
// its own setting and no other one.
func FuzzATextOfTheInstallerStaysWithinItsSetting(f *testing.F) {
	f.Add("https://a.example {rights = ['sign']}; https://b.example")
	f.Add("}\norigins.ask = {")
	f.Add("https://a.example {group = 'a;b', group = \"}\"};;{")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := told(map[string]any{"origin": text}).Load()
		if err != nil {
			return
		}
		for _, e := range p.Effective() {
			if e.From != nil && e.Setting.Name != "origin" {
				t.Errorf("%q sets %s", text, e.Setting.Name)
			}
		}
		again, err := told(map[string]any{"origin": text}).Load()
		if err != nil || !reflect.DeepEqual(again.Origins(), p.Origins()) {
			t.Errorf("%q is read in two ways", text)
		}
	})
}
