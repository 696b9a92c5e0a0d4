// Package verify opens the packages that were built and compares what is in
// them with what should be. It has tests alone, which `make pkg-check` runs;
// without CARDEA_PACKAGES they are skipped. It never installs anything on
// this computer: a Debian of its own is booted for that, and a Wine prefix made.
package verify

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// files are the files of both Linux packages, with their modes as ls prints
// them. All belong to root.
var files = map[string]string{
	"/usr/bin/cardea-agent":                         "-rwxr-xr-x",
	"/usr/bin/cardea-broker":                        "-rwxr-xr-x",
	"/usr/lib/systemd/system/cardea-broker.service": "-rw-r--r--",
	"/usr/lib/systemd/system/cardea-broker.socket":  "-rw-r--r--",
	"/usr/lib/sysusers.d/cardea.conf":               "-rw-r--r--",
	"/usr/share/doc/cardea/pcscd.rules":             "-rw-r--r--",
	"/usr/bin/cardea-tray":                          "-rwxr-xr-x",
	"/usr/lib/systemd/user/cardea-agent.service":    "-rw-r--r--",
	"/etc/xdg/autostart/cardea-tray.desktop":        "-rw-r--r--",
	"/usr/share/applications/cardea-tray.desktop":   "-rw-r--r--",
	"/etc/cardea/policy.toml":                       "-rw-r--r--",
	"/usr/share/doc/cardea/policy.sample.toml":      "-rw-r--r--",
	"/usr/share/doc/cardea/user.md":                 "-rw-r--r--",
	"/usr/share/doc/cardea/admin.md":                "-rw-r--r--",
	"/usr/share/doc/cardea/errors.md":               "-rw-r--r--",
	"/usr/share/doc/cardea/checks.md":               "-rw-r--r--",
	"/usr/share/doc/cardea/CHANGELOG.md.gz":         "-rw-r--r--",
	"/usr/share/doc/cardea/third-party.txt.gz":      "-rw-r--r--",
}

// only are the files that one kind of package has by itself, all readable by
// everybody and writable by root.
var only = map[string][]string{
	"deb": {"/usr/share/doc/cardea/changelog.gz", "/usr/share/doc/cardea/copyright", "/usr/share/lintian/overrides/cardea"},
	"rpm": {"/usr/share/licenses/cardea/LICENSE"},
}

// filesOf are all files of a kind of package.
func filesOf(kind string) map[string]string {
	all := maps.Clone(files)
	zsh := map[string]string{"deb": "/usr/share/zsh/vendor-completions/_", "rpm": "/usr/share/zsh/site-functions/_"}[kind]
	for name, page := range programs {
		for _, path := range []string{
			zsh + name, "/usr/share/bash-completion/completions/" + name, "/usr/share/fish/vendor_completions.d/" + name + ".fish",
			"/usr/share/man/" + page, "/usr/share/doc/cardea/sbom/" + name + ".cdx.json",
		} {
			all[path] = "-rw-r--r--"
		}
	}
	for _, path := range only[kind] {
		all[path] = "-rw-r--r--"
	}
	return all
}

// programs are those that are installed, with their manual pages.
var programs = map[string]string{
	"cardea-agent": "man1/cardea-agent.1.gz", "cardea-broker": "man8/cardea-broker.8.gz", "cardea-tray": "man1/cardea-tray.1.gz",
}

// configuration are the files that a package manager leaves as somebody changed them.
const configuration = "/etc/cardea/policy.toml\n/etc/xdg/autostart/cardea-tray.desktop\n"

// Both package managers order a version such as 1.0~rc1 before 1.0.
func packageVersion() string {
	return strings.Replace(os.Getenv("CARDEA_VERSION"), "-", "~", 1)
}

func TestADebHoldsTheProgramsAndNothingElse(t *testing.T) {
	deb := built(t, "deb")
	listed := map[string]string{}
	for line := range strings.Lines(output(t, "dpkg-deb", "--contents", deb)) {
		// -rwxr-xr-x root/root 123 2026-01-02 03:04 ./usr/bin/cardea-agent
		fields := strings.Fields(line)
		if strings.HasPrefix(fields[0], "d") {
			continue
		}
		if fields[1] != "root/root" {
			t.Errorf("%s belongs to %s", fields[5], fields[1])
		}
		listed[strings.TrimPrefix(fields[5], ".")] = fields[0]
	}
	compare(t, "deb", listed)
	got := output(t, "dpkg-deb", "--field", deb, "Package", "Version", "Architecture")
	want := "Package: cardea\nVersion: " + packageVersion() + "\nArchitecture: " + runtime.GOARCH + "\n"
	if got != want {
		t.Errorf("fields are\n%swant\n%s", got, want)
	}
	control := t.TempDir()
	output(t, "dpkg-deb", "--control", deb, control)
	same(t, filepath.Join(control, "postinst"), "../linux/postinstall.sh")
	same(t, filepath.Join(control, "prerm"), "../linux/preremove.sh")
	same(t, filepath.Join(control, "postrm"), "../linux/postremove.sh")
	if got := read(t, filepath.Join(control, "conffiles")); got != configuration {
		t.Errorf("conffiles are %q, want %q", got, configuration)
	}
}

// lintian knows Debian's rules. It says E: of what is an error.
func TestADebHasNoErrorThatLintianKnows(t *testing.T) {
	deb := built(t, "deb")
	cmd := exec.CommandContext(t.Context(), "lintian", "--allow-root", "--profile", "debian", "--fail-on", "error", deb)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	t.Logf("%s", out)
}

func TestTheProgramsOfADebAreOfItsVersion(t *testing.T) {
	root := t.TempDir()
	output(t, "dpkg-deb", "--extract", built(t, "deb"), root)
	got := output(t, filepath.Join(root, "usr/bin/cardea-agent"), "version")
	if want := "cardea-agent " + os.Getenv("CARDEA_VERSION") + "\n"; got != want {
		t.Errorf("the agent says %q, want %q", got, want)
	}
}

func TestAnRPMHoldsTheProgramsAndNothingElse(t *testing.T) {
	rpm := built(t, "rpm")
	listed := map[string]string{}
	for line := range strings.Lines(output(t, "rpm", "--query", "--package", "--queryformat",
		"[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]", rpm)) {
		fields := strings.Fields(line)
		if strings.HasPrefix(fields[0], "d") {
			continue
		}
		if fields[1] != "root:root" {
			t.Errorf("%s belongs to %s", fields[2], fields[1])
		}
		listed[fields[2]] = fields[0]
	}
	compare(t, "rpm", listed)
	if got, want := output(t, "rpm", "--query", "--package", "--queryformat", "%{NAME} %{VERSION}", rpm), "cardea "+packageVersion(); got != want {
		t.Errorf("it is %q, want %q", got, want)
	}
	if got := output(t, "rpm", "--query", "--package", "--configfiles", rpm); got != configuration {
		t.Errorf("configuration files are %q, want %q", got, configuration)
	}
	scripts := output(t, "rpm", "--query", "--package", "--scripts", rpm)
	for _, file := range []string{"../linux/postinstall.sh", "../linux/preremove.sh", "../linux/postremove.sh"} {
		if !strings.Contains(scripts, strings.TrimSpace(read(t, file))) {
			t.Errorf("its scripts do not hold %s", file)
		}
	}
}

// built returns the one package of a kind, and skips where none was asked for.
func built(t *testing.T, kind string) string {
	t.Helper()
	folder := os.Getenv("CARDEA_PACKAGES")
	if folder == "" {
		t.Skip("CARDEA_PACKAGES does not say where the packages are")
	}
	found, err := filepath.Glob(filepath.Join(folder, "*."+kind))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		t.Fatalf("there are %d packages of the kind %s in %s, want 1: run make %s", len(found), kind, folder, kind)
	}
	return found[0]
}

func compare(t *testing.T, kind string, listed map[string]string) {
	t.Helper()
	files := filesOf(kind)
	if maps.Equal(listed, files) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if listed[name] != files[name] {
			t.Errorf("%s has the mode %q, want %q", name, listed[name], files[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if _, wanted := files[name]; !wanted {
			t.Errorf("%s is in it and should not be", name)
		}
	}
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if read(t, got) != read(t, want) {
		t.Errorf("%s is not %s", filepath.Base(got), want)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}
