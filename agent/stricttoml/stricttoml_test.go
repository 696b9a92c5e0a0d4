package stricttoml

import (
	"strings"
	"testing"
	"time"
)

type sample struct {
	Removal struct {
		Action string `toml:"action"`
		Grace  *span  `toml:"grace"`
	} `toml:"removal"`
	Origin []struct {
		URL    string   `toml:"url"`
		Rights []string `toml:"rights"`
	} `toml:"origin"`
	Files map[string][]string `toml:"files"`
}

type span time.Duration

func (s *span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	*s = span(d)
	return err
}

func TestWhatIsWrittenAsDocumentedIsRead(t *testing.T) {
	var s sample
	err := Decode([]byte("removal = {action = \"lock\", grace = \"5m\"}\n[[origin]]\nurl = \"a\"\n[[origin]]\nurl = \"b\"\nrights = []\n[files]\nLinux = [\"x\"]\n"), &s)
	if err != nil {
		t.Fatal(err)
	}
	if s.Removal.Action != "lock" || time.Duration(*s.Removal.Grace) != 5*time.Minute || len(s.Origin) != 2 ||
		s.Origin[0].Rights != nil || s.Origin[1].Rights == nil || s.Files["Linux"][0] != "x" {
		t.Errorf("got %+v", s)
	}
}

func TestAnyOtherNameIsRefusedAndTheNearestIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"[Removal]\naction = \"lock\"":                     "there is no setting Removal: the nearest is removal",
		"[removal]\nACTION = \"lock\"":                     "there is no setting removal.ACTION: the nearest is removal.action",
		"removal = {Grace = \"1m\"}":                       "there is no setting removal.Grace: the nearest is removal.grace",
		"[[origin]]\nurl = \"a\"\n[[origin]]\nURL = \"b\"": "there is no setting origin.URL: the nearest is origin.url",
		"[removal]\nactions = \"lock\"":                    "there is no setting removal.actions: the nearest is removal.action",
		"[[origins]]\nurl = \"a\"":                         "there is no setting origins: the nearest is origin",
		"[removal]\naction = \"a\"\nAction = \"b\"":        "there is no setting removal.Action",
		"telemetry = true":                                 "there is no setting telemetry",
		"[removal]\naction = 3":                            "line 2",
		"removal = 3":                                      "line 1",
		"[removal":                                         "line 1",
		"[removal]\ngrace = \"soon\"":                      "soon",
	} {
		var s sample
		err := Decode([]byte(text), &s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %q in it", text, err, want)
		}
		if want == "there is no setting telemetry" && strings.Contains(err.Error(), "nearest") {
			t.Errorf("something is said to be near: %v", err)
		}
	}
}

func TestEachNameHasItsLine(t *testing.T) {
	_, lines, err := Read([]byte("a = 1\n[t]\nb = [\n  1,\n  2]\nc.d = {e = 3, f = {g = 4}}\n\n[[l]]\nx = 1\n[l.in]\ny = 1\n[[l]]\nx = [{z = 2}]\n[[l.deep]]\n[[l.deep]]\nw = 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{
		"a": 1, "t": 2, "t.b": 3, "t.c.d": 6, "t.c.d.e": 6, "t.c.d.f.g": 6, "l": 8, "l[0]": 8, "l[0].x": 9, "l[0].in.y": 11,
		"l[1]": 12, "l[1].x": 13, "l[1].x[0].z": 13, "l[1].deep[1].w": 16, "l[1].missing": 12, "t.b[7]": 3, "missing": 0, "": 0,
	} {
		if got := lines.Of(name); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	if _, _, err := Read([]byte("a = 1\nb")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("no TOML: got %v", err)
	}
}
