package choices

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
)

const origin = "https://portal.example"

func key(name string) signin.Key {
	return signin.Key{Certificate: &x509.Certificate{Raw: []byte(name)}}
}

// keep is a File and what it logged.
func keep(t *testing.T) (*File, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	return New(filepath.Join(t.TempDir(), "cardea", "choices.json"), slog.New(slog.NewTextHandler(&log, nil))), &log
}

func TestAChoiceHoldsForItsSiteAndForJustTheKeysThatWereOffered(t *testing.T) {
	f, log := keep(t)
	anna, bill, carol := key("anna"), key("bill"), key("carol")
	offered := []signin.Key{anna, bill}
	if got := f.Chosen(origin, offered); got != -1 {
		t.Errorf("before any choice: %d", got)
	}
	f.Remember(origin, offered, 1)
	for name, c := range map[string]struct {
		origin  string
		offered []signin.Key
		want    int
	}{
		"the same":                  {origin, offered, 1},
		"in another order":          {origin, []signin.Key{bill, anna}, 0},
		"another site":              {"https://other.example", offered, -1},
		"a card more":               {origin, []signin.Key{anna, bill, carol}, -1},
		"another card":              {origin, []signin.Key{anna, carol}, -1},
		"a renewed certificate":     {origin, []signin.Key{anna, key("bill, renewed")}, -1},
		"the chosen one's alone":    {origin, []signin.Key{bill}, -1},
		"the chosen one twice":      {origin, []signin.Key{anna, bill, bill}, -1},
		"nothing is offered at all": {origin, nil, -1},
	} {
		if got := New(f.path, f.log).Chosen(c.origin, c.offered); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
	f.Remember(origin, offered, 0)
	if got := f.Chosen(origin, offered); got != 0 {
		t.Errorf("after another choice: %d", got)
	}
	f.Remember(origin, []signin.Key{bill, bill}, 0)
	if got := f.Chosen(origin, []signin.Key{bill, bill}); got != -1 {
		t.Errorf("one certificate in two places: %d", got)
	}
	f.Forget(origin, offered)
	if got := f.Chosen(origin, offered); got != -1 {
		t.Errorf("after it was taken back: %d", got)
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", log)
	}
}

func TestTheFileIsThePersonsOwnAndHoldsNoName(t *testing.T) {
	f, _ := keep(t)
	k := key("anna")
	k.Certificate.Subject.CommonName = "Anna Example"
	f.Remember(origin, []signin.Key{k, key("bill")}, 0)
	text, err := os.ReadFile(f.path)
	if err != nil || bytes.Contains(text, []byte("Anna")) || bytes.Contains(text, []byte("anna")) {
		t.Errorf("got %s, %v", text, err)
	}
	if info, err := os.Stat(f.path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(f.path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	if got := f.Chosen(origin, []signin.Key{k, key("bill")}); got != -1 {
		t.Errorf("the file is gone, and %d is remembered", got)
	}
}

func TestTheOldestChoiceGoesWhenThereAreTooMany(t *testing.T) {
	f, _ := keep(t)
	offered := []signin.Key{key("a"), key("b")}
	site := func(n int) string { return fmt.Sprintf("https://s%d.example", n) }
	for n := range maxChoices + 1 {
		f.Remember(site(n), offered, 0)
	}
	if f.Chosen(site(0), offered) != -1 || f.Chosen(site(1), offered) != 0 || f.Chosen(site(maxChoices), offered) != 0 {
		t.Error("it is not the oldest that is gone")
	}
	if info, err := os.Stat(f.path); err != nil || info.Size() > maxBytes {
		t.Errorf("got %v, %v", info.Size(), err)
	}
}

func TestADamagedFileRemembersNothingAndIsReplaced(t *testing.T) {
	offered := []signin.Key{key("a"), key("b")}
	for name, text := range map[string]string{
		"cut off":         `{"version":1,"choices":[`,
		"another version": `{"version":2,"choices":[]}`,
		"another name":    `{"version":1,"choices":[],"pin":"1"}`,
		"empty":           ``,
		"too long":        `{"version":1,"choices":[]` + strings.Repeat(" ", maxBytes) + `}`,
	} {
		f, log := keep(t)
		if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := f.Chosen(origin, offered); got != -1 || !strings.Contains(log.String(), "the person is asked") {
			t.Errorf("%s: got %d, logged %s", name, got, log)
		}
		f.Remember(origin, offered, 1)
		if got := f.Chosen(origin, offered); got != 1 {
			t.Errorf("%s: it stays damaged", name)
		}
	}
}

func TestAChoiceThatCannotBeKeptIsLoggedAndNothingElse(t *testing.T) {
	f, log := keep(t)
	f.path = filepath.Join(os.DevNull, "choices.json")
	f.Remember(origin, []signin.Key{key("a"), key("b")}, 1)
	if !strings.Contains(log.String(), "a choice cannot be kept") {
		t.Errorf("logged %q", log)
	}
}
