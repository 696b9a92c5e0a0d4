package verify

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/visitortest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// What this test program is when it is started again.
const (
	cardArg = "be-a-card" // in the guest's reader, until standard input ends
	// vpcd is where Debian's package has the reader's driver listen.
	vpcd = "127.0.0.1:35963"
)

func TestMain(m *testing.M) {
	visitortest.Main()
	if len(os.Args) == 3 && os.Args[1] == cardArg {
		slot := virtual.NewVPCD(vpcd)
		slot.Insert(virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256(os.Args[2])))
		_, _ = io.Copy(io.Discard, os.Stdin)
		slot.Remove()
		return
	}
	os.Exit(m.Run())
}

const site = "https://portal.example"

// debs are the packages of two versions, the older first.
func debs(t *testing.T) (older, newer string) {
	t.Helper()
	newer = built(t, "deb")
	older = filepath.Join(t.TempDir(), "older.deb")
	// The same files as version 0.0.1: what an upgrade must keep is not in them.
	tree := filepath.Join(t.TempDir(), "tree")
	output(t, "dpkg-deb", "--raw-extract", newer, tree)
	control := filepath.Join(tree, "DEBIAN", "control")
	lines := strings.Split(read(t, control), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "Version:") {
			lines[i] = "Version: 0.0.1"
		}
	}
	if err := os.WriteFile(control, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	output(t, "dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, older)
	return older, newer
}

// person is a user of the guest with a card, a tray and pages.
type person struct {
	g   *guest
	in  io.Writer
	out *bufio.Scanner
}

func (p person) does(line string) error {
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		return err
	}
	return p.hears("ok")
}

func (p person) hears(want string) error {
	if !p.out.Scan() {
		return fmt.Errorf("nothing came: %w", p.out.Err())
	}
	if got := p.out.Text(); got != want {
		return fmt.Errorf("%s", got)
	}
	return nil
}

// started runs this test program on the guest as something else.
func (g *guest) started(user string, args ...string) person {
	g.t.Helper()
	cmd := g.command("setpriv", append([]string{"--reuid", user, "--regid", user, "--clear-groups", "/opt/visitor"}, args...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	wait := start(g.t, cmd)
	g.t.Cleanup(func() { _ = in.Close(); _ = wait() })
	return person{g, in, bufio.NewScanner(out)}
}

// user adds somebody whose session's services run, and returns their number.
func (g *guest) user(name string) string {
	g.t.Helper()
	g.does("useradd", "--create-home", name)
	g.does("loginctl", "enable-linger", name)
	uid := strings.TrimSpace(g.does("id", "--user", name))
	g.await("the services of "+name, func() error {
		return g.command("runuser", "-u", name, "--", "env", "XDG_RUNTIME_DIR=/run/user/"+uid, "systemctl", "--user", "is-active", "default.target").Run()
	})
	return uid
}

// files lists everything on the guest but what changes by itself.
func (g *guest) files() []string {
	g.t.Helper()
	out := g.does("find", "/", "-xdev", "-not", "-path", "/var/log/*", "-not", "-path", "/var/lib/dpkg/*",
		"-not", "-path", "/var/cache/*", "-not", "-path", "/home/*", "-not", "-path", "/root/*",
		"-not", "-path", "/etc/*-", "-not", "-path", "/var/lib/systemd/*")
	return strings.Split(out, "\n")
}

func TestADebIsInstalledUsedUpgradedAndRemoved(t *testing.T) {
	older, newer := debs(t)
	g := bootGuest(t)
	uid := g.user("anna")
	before := g.files()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	g.copy(self, "/opt/visitor", 0o755)
	g.copy(older, "/opt/older.deb", 0o644)
	g.copy(newer, "/opt/newer.deb", 0o644)
	card := g.started("root", cardArg, "Anna")

	// Silent, and at once: nobody signs in to the computer again.
	g.does("dpkg", "--install", "/opt/older.deb")
	installed := time.Now()
	g.write("/etc/cardea/policy.d/site.toml", "[[origin]]\nurl = \""+site+"\"\n", 0o644)
	anna := g.visitor(uid)
	g.await("a sign-in", func() error { return anna.does("signin 1") })
	t.Logf("from the installer's end to the first good sign-in: %v", time.Since(installed).Round(time.Millisecond))

	g.checkSettings(uid, func() error { return anna.does("signin 1") })

	if err := anna.does("keep"); err != nil {
		t.Fatal(err)
	}
	g.does("dpkg", "--install", "/opt/newer.deb")
	if got := g.does("cat", "/etc/cardea/policy.d/site.toml"); !strings.Contains(got, site) {
		t.Errorf("after an upgrade the policy is %q", got)
	}
	g.await("a sign-in after the upgrade", func() error { return anna.does("signin 1") })
	if got, want := strings.TrimSpace(g.does("dpkg-query", "--show", "--showformat", "${Version}", "cardea")), packageVersion(); got != want {
		t.Errorf("installed is %s, want %s", got, want)
	}

	g.does("dpkg", "--remove", "cardea")
	if out := g.does("sh", "-c", "cat /proc/[0-9]*/comm 2>/dev/null || true"); strings.Contains(out, "cardea") {
		t.Errorf("after the removal there runs %s", out)
	}
	if _, err := os.Stat(g.path("/etc/cardea/policy.d/site.toml")); err != nil {
		t.Errorf("a removal takes the policy along: %v", err)
	}
	g.does("dpkg", "--purge", "cardea")
	_ = card
	after := g.files()
	for _, name := range after {
		if !slices.Contains(before, name) && !strings.HasPrefix(name, "/opt/") {
			t.Errorf("left behind: %s", name)
		}
	}
	for _, name := range before {
		if !slices.Contains(after, name) {
			t.Errorf("taken along: %s", name)
		}
	}
}

// checkSettings sees those settings count that the units have a part in, and
// leaves all as it was.
func (g *guest) checkSettings(uid string, signIn func() error) {
	g.t.Helper()
	asAnna := []string{"-u", "anna", "--", "env", "XDG_RUNTIME_DIR=/run/user/" + uid}
	agent := func(what string) {
		g.does("runuser", append(asAnna, "systemctl", "--user", what, "cardea-agent.service")...)
	}

	g.write("/etc/cardea/policy.d/off.toml", "autostart = false\n", 0o644)
	agent("restart")
	if out := g.does("sh", "-c", "cat /proc/[0-9]*/comm 2>/dev/null || true"); strings.Contains(out, "cardea-agent") {
		g.t.Error("an agent was started, and policy has autostart off")
	}
	g.does("rm", "/etc/cardea/policy.d/off.toml")
	agent("restart")
	g.await("a sign-in after autostart was turned on", signIn)

	doctor := func() string { return g.try("runuser", append(asAnna, "cardea-agent", "doctor", "--json")...) }
	if out := doctor(); !strings.Contains(out, `"portBroker"`) || strings.Contains(out, `"portDiffers"`) {
		g.t.Errorf("doctor says of the broker's port\n%s", out)
	}
	g.write("/etc/cardea/policy.d/port.toml", "listen.port = 24800\n", 0o644)
	if out := doctor(); !strings.Contains(out, `"portBroker"`) || !strings.Contains(out, "The policy says port 24800, and the machine service has port 24747.") {
		g.t.Errorf("doctor says of a policy with another port\n%s", out)
	}
	g.does("rm", "/etc/cardea/policy.d/port.toml")
}

// visitor is Anna at her desk.
func (g *guest) visitor(uid string) person {
	g.t.Helper()
	told, err := json.Marshal(visitortest.Desk{
		Holder: "Anna", PIN: virtual.DefaultPIN, Socket: "/run/user/" + uid + "/cardea/prompt.sock",
		Addresses: []string{"127.0.0.1:24747", "[::1]:24747"}, Origin: site,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	p := g.started(uid, visitortest.Arg, string(told))
	if err := p.hears("ready"); err != nil {
		g.t.Fatal(err)
	}
	return p
}
