package policy

import "testing"

func TestWhoCanActIsFoundByTheProtocolsWord(t *testing.T) {
	p, err := Parse([]byte("[[contact]]\nfor = \"administrator\"\nname = \"Service desk\"\nemail = \"it@example.org\"\n" +
		"[[contact]]\nfor = \"cardIssuer\"\nphone = \"01234 567890\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]string{
		"admin": "Service desk, it@example.org", "card-issuer": "01234 567890", "user": "", "site": "", "": "",
	} {
		if got := p.WhoHelps(who); got != want {
			t.Errorf("%s: %q, want %q", who, got, want)
		}
	}
}
