package verify

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
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
		beCard(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// beCard is a card in the guest's reader. It holds up its next signature when it
// hears "hold", says "held" in the midst of it, and goes on when it hears "go".
func beCard(holder string) {
	slot, card := virtual.NewVPCD(vpcd), virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256(holder))
	slot.Insert(card)
	defer slot.Remove()
	goOn := make(chan struct{})
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); fmt.Println("ok") {
		switch lines.Text() {
		case "hold":
			const generalAuthenticate = 0x87
			card.Script(virtual.On(generalAuthenticate, virtual.Hold(func(ctx context.Context) {
				fmt.Println("held")
				select {
				case <-goOn:
				case <-ctx.Done():
				}
			})))
		case "go":
			goOn <- struct{}{}
		}
	}
}

const site = "https://portal.example"

// person is a user of the guest with a card, a tray and pages.
type person struct {
	g   *guest
	in  io.Writer
	out *bufio.Scanner
}

func (p person) does(line string) error {
	p.says(line)
	return p.hears("ok")
}

// says has something done and waits for no answer.
func (p person) says(line string) {
	p.g.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.g.t.Fatal(err)
	}
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
	out := g.does("find", "/", "-xdev", "-not", "-path", "/var/log/*", "-not", "-path", "/var/lib/dpkg/*", "-not", "-path", "/var/lib/rpm/*",
		"-not", "-path", "/var/cache/*", "-not", "-path", "/home/*", "-not", "-path", "/root/*",
		"-not", "-path", "/etc/*-", "-not", "-path", "/var/lib/systemd/*")
	return strings.Split(out, "\n")
}

func TestAPackageIsInstalledUsedUpgradedAndRemoved(t *testing.T) {
	for _, f := range formats {
		t.Run(f.kind, func(t *testing.T) { f.useIt(t) })
	}
}

func (f format) useIt(t *testing.T) {
	newer := built(t, f.kind)
	g := bootGuest(t)
	older := f.older(t, newer)
	uid := g.user("anna")
	before := g.files()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	g.copy(self, "/opt/visitor", 0o755)
	g.copy(older, "/opt/older", 0o644)
	g.copy(newer, "/opt/newer", 0o644)
	card := g.started("root", cardArg, "Anna")

	// Silent, and at once: nobody signs in to the computer again.
	g.does(f.install[0], append(f.install[1:], "/opt/older")...)
	installed := time.Now()
	g.write("/etc/cardea/policy.d/site.toml", "[[origin]]\nurl = \""+site+"\"\n", 0o644)
	anna := g.visitor(uid)
	g.await("a sign-in", func() error { return anna.does("signin 1") })
	first := time.Since(installed)
	t.Logf("from the installer's end to the first good sign-in: %v", first.Round(time.Millisecond))

	g.write("/etc/cardea/policy.toml", "# ours\n", 0o644)
	f.upgradeInTheMidst(g, uid, anna, card)
	if got := g.does("cat", "/etc/cardea/policy.d/site.toml"); !strings.Contains(got, site) {
		t.Errorf("after an upgrade the policy is %q", got)
	}
	if got := g.does("cat", "/etc/cardea/policy.toml"); got != "# ours\n" {
		t.Errorf("after an upgrade the computer's own policy is %q", got)
	}
	g.await("a sign-in after the upgrade", func() error { return anna.does("signin 1") })
	if got, want := strings.TrimSpace(g.does(f.listed[0], f.listed[1:]...)), packageVersion(); got != want {
		t.Errorf("installed is %s, want %s", got, want)
	}

	g.does(f.remove[0], f.remove[1:]...)
	if out := g.does("sh", "-c", "cat /proc/[0-9]*/comm 2>/dev/null || true"); strings.Contains(out, "cardea") {
		t.Errorf("after the removal there runs %s", out)
	}
	if _, err := os.Stat(g.path("/etc/cardea/policy.d/site.toml")); err != nil {
		t.Errorf("a removal takes the policy along: %v", err)
	}
	if f.purge != nil {
		g.does(f.purge[0], f.purge[1:]...)
	} else {
		// What somebody wrote stays, and is theirs to delete.
		g.does("rm", "-r", "/etc/cardea")
	}
	f.compareFiles(t, before, g.files())
	if f.kind == "deb" && !t.Failed() {
		writeFootprint(t, first)
	}
}

// upgradeInTheMidst upgrades while a page is open and the card is at work for it:
// the PIN was typed, and the signature is under way. The page gets its token.
func (f format) upgradeInTheMidst(g *guest, uid string, anna, card person) {
	g.t.Helper()
	for _, step := range []struct {
		who  person
		line string
	}{{anna, "keep"}, {card, "hold"}} {
		if err := step.who.does(step.line); err != nil {
			g.t.Fatal(err)
		}
	}
	anna.says("last")
	if err := card.hears("held"); err != nil {
		g.t.Fatal(err)
	}
	upgraded := make(chan error, 1)
	go func() {
		out, err := g.command(f.upgrade[0], append(f.upgrade[1:], "/opt/newer")...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		upgraded <- err
	}()
	g.await("the agent to be told to end", func() error {
		state := g.try("runuser", "-u", "anna", "--", "env", "XDG_RUNTIME_DIR=/run/user/"+uid,
			"systemctl", "--user", "show", "--property", "ActiveState", "--value", "cardea-agent.service")
		if state != "deactivating" {
			return fmt.Errorf("its unit is %s", state)
		}
		return nil
	})
	if err := card.does("go"); err != nil {
		g.t.Fatal(err)
	}
	if err := anna.hears("ok"); err != nil {
		g.t.Errorf("whose card was signing when the upgrade came is told: %v", err)
	}
	if err := <-upgraded; err != nil {
		g.t.Fatal(err)
	}
}

// compareFiles says what an installation left behind or took along.
func (f format) compareFiles(t *testing.T, before, after []string) {
	t.Helper()
	for _, name := range after {
		if !slices.Contains(before, name) && !strings.HasPrefix(name, "/opt/") && !slices.Contains(f.others, name) {
			t.Errorf("left behind: %s", name)
		}
	}
	for _, name := range before {
		if !slices.Contains(after, name) {
			t.Errorf("taken along: %s", name)
		}
	}
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
