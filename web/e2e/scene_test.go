//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/store"
)

// scene is one test at the desk: an agent, a site, and a page of it.
type scene struct {
	t    *testing.T
	desk *desk
	*page

	agent *program
	port  string // of the agent
	site  net.Listener
	gates *gates // of the site
	people
	asked int // the place in the tray's log behind what was waited for
}

// newScene opens the sign-in page of the listed site, which may reach the agent.
func newScene(t *testing.T, b browser, changes ...asking) *scene {
	t.Helper()
	return setScene(t, b, listedName, allowed, changes...)
}

func setScene(t *testing.T, b browser, name string, answer loopback, changes ...asking) *scene {
	t.Helper()
	s := &scene{t: t, desk: open(t), port: "0", people: newPeople(t)}
	s.site = listen(t)
	s.asked = s.desk.tray.log.length()
	s.startAgent()
	s.agentWrote("tray connected")
	s.t.Cleanup(func() { s.agent.stop() }) // the one that runs then
	s.t.Cleanup(func() {
		for i, r := range s.desk.readers {
			r.Remove()
			s.desk.awaitReader(t, i, false) // or the next agent would see this card
		}
	})
	s.gates = s.desk.serve(t, s.site, name, atoi(s.port), s.people, changes...)
	s.page = s.desk.newPage(t, b)
	s.t.Cleanup(func() { // before the page goes
		if t.Failed() {
			s.desk.picture(t, "failed-"+t.Name())
		}
	})
	if c, is := s.tab.(*chromiumTab); is {
		s.do("set the permission", func(ctx context.Context) error {
			return c.setLoopback(ctx, origin(name, s.site), answer)
		})
	}
	s.goTo(origin(name, s.site) + "/")
	return s
}

func atoi(port string) (n int) {
	_, _ = fmt.Sscan(port, &n)
	return n
}

// startAgent starts the agent, on the port that it had before.
func (s *scene) startAgent() {
	s.t.Helper()
	policy := filepath.Join(s.t.TempDir(), "policy.toml")
	text := fmt.Sprintf("[removal]\naction = \"lock\"\ngrace = \"10m\"\n[[origin]]\nurl = %q\nrights = [\"authenticate\", \"sign\"]\n", origin(listedName, s.site))
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	var err error
	s.agent, err = s.desk.run(filepath.Join(s.desk.bin, "cardea-agent"), "run", "--verbose",
		"--listen", "127.0.0.1:"+s.port, "--policy", policy, "--prompt-socket", s.desk.socket())
	if err != nil {
		s.t.Fatal(err)
	}
	line := s.agentWrote("msg=listening address=127.0.0.1:")
	s.port = strings.Fields(line[strings.Index(line, "127.0.0.1:")+len("127.0.0.1:"):])[0]
}

// agentWrote waits until the agent that runs wrote a text.
func (s *scene) agentWrote(text string) string {
	s.t.Helper()
	return s.agentWroteAfter(s.agent.place, text)
}

func (s *scene) agentWroteAfter(place int, text string) string {
	s.t.Helper()
	line, err := s.agent.wroteAfter(place, text)
	if err != nil {
		s.t.Fatal(err)
	}
	return line
}

// insertCard puts a new card of a person into the first reader.
func (s *scene) insertCard(holder string, changes ...func(*virtual.Profile)) *virtual.Card {
	s.t.Helper()
	card := s.newCard(holder, changes...)
	s.desk.insert(s.t, 0, card)
	return card
}

// knowsCards waits until the agent has read n cards: the page says that one is
// ready when the first is.
func (s *scene) knowsCards(n int) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("the agent knows %d cards", n), func() bool {
		return get[int](s.page, `(async () => {
			const { connect } = await import("/assets/cardea.js");
			const own = await connect({ port: Number(document.body.dataset.agentPort), reconnect: false });
			try {
				return (await own.status()).readers.filter((reader) => reader.card?.known).length;
			} finally {
				own.close();
			}
		})()`) == n
	}, s.show)
}

// newCard makes a card and registers it to an account of its holder.
func (s *scene) newCard(holder string, changes ...func(*virtual.Profile)) *virtual.Card {
	s.t.Helper()
	card := s.unregistered(holder, changes...)
	s.add(s.t, holder, store.RoleUser)
	s.register(s.t, holder, s.desk.cards.Certificate.Subject.CommonName, card)
	return card
}

// unregistered makes a card that no site knows.
func (s *scene) unregistered(holder string, changes ...func(*virtual.Profile)) *virtual.Card {
	withPIN := func(p *virtual.Profile) { p.PIN = s.desk.canary }
	return virtual.NewCard(s.desk.cards, virtual.P256(holder).With(append(changes, withPIN)...))
}

// signIn signs the holder of the card in the reader in.
func (s *scene) signIn() {
	s.t.Helper()
	s.reads("status", "Your card is ready.")
	s.signInUnseen()
}

// signInUnseen is signIn on a page that a browser has kept from the agent: it
// learns of the card with the click.
func (s *scene) signInUnseen() {
	s.t.Helper()
	s.press("signin")
	s.askedPIN()
	s.typePIN(s.desk.canary)
	s.at("/home")
	s.stands("present")
}

// signInByPassword signs somebody in, who has an account.
func (s *scene) signInByPassword(name string) {
	s.t.Helper()
	s.fill("email", emailOf(name))
	s.fill("password", password)
	s.press("signin-password")
	s.at("/home")
}

// signOut signs out of the page and waits for the sign-in page.
func (s *scene) signOut() {
	s.t.Helper()
	s.press("signout")
	s.at("/")
	s.reads("ended", "You are signed out.")
}

// fill types into the field with an id, in place of what is in it.
func (s *scene) fill(id, text string) {
	s.t.Helper()
	s.press(id)
	until(s.t, "#"+id+" has the keyboard", func() bool {
		return get[bool](s.page, fmt.Sprintf(`document.hasFocus() && document.activeElement.id === %q`, id))
	}, s.show)
	s.desk.keys(s.t, "ctrl+a")
	s.desk.write(s.t, text)
	until(s.t, "what is typed is in #"+id, func() bool {
		return get[string](s.page, fmt.Sprintf(`document.getElementById(%q).value`, id)) == text
	}, s.show)
}

// mailed waits until the latest mail has these words.
func (s *scene) mailed(words ...string) {
	s.t.Helper()
	var text string
	until(s.t, "a mail is sent", func() bool {
		sent, err := filepath.Glob(filepath.Join(s.mails, "*.eml"))
		if err != nil || len(sent) == 0 {
			return false
		}
		raw, err := os.ReadFile(sent[len(sent)-1])
		text = string(raw)
		return err == nil && containsAll(text, words)
	}, func() string { return text })
}

func containsAll(text string, words []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// keep keeps pictures of the screen and of the page.
func (s *scene) keep(name string) {
	s.t.Helper()
	s.keepOf(s.page, name)
}

// keepOf is keep while another page than the scene's is shown.
func (s *scene) keepOf(shown *page, name string) {
	s.t.Helper()
	if _, is := s.tab.(*firefoxTab); is {
		name = "firefox-" + name
	}
	s.desk.picturePage(shown, name) // draws what is new; the screen shows it then
	s.desk.picture(s.t, name)
}
