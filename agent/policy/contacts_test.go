package policy

import (
	"strings"
	"testing"
)

func TestContactsAreNamedByWhoCanAct(t *testing.T) {
	p, err := Parse([]byte("[contact]\nadmin = \"IT service desk, 020 7946 0000\"\ncardIssuer = \"Swyddfa cardiau, ystafell 12\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{
		"admin": "IT service desk, 020 7946 0000", "card-issuer": "Swyddfa cardiau, ystafell 12", "site": "", "user": "",
	} {
		if got := p.Contact(kind); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}

func TestAContactIsOneLineThatAWindowCanShow(t *testing.T) {
	for text, want := range map[string]string{
		`""`:         "is empty",
		`"a\nb"`:     "one line",
		`"a\u202eb"`: "one line", // right-to-left override
		`"` + strings.Repeat("é", maxContact+1) + `"`: "at most",
	} {
		if _, err := Parse([]byte("[contact]\nadmin = " + text + "\n")); err == nil || !strings.Contains(err.Error(), "contact.admin") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
