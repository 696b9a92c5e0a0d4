package macos

import (
	"bytes"
	"debug/macho"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// contents are the files of the package, with their modes. All are root's.
var contents = map[string]string{
	"/Applications/Cardea.app/Contents/Info.plist":                        "-rw-r--r--",
	"/Applications/Cardea.app/Contents/MacOS/cardea-agent":                "-rwxr-xr-x",
	"/Applications/Cardea.app/Contents/MacOS/cardea-tray":                 "-rwxr-xr-x",
	"/Applications/Cardea.app/Contents/Resources/Cardea.icns":             "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/CHANGELOG.md":                "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/LICENSE":                     "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/admin.md":                    "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/cardea.mobileconfig":         "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/checks.md":                   "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/errors.md":                   "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/policy.sample.toml":          "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/sbom/cardea-agent.cdx.json":  "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/sbom/cardea-broker.cdx.json": "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/sbom/cardea-tray.cdx.json":   "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/third-party.txt":             "-rw-r--r--",
	"/Library/Application Support/Cardea/doc/user.md":                     "-rw-r--r--",
	"/Library/Application Support/Cardea/uninstall.sh":                    "-rwxr-xr-x",
	"/Library/LaunchAgents/io.github.cardea-agent.agent.plist":            "-rw-r--r--",
	"/Library/LaunchAgents/io.github.cardea-agent.tray.plist":             "-rw-r--r--",
	"/Library/LaunchDaemons/io.github.cardea-agent.broker.plist":          "-rw-r--r--",
	"/Library/PrivilegedHelperTools/cardea-broker":                        "-rwxr-xr-x",
	"/etc/paths.d/cardea": "-rw-r--r--",
}

// bench is where a package is built with Apple's tools played.
type bench struct {
	t     *testing.T
	tools string // the fakes, and what they noted
	out   string // where the package goes
}

// program is one for a Mac that can be had here: it stands for all of them.
var program = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "cardea-macos")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "program")
	build := exec.Command("go", "build", "-o", file, "../../agent/broker")
	build.Env = append(os.Environ(), "GOOS=darwin", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return os.ReadFile(file)
})

func newBench(t *testing.T) bench {
	t.Helper()
	need(t, "bsdtar")
	b := bench{t, t.TempDir(), t.TempDir()}
	fake, err := filepath.Abs("testdata/fake/fake")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"uname", "go", "lipo", "sips", "iconutil", "codesign", "pkgbuild", "productbuild", "xcrun", "cyclonedx-gomod"} {
		if err := os.Symlink(fake, filepath.Join(b.tools, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(need(t, "go"), filepath.Join(b.tools, "real-go")); err != nil {
		t.Fatal(err)
	}
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.tools, "program"), file, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b bench) build(version string, env ...string) {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), "installer/macos/build.sh", filepath.Join(b.tools, "cyclonedx-gomod"), version, b.out)
	cmd.Dir = "../.."
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "PATH="+b.tools+":"+os.Getenv("PATH"), "TOOLS="+b.tools, "LDFLAGS=-X main.version="+version)
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}
}

// calls are those of one tool, each with its arguments.
func (b bench) calls(tool string) [][]string {
	var all [][]string
	for line := range strings.Lines(read(b.t, filepath.Join(b.tools, "log"))) {
		if words := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); words[0] == tool {
			all = append(all, words[1:])
		}
	}
	return all
}

// opened is the folder with what is in the package: Distribution, Resources, and
// the Payload and Scripts of the package in it.
func (b bench) opened(version string) string {
	b.t.Helper()
	at := b.t.TempDir()
	b.tar("-xf", filepath.Join(b.out, "cardea-"+version+".pkg"), "-C", at)
	b.tar("-xf", filepath.Join(at, "cardea.pkg"), "-C", at)
	return at
}

func (b bench) tar(args ...string) string {
	b.t.Helper()
	out, err := exec.CommandContext(b.t.Context(), "bsdtar", args...).Output()
	if err != nil {
		b.t.Fatalf("bsdtar %v: %v", args, err)
	}
	return string(out)
}

func TestThePackageHoldsTheProgramsAndNothingElse(t *testing.T) {
	b := newBench(t)
	b.build("1.2.3-rc1")
	at := b.opened("1.2.3-rc1")
	listed := map[string]string{}
	for line := range strings.Lines(b.tar("-tvf", filepath.Join(at, "Payload"), "--numeric-owner")) {
		// -rw-r--r--  0 0      0         123 Jan  2 03:04 ./Library/...
		fields := strings.Fields(line)
		mode, name := fields[0], "/"+strings.TrimPrefix(strings.TrimPrefix(strings.Join(fields[8:], " "), "."), "/")
		switch {
		case fields[2] != "0" || fields[3] != "0":
			t.Errorf("%s belongs to %s:%s", name, fields[2], fields[3])
		case mode[0] == 'd' && mode != "drwxr-xr-x":
			t.Errorf("%s has the mode %s", name, mode)
		case mode[0] != 'd':
			listed[name] = mode
		}
	}
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		if listed[name] != contents[name] {
			t.Errorf("%s has the mode %q, want %q", name, listed[name], contents[name])
		}
	}
	for name := range listed {
		if contents[name] == "" {
			t.Errorf("%s is in it and should not be", name)
		}
	}
	b.tar("-xf", filepath.Join(at, "Payload"), "-C", at)
	for part, path := range programs { // where launchd's lists say that they are
		if _, err := macho.Open(filepath.Join(at, path)); err != nil {
			t.Errorf("the %s is no program of a Mac: %v", part, err)
		}
	}
	info := list(t, filepath.Join(at, "Applications/Cardea.app/Contents/Info.plist")).(dict)
	if info["CFBundleShortVersionString"] != "1.2.3-rc1" || info["CFBundleVersion"] != "1.2.3" {
		t.Errorf("the bundle's versions are %v and %v", info["CFBundleShortVersionString"], info["CFBundleVersion"])
	}
	if text := read(t, filepath.Join(at, "Distribution")); !strings.Contains(text, `version="1.2.3-rc1"`) || strings.Contains(text, "@") {
		t.Errorf("the distribution is\n%s", text)
	}
	b.tar("-xf", filepath.Join(at, "Scripts"), "-C", at)
	if text := read(t, filepath.Join(at, "preinstall")); !strings.Contains(text, "\nnew=1.2.3-rc1\n") {
		t.Errorf("the script before an installation is\n%s", text)
	}
	if got, want := read(t, filepath.Join(at, "etc/paths.d/cardea")), filepath.Dir(programs["agent"])+"\n"; got != want {
		t.Errorf("the shells' path gets %q, want %q", got, want)
	}
}

func TestProgramsAreBuiltForBothProcessors(t *testing.T) {
	b := newBench(t)
	b.build("1.2.3")
	built := map[string]bool{}
	for _, args := range b.calls("go") {
		built[strings.Join(args[5:], " ")] = args[1] == "-ldflags" && args[2] == "-X main.version=1.2.3"
	}
	want := map[string]bool{}
	for _, arch := range []string{"amd64", "arm64"} {
		want["./agent darwin/"+arch+" cgo=1"], want["./ui darwin/"+arch+" cgo=1"] = true, true
		want["./agent/broker darwin/"+arch+" cgo=0"] = true
	}
	same(t, "what is built", built, want)
	if got := len(b.calls("lipo")); got != 3 {
		t.Errorf("%d programs are for both", got)
	}
}

// last is the end of a path that is below a folder of the test's own.
func last(path string) string { return filepath.Base(path) }

func TestEveryProgramIsSignedBeforeWhatHoldsIt(t *testing.T) {
	for _, c := range []struct {
		env, id, stamp []string
	}{
		{nil, []string{"-"}, nil},
		{[]string{"CARDEA_SIGN_APP=Developer ID Application: A Trust (X1)"}, []string{"Developer ID Application: A Trust (X1)"}, []string{"--timestamp"}},
	} {
		b := newBench(t)
		b.build("1.2.3", c.env...)
		var got [][]string
		for _, args := range b.calls("codesign") {
			args[len(args)-1] = last(args[len(args)-1])
			got = append(got, args)
		}
		first := slices.Concat([]string{"--force", "--options", "runtime"}, c.stamp, []string{"--sign"}, c.id)
		same(t, "what is signed", got, [][]string{
			slices.Concat(first, []string{"--identifier", bundle + ".broker", "cardea-broker"}),
			slices.Concat(first, []string{"--identifier", bundle + ".agent", "--entitlements", "installer/macos/agent.entitlements", "cardea-agent"}),
			slices.Concat(first, []string{"--identifier", bundle, "Cardea.app"}),
			{"--verify", "--deep", "--strict", "Cardea.app"},
		})
	}
}

func TestAPackageIsSignedAndShownToAppleWhereThatIsSetUp(t *testing.T) {
	b := newBench(t)
	b.build("1.2.3", "CARDEA_SIGN_PKG=Developer ID Installer: A Trust (X1)", "CARDEA_NOTARY_PROFILE=ours")
	product := b.calls("productbuild")
	if len(product) != 1 || !strings.Contains(strings.Join(product[0], "|"), "|--sign|Developer ID Installer: A Trust (X1)|--timestamp|") {
		t.Errorf("productbuild has %q", product)
	}
	file := filepath.Join(b.out, "cardea-1.2.3.pkg")
	same(t, "what Apple is asked", b.calls("xcrun"), [][]string{
		{"notarytool", "submit", file, "--keychain-profile", "ours", "--wait"}, {"stapler", "staple", file},
	})
	component := b.calls("pkgbuild")[0]
	for _, pair := range [][2]string{
		{"--identifier", bundle + ".pkg"}, {"--version", "1.2.3"}, {"--install-location", "/"}, {"--ownership", "recommended"},
		{"--component-plist", "installer/macos/components.plist"},
	} {
		if i := slices.Index(component, pair[0]); i < 0 || component[i+1] != pair[1] {
			t.Errorf("pkgbuild has %q, without %v", component, pair)
		}
	}

	b = newBench(t)
	b.build("1.2.3", "CARDEA_NOTARY_PROFILE=ours")
	if calls := b.calls("xcrun"); calls != nil {
		t.Errorf("Apple is asked about what is not signed: %q", calls)
	}
}

func TestThePackageIsRefusedElsewhereInASentence(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("this is a Mac")
	}
	folder := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "installer/macos/build.sh", "tool", "1.2.3", folder)
	cmd.Dir = "../.."
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err == nil || !strings.HasPrefix(said.String(), "make pkg: the package for macOS is built on a Mac") {
		t.Errorf("it ends with %v and says %s", err, said.String())
	}
	if made, err := os.ReadDir(folder); err != nil || len(made) > 0 {
		t.Errorf("it made %v, %v", made, err)
	}
}
