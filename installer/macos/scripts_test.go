package macos

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mac is a folder that is the root for the scripts: with this computer's shell and
// tools, and with a Mac's folders, launchd and people.
type mac struct {
	t    *testing.T
	root string
}

const support = "/Library/Application Support/Cardea"

func newMac(t *testing.T) mac {
	t.Helper()
	if exec.Command("unshare", "--mount", "--map-root-user", "true").Run() != nil {
		t.Skip("this computer lets nobody make a root of their own")
	}
	m := mac{t, t.TempDir()}
	for _, folder := range []string{
		"usr", "dev", "proc", "etc/alternatives", "tmp", "state", "fake", "var/run/cardea", "Applications/Cardea.app", "Library/LaunchAgents",
		"Library/LaunchDaemons", "Library/PrivilegedHelperTools", "etc/paths.d", support + "/doc",
	} {
		if err := os.MkdirAll(m.path(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if to, err := os.Readlink("/" + name); err == nil {
			_ = os.Symlink(to, m.path(name))
		}
	}
	write(t, m.path("etc/passwd"), "root:x:0:0::/:/bin/sh\n", 0o644)
	write(t, m.path("etc/group"), "wheel:x:0:\n", 0o644)
	for _, name := range []string{"launchctl", "ps", "pkgutil", "sleep"} {
		write(t, m.path("fake/"+name), read(t, "testdata/mac/"+name), 0o755)
	}
	for part, folder := range map[string]string{"broker": "LaunchDaemons", "agent": "LaunchAgents", "tray": "LaunchAgents"} {
		file := bundle + "." + part + ".plist"
		write(t, m.path("Library/"+folder+"/"+file), read(t, file), 0o644)
	}
	for _, file := range []string{"Library/PrivilegedHelperTools/cardea-broker", "etc/paths.d/cardea", support + "/doc/admin.md"} {
		write(t, m.path(file), "x\n", 0o644)
	}
	for from, to := range map[string]string{"scripts/preinstall": "fake/preinstall", "scripts/postinstall": "fake/postinstall", "uninstall.sh": support + "/uninstall.sh"} {
		write(t, m.path(to), strings.ReplaceAll(read(t, from), "@VERSION@", "1.1.0"), 0o755)
	}
	return m
}

func (m mac) path(name string) string { return filepath.Join(m.root, name) }

// runs runs something in that root, as its root.
func (m mac) runs(words ...string) (string, error) {
	const enter = `root=$1; shift
for folder in usr dev proc etc/alternatives; do mount --rbind /$folder "$root/$folder"; done
exec chroot "$root" env -i PATH=/fake:/usr/bin:/bin:/usr/sbin:/sbin "$@"`
	cmd := exec.CommandContext(m.t.Context(), "unshare", append([]string{"--mount", "--map-root-user", "sh", "-euc", enter, "sh", m.root}, words...)...)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (m mac) does(words ...string) {
	m.t.Helper()
	if out, err := m.runs(words...); err != nil {
		m.t.Fatalf("%v: %v\n%s", words, err, out)
	}
}

// log is what launchd and pkgutil were told since the last time, without questions.
func (m mac) log() []string {
	m.t.Helper()
	var all []string
	for line := range strings.Lines(read(m.t, m.path("state/log"))) {
		if !strings.HasPrefix(line, "print") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	if err := os.Remove(m.path("state/log")); err != nil {
		m.t.Fatal(err)
	}
	return all
}

func (m mac) loaded() []string {
	m.t.Helper()
	found, err := filepath.Glob(m.path("state/loaded-*"))
	if err != nil {
		m.t.Fatal(err)
	}
	for i, name := range found {
		found[i] = strings.TrimPrefix(filepath.Base(name), "loaded-")
	}
	return found
}

// everything is what runs on a Mac with two people at the screen.
var everything = []string{
	"gui_501_" + bundle + ".agent", "gui_501_" + bundle + ".tray", "gui_502_" + bundle + ".agent", "gui_502_" + bundle + ".tray",
	"system_" + bundle + ".broker",
}

// install is what installer(8) calls after the files are there.
func (m mac) install() { m.t.Helper(); m.does("postinstall", "cardea.pkg", "/", "/", "/") }

func TestAnInstallationStartsCardeaInEverySession(t *testing.T) {
	m := newMac(t)
	m.install()
	same(t, "what runs", m.loaded(), everything)
	for folder, mode := range map[string]os.FileMode{support: 0o755, support + "/policy.d": 0o755, "Library/Logs/Cardea": 0o755} {
		if info, err := os.Stat(m.path(folder)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", folder, info, err)
		}
	}
}

func TestAnUpgradeStartsAllAgainAndKeepsThePolicy(t *testing.T) {
	m := newMac(t)
	m.install()
	write(t, m.path(support+"/policy.d/site.toml"), "# ours\n", 0o644)
	m.log()
	m.install() // each ends in its own time: launchd refuses a new one until then
	same(t, "what runs", m.loaded(), everything)
	ended := 0
	for _, line := range m.log() {
		if strings.HasPrefix(line, "bootout ") {
			ended++
		}
	}
	if ended != len(everything) {
		t.Errorf("%d programs were ended, want %d", ended, len(everything))
	}
	if got := read(t, m.path(support+"/policy.d/site.toml")); got != "# ours\n" {
		t.Errorf("the policy is %q", got)
	}
}

func TestWhatAnAdministratorSwitchedOffStaysOff(t *testing.T) {
	m := newMac(t)
	write(t, m.path("state/disabled"), "\tdisabled services = {\n\t\t\""+bundle+".tray\" => disabled\n\t\t\""+bundle+".agent\" => enabled\n\t}\n", 0o644)
	m.install()
	same(t, "what runs", m.loaded(), []string{everything[0], everything[2], everything[4]})
}

func TestAnotherVolumeIsLeftToItsOwnLaunchd(t *testing.T) {
	m := newMac(t)
	if err := os.MkdirAll(m.path("Volumes/Other"+support), 0o755); err != nil {
		t.Fatal(err)
	}
	m.does("postinstall", "cardea.pkg", "/Volumes/Other", "/Volumes/Other", "/")
	if _, err := os.Stat(m.path("state/log")); err == nil {
		t.Errorf("launchd was told %q", m.log())
	}
	if _, err := os.Stat(m.path("Volumes/Other" + support + "/policy.d")); err != nil {
		t.Error(err)
	}
}

func TestAnOlderVersionIsRefused(t *testing.T) {
	m := newMac(t)
	for installed, ok := range map[string]bool{"": true, "1.0.9": true, "1.1.0": true, "1.1.0-rc1": true, "1.1.1": false, "1.10.0": false, "2.0": false} {
		if installed != "" {
			write(t, m.path("state/version"), installed, 0o644)
		}
		out, err := m.runs("preinstall", "cardea.pkg", "/", "/", "/")
		if (err == nil) != ok {
			t.Errorf("over %q: %v, %s", installed, err, out)
		}
		if !ok && !strings.Contains(out, "Cardea "+installed+" is installed, which is newer than 1.1.0. Remove it first: sudo '"+support+"/uninstall.sh'") {
			t.Errorf("over %q it says %s", installed, out)
		}
		_ = os.Remove(m.path("state/version"))
	}
}

// files are all files below some folders.
func (m mac) files() []string {
	var all []string
	for _, folder := range []string{"Applications", "Library", "etc/paths.d", "var"} {
		_ = filepath.WalkDir(m.path(folder), func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				all = append(all, strings.TrimPrefix(path, m.root))
			}
			return nil
		})
	}
	return all
}

func TestARemovalLeavesThePolicyAndAPurgeNothing(t *testing.T) {
	for _, purge := range []bool{false, true} {
		m := newMac(t)
		m.install()
		write(t, m.path("state/version"), "1.1.0", 0o644)
		write(t, m.path(support+"/policy.d/site.toml"), "# ours\n", 0o644)
		words := []string{support + "/uninstall.sh"}
		want := []string{support + "/policy.d/site.toml"}
		if purge {
			words, want = append(words, "--purge"), nil
		}
		m.does(words...)
		if got := m.loaded(); len(got) > 0 {
			t.Errorf("there still run %v", got)
		}
		same(t, "what is left", m.files(), want)
		if _, err := os.Stat(m.path("state/version")); err == nil {
			t.Error("the system still takes it for installed")
		}
		if _, err := os.Stat(m.path(support)); (err == nil) == purge {
			t.Errorf("the folder: %v", err)
		}
	}
}

func TestAWordThatTheRemovalDoesNotKnowRemovesNothing(t *testing.T) {
	m := newMac(t)
	before := m.files()
	if out, err := m.runs(support+"/uninstall.sh", "--everything"); err == nil || !strings.Contains(out, "there is only --purge") {
		t.Errorf("%v, %s", err, out)
	}
	same(t, "what is left", m.files(), before)
}
