//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// letPeopleDecide starts the agent again, with a policy that lists one site and
// has people asked about others. It returns the file of their answers.
func (s *scene) letPeopleDecide() (answers string) {
	s.t.Helper()
	folder := s.t.TempDir()
	policy, answers := filepath.Join(folder, "policy.toml"), filepath.Join(folder, "origins.json")
	text := fmt.Sprintf("[[origin]]\nurl = %q\n[origins]\nask = true\n", origin(listedName, s.site))
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.agent.stop()
	var err error
	s.agent, err = s.desk.run(filepath.Join(s.desk.bin, "cardea-agent"), "run", "--verbose", "--listen", "127.0.0.1:"+s.port,
		"--policy", policy, "--origins", answers, "--prompt-socket", s.desk.socket())
	if err != nil {
		s.t.Fatal(err)
	}
	s.agentWrote("tray connected")
	return answers
}

func TestASiteThatNobodyListedIsLetInByItsPerson(t *testing.T) {
	eachBrowser(t, func(t *testing.T, b browser) {
		s := setScene(t, b, unlistedName, allowed)
		site := origin(unlistedName, s.site)
		answers := s.letPeopleDecide()
		card := s.insertCard("Robin Example")

		s.press("signin")
		s.fails("originRefused", "Cardea does not accept this site.") // at once
		s.askedPIN()                                                  // the same window, with another question
		s.keep("origin-asked")
		s.desk.keys(t, "shift+Tab", "space") // from No to Allow
		s.notAsked()
		if line := s.agentWrote("the person was asked about a site"); !strings.Contains(line, "outcome=ok") {
			t.Errorf("the agent heard something else: %s", line)
		}
		if pinsSeen(card) != 0 {
			t.Error("the card was asked before the site was let in")
		}

		s.signIn() // the next click
		s.notAsked()
		s.press("signout")
		s.at("/")

		said, err := s.desk.command(filepath.Join(s.desk.bin, "cardea-agent"), "origins", "revoke", site, "--origins", answers)
		if err != nil || !strings.Contains(said, site+" may no longer use your smartcard") {
			t.Errorf("it cannot be taken back: %s, %v", said, err)
		}
		s.press("signin")
		s.failsSoon()
		if s.desk.pinWindowID() != "" {
			t.Error("the person is asked about a site that they have just taken back")
		}
	})
}

// failsSoon waits until the page says that it may not sign in, by whichever code:
// its connection was open when the site was taken back, or it has none.
func (s *scene) failsSoon() {
	s.t.Helper()
	until(s.t, "the page is refused", func() bool {
		code := get[string](s.page, `document.getElementById("error").dataset.code ?? ""`)
		return code == "notPermitted" || code == "originRefused"
	}, s.show)
}
