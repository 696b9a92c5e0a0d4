//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machine is a computer of its own as far as browsers' policies go: its programs
// have an /etc and a /var/lib that others do not see.
type machine struct {
	*scene
	dir    string
	own    *desk // whose browsers are these programs
	policy string
}

// newMachine makes one for the scene's site. Its policies are as given, by path.
func newMachine(s *scene, policies map[string]string) *machine {
	s.t.Helper()
	if os.Getuid() != 0 || exec.Command("unshare", "--mount", "true").Run() != nil {
		s.t.Skip("only root can give a program an /etc of its own")
	}
	m := &machine{scene: s, dir: s.t.TempDir()}
	m.must(os.Mkdir(filepath.Join(m.dir, "lib"), 0o755))
	if out, err := exec.Command("cp", "-a", "/etc", m.dir).CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	for name, text := range policies {
		m.must(os.MkdirAll(filepath.Dir(m.file(name)), 0o755))
		m.must(os.WriteFile(m.file(name), []byte(text), 0o644))
	}
	m.policy = filepath.Join(m.dir, "policy.toml")
	m.must(os.WriteFile(m.policy, fmt.Appendf(nil,
		"browserPolicy.browsers = [\"chromium\", \"firefox\"]\n[[origin]]\nurl = %q\n", origin(listedName, s.site)), 0o600))
	own := *s.desk
	own.running, own.browsers = nil, nil
	m.own = &own
	s.t.Cleanup(m.stopBrowsers)
	return m
}

func (m *machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// file is where a file of the machine's /etc is.
func (m *machine) file(path string) string { return filepath.Join(m.dir, path) }

// within is a program that runs another on the machine.
func (m *machine) within(program string) string {
	m.t.Helper()
	path := filepath.Join(m.dir, filepath.Base(program))
	script := fmt.Sprintf("#!/bin/sh\nexec unshare --mount sh -c 'mount --bind %s/etc /etc && mount --bind %[1]s/lib /var/lib && exec \"$0\" \"$@\"' %s \"$@\"\n",
		m.dir, program)
	m.must(os.WriteFile(path, []byte(script), 0o755))
	return path
}

// tell runs cardea-agent browser-policy.
func (m *machine) tell(flag string) string {
	m.t.Helper()
	cmd := exec.Command(m.within(filepath.Join(m.desk.bin, "cardea-agent")), "browser-policy", flag, "--policy", m.policy)
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// open shows the scene's site in a browser of the machine, with a new profile.
func (m *machine) open(start func(path string) (browser, error), names []string) {
	m.t.Helper()
	path, err := find(names)
	m.must(err)
	m.own.dir = m.t.TempDir()
	m.must(os.Mkdir(m.own.home(), 0o700))
	m.own.env = slices.Concat(m.desk.env, []string{"HOME=" + m.own.home()})
	b, err := start(m.within(path))
	m.must(err)
	m.own.browsers = []browser{b}
	m.page = m.own.newPage(m.t, b)
	m.goTo(origin(listedName, m.site) + "/")
}

// stopBrowsers ends the machine's browsers, and what of them is in its way.
func (m *machine) stopBrowsers() {
	for _, b := range m.own.browsers {
		b.close()
	}
	for _, p := range m.own.running {
		p.stop()
	}
	m.own.browsers, m.own.running = nil, nil
}

// permission is what the browser says of pages that want to reach this computer.
const permission = `navigator.permissions.query({name: "loopback-network"}).then((p) => p.state)`

func (m *machine) permissionIs(want string) {
	m.t.Helper()
	until(m.t, "the permission is "+want, func() bool { return get[string](m.page, permission) == want }, func() string {
		return get[string](m.page, permission)
	})
}

// reloadPolicies has Chromium read its policies again, as its page about them can,
// and shows the site in a new page. By itself it looks at changed files too, but
// overlooks some, and reads all of them only every quarter of an hour.
func (m *machine) reloadPolicies() {
	m.t.Helper()
	policies := m.own.newPage(m.t, m.own.browsers[0])
	policies.goTo("chrome://policy")
	const reload = `(() => {
		const find = (root) => root.querySelector("#reload-policies") ??
			[...root.querySelectorAll("*")].filter((e) => e.shadowRoot).map((e) => find(e.shadowRoot)).find(Boolean);
		const button = find(document);
		button?.click();
		return Boolean(button);
	})()`
	until(m.t, "policies can be read again", func() bool { return get[bool](policies, reload) }, policies.show)
	m.page = m.own.newPage(m.t, m.own.browsers[0])
	m.goTo(origin(listedName, m.site) + "/")
}

func TestBrowserPolicyFreesThePageInChromiumUntilItIsTakenBack(t *testing.T) {
	inChromium(t, func(t *testing.T, b browser) {
		m := newMachine(newScene(t, b), nil)
		m.open(m.own.startChromium, chromiumNames)
		m.insertCard("Robin Example")
		gated := func() {
			m.permissionIs("prompt")
			m.press("signin")
			m.browserAsks()
			m.desk.keys(t, "Escape")
			m.fails("loopbackDismissed", "choose Allow.")
		}
		gated()
		m.keep("browser-policy-1-gated")

		if out := m.tell("--apply"); !strings.Contains(out, "added "+origin(listedName, m.site)) {
			t.Fatalf("it says %s", out)
		}
		m.reloadPolicies()
		m.permissionIs("granted")
		m.signInUnseen()
		m.keep("browser-policy-2-free")

		before := m.file("etc/chromium")
		m.tell("--remove")
		if left, err := os.ReadDir(before); err != nil || len(left) != 1 {
			t.Errorf("left are %v, %v", left, err)
		}
		m.reloadPolicies()
		gated()
	})
}

func TestBrowserPolicyFreesThePageInFirefoxUntilItIsTakenBack(t *testing.T) {
	inFirefox(t, func(t *testing.T, b browser) {
		s := newScene(t, b)
		const file = "etc/firefox/policies/policies.json"
		before := fmt.Sprintf(`{
  "policies": {
    "Preferences": {
      "network.lna.enabled": {"Value": true},
      "network.lna.blocking": {"Value": true},
      "network.lna.websocket.enabled": {"Value": true},
      "network.lna.prompt.timeout": {"Value": 500},
      "network.lna.address_space.public.override": {"Value": %q}
    }
  }
}
`, s.site.Addr())
		m := newMachine(s, map[string]string{file: before})
		// Firefox asks as soon as the page looks for Cardea, and takes its question
		// for answered with no after that time.
		m.insertCard("Robin Example")
		gated := func() {
			m.open(m.own.startFirefox, firefoxNames)
			m.permissionIs("prompt")
			m.reads("status", "Cardea does not answer on this computer.")
			m.stopBrowsers()
		}
		gated()

		if out := m.tell("--apply"); !strings.Contains(out, "added "+listedName) {
			t.Fatalf("it says %s", out)
		}
		m.open(m.own.startFirefox, firefoxNames)
		m.reads("status", "Your card is ready.")
		m.signIn()
		m.stopBrowsers()

		m.tell("--remove")
		if after, err := os.ReadFile(m.file(file)); err != nil || string(after) != before {
			t.Errorf("the file is\n%s\n%v", after, err)
		}
		gated()
	})
}

// inFirefox is inChromium for the other browser.
func inFirefox(t *testing.T, scene func(t *testing.T, b browser)) {
	t.Helper()
	for _, b := range open(t).browsers {
		if f, is := b.(firefox); is {
			scene(t, f)
		}
	}
}
