package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The import rules of the rooms, as docs/develop.md states them. They are
// held for each system that Cardea runs on: an import in a file for Windows
// alone counts too.

const module = "github.com/cardea-agent/cardea/"

// platforms are the systems that the rules are held for.
var platforms = []string{"linux", "windows", "darwin"}

// Besides packages, a rule's list may name these.
const (
	std     = "the standard library"
	foreign = "packages of other modules"
)

// A rule says what a package may import. Packages of this module are named
// below its root, as in "agent/signin"; "pcsc/..." is pcsc and all below it.
type rule struct {
	of    string   // whose imports
	only  []string // what may be imported directly; nil for anything
	never []string // what may not be reached, directly or through others
	why   string
}

var rules = []rule{
	{
		of: "agent/signin", only: []string{std},
		why: "the use cases must be readable and testable without a reader, a socket or a window",
	},
	{
		of: "agent/desktop", only: []string{std, "golang.org/x/sys/...", "github.com/godbus/dbus/v5", "agent/doctor", "agent/signin"},
		why: "whether somebody can be asked is known without readers and pages",
	},
	{
		of: "agent/socketunit", only: []string{std, "github.com/godbus/dbus/v5"},
		why: "a question to the service manager needs nothing else",
	},
	{
		of: "agent/doctor", only: []string{std, "agent/protocol"},
		why: "what looks lives with what it looks at, so a window can show findings and reach nothing",
	},
	{
		of: "agent/buildinfo", only: []string{std},
		why: "every program says what it is built from, so it may bring nothing along",
	},
	{
		of: "agent/manual", only: []string{std},
		why: "pages are written from a program's own tables, and from nothing else",
	},
	{
		of: "agent/logfile", only: []string{std},
		why: "what keeps the audit log depends on nothing that could lose it",
	},
	{
		of: "agent/logs", only: []string{std},
		why: "a log decides nothing",
	},
	{
		of: "agent/supportreport", only: []string{std},
		why: "what leaves a computer is read in one place",
	},
	{
		of: "agent/systemlog", only: []string{std, "golang.org/x/sys/..."},
		why: "what is written where nobody can take it back is read in one place",
	},
	{
		of: "agent/audit", only: []string{std, "agent/logfile", "agent/signin", "agent/systemlog"},
		why: "what is written about a person is read in one place",
	},
	{
		of: "agent/choices", only: []string{std, "agent/signin"},
		why: "what is written about a person is read in one place",
	},
	{
		of: "agent/approvals", only: []string{std, "github.com/go-json-experiment/json/...", "golang.org/x/sys/...", "agent/signin", "agent/weborigin"},
		why: "whom a person let in is decided without knowing of sockets and windows",
	},
	{
		of: "agent/weborigin", only: []string{std, "golang.org/x/net/idna"},
		why: "which site a name stands for is decided from its text alone",
	},
	{
		of: "agent/card/cards", only: []string{std, "agent/stricttoml", "agent/trust"},
		why: "what is loaded into a process is decided from a text and a file's owner, and nothing else",
	},
	{
		of: "agent/policy", only: []string{
			std, "golang.org/x/sys/...", "github.com/fsnotify/fsnotify", "howett.net/plist", "agent/doctor", "agent/signin", "agent/stricttoml", "agent/trust",
			"agent/weborigin",
		},
		why: "the machine service reads settings as well, and needs nothing else for it",
	},
	{
		of: "agent/browserpolicy", only: []string{
			std, "golang.org/x/sys/...", "github.com/go-json-experiment/json/...", "howett.net/plist", "agent/doctor",
		},
		why: "what runs as an administrator and writes other programs' files is read in one place",
	},
	{
		of: "agent/trust", only: []string{std, "golang.org/x/sys/..."},
		why: "whom the agent trusts with its own process is read in one place",
	},
	{
		of: "agent/card", only: []string{std, "agent/card/cards", "agent/doctor", "agent/signin", "agent/trust", "pcsc", "pcsc/apdu", "pcsc/onereader", "pcsc/piv", "pkcs11/host"}, never: []string{"agent/endpoint", "agent/prompt/..."},
		why: "what speaks to cards knows nothing of pages and windows, and loads no module itself",
	},
	{
		of: "pcsc", only: []string{std, "golang.org/x/sys/...", "golang.org/x/sync/...", "github.com/ebfe/scard"},
		why: "code beside a C library is kept small enough to be read in one go",
	},
	{
		of: "pcsc/apdu", only: []string{std},
		why: "what reads a card's bytes depends on nothing that could hide a fault",
	},
	{
		of: "pcsc/onereader", only: []string{std, "golang.org/x/sys/..."},
		why: "what stands before pcscd passes on what it does not need to know",
	},
	{
		of: "pcsc/piv", only: []string{std, "pcsc", "pcsc/apdu"},
		why: "what a card is told can be checked by reading three packages",
	},
	{
		of: "pcsc/...", never: []string{"agent/...", "ui/...", "web/..."},
		why: "card code knows nothing of pages and people, so it can be used and checked by itself",
	},
	{
		of: "agent/broker", only: []string{
			std, "agent/buildinfo", "agent/peer", "agent/handover", "agent/loopback", "agent/winservice", "github.com/kardianos/service",
			"github.com/coreos/go-systemd/v22/activation", "golang.org/x/sync/...", "golang.org/x/sys/...",
		},
		never: []string{"pcsc/...", "pkcs11/...", "ui/...", "web/...", "agent/signin", "agent/prompt/...", "agent/endpoint", "github.com/ebfe/scard"},
		why:   "what owns the port for everybody can do nothing but hand connections over",
	},
	{
		of: "agent/supervisor", only: []string{std, "agent/buildinfo", "agent/policy", "agent/winservice", "golang.org/x/sys/..."},
		never: []string{
			"pcsc/...", "pkcs11/...", "ui/...", "web/...", "agent/prompt/...", "agent/endpoint", "agent/handover", "agent/loopback",
			"github.com/ebfe/scard", "github.com/Microsoft/go-winio", "github.com/hashicorp/yamux",
		},
		why: "what may start programs as anybody hears nobody: it has no socket, no pipe and no card",
	},
	{
		of: "agent/winservice", only: []string{std, "golang.org/x/sys/...", "agent/systemlog"},
		why: "what services of the system share is read in one place",
	},
	{
		of: "agent/handover", only: []string{std, "agent/loopback", "agent/peer/...", "github.com/hashicorp/yamux", "github.com/Microsoft/go-winio", "golang.org/x/sys/..."},
		why: "a connection on its way is nobody's to read",
	},
	{
		of: "agent/peer/...", only: []string{std, "agent/peer", "github.com/mdlayher/netlink", "golang.org/x/sys/..."},
		why: "who somebody is, is the operating system's word alone",
	},
	{
		of: "agent/loopback", only: []string{std, "golang.org/x/sys/..."},
		why: "that nothing listens on other addresses can be seen by reading one package",
	},
	{
		of: "pkcs11", only: []string{std, "golang.org/x/sys/...", "golang.org/x/sync/...", "github.com/miekg/pkcs11"},
		why: "code beside a vendor's library is kept small enough to be read in one go",
	},
	{
		of: "pkcs11/host", only: []string{std, "golang.org/x/sys/...", "golang.org/x/sync/...", "pkcs11"},
		why: "a process that a module can spoil has nothing in it that is worth spoiling",
	},
	{
		of: "pkcs11/...", never: []string{"agent/...", "pcsc", "pcsc/apdu", "pcsc/piv", "ui/...", "web/..."},
		why: "modules know readers by name alone, and have connections of their own to them",
	},
	{
		of: "ui/...", only: []string{std, foreign, "ui/...", "agent/buildinfo", "agent/prompt/...", "agent/signin", "agent/protocol"},
		never: []string{"pcsc/...", "pkcs11/...", "agent/card", "agent/session", "agent/endpoint"},
		why:   "what draws windows must not be able to sign",
	},
	{
		of: "agent", never: []string{"pcsc/virtual/...", "pcsc/pcscdtest", "pkcs11/pkcs11test", "testdata/...", "fyne.io/fyne/v2/...", "web/..."},
		why: "the agent that is installed has no simulated card, no key, no window and no site in it",
	},
	{
		of: "ui", never: []string{"pcsc/virtual/...", "testdata/...", "github.com/coder/websocket/..."},
		why: "the tray that is installed has no simulated card and no key in it, and no door to pages",
	},
	{
		of: "agent/demo", never: []string{"fyne.io/fyne/v2/..."},
		why: "the demo starts the tray as a program of its own, as an installed agent has it",
	},
	{
		of: "web/portal", only: []string{
			std, "golang.org/x/time/rate", "agent/protocol", "agent/signin", "web/client", "web/verify",
			"web/portal/accounts", "web/portal/store", "web/portal/texts",
		},
		never: []string{"agent/session", "agent/endpoint", "pcsc/...", "ui/..."},
		why:   "a site knows the agent's words for errors, and nothing else of it",
	},
	{
		of: "web/portal/server", only: []string{
			std, "golang.org/x/term", "agent/protocol", "agent/stricttoml", "web/portal", "web/verify",
			"web/portal/accounts", "web/portal/store", "web/portal/texts",
		},
		never: []string{"pcsc/...", "ui/...", "testdata/..."},
		why:   "the site that an organisation runs has no simulated card in it and no agent",
	},
	{
		of: "web/portal/accounts", only: []string{std, "golang.org/x/crypto/argon2", "web/verify", "web/portal/store"},
		why: "who may do what is decided without knowing of pages",
	},
	{
		of: "web/portal/store", only: []string{std, "modernc.org/sqlite/...", "github.com/pressly/goose/v3/..."},
		why: "what is kept knows nothing of those who keep it",
	},
	{
		of: "web/portal/texts", only: []string{std, "golang.org/x/text/...", "agent/protocol"},
		why: "words decide nothing",
	},
	{
		of: "web/verify/...", never: []string{"agent/...", "pcsc/...", "ui/..."},
		why: "a site's server takes the verifier and nothing of the agent",
	},
}

// An owner is the one room that imports a library, tests aside.
type owner struct {
	library, room, why string
}

var owners = []owner{
	{"github.com/ebfe/scard", "pcsc", "its faults are handled in one place, and a fake fits above that place"},
	{"github.com/miekg/pkcs11", "pkcs11", "its faults are handled in one place"},
	{"pkcs11", "pkcs11/host", "a module is loaded in a process that can be thrown away, and nowhere else"},
	{"fyne.io/fyne/v2/...", "ui/...", "a program without windows must not load OpenGL"},
	{"github.com/chromedp/chromedp/...", "agent/demo", "a browser is driven by the demo's check and by tests alone"},
	{"modernc.org/sqlite/...", "web/portal/store", "all SQL is in one place"},
	{"github.com/pressly/goose/v3/...", "web/portal/store", "tables are changed by one tool, in one place"},
	{"github.com/pelletier/go-toml/v2/...", "agent/stricttoml", "what an administrator writes is read strictly, or not at all"},
	{"github.com/fsnotify/fsnotify", "agent/policy", "what changes while the agent runs is the policy alone"},
	{"github.com/hashicorp/yamux", "agent/handover", "only where a connection cannot change hands is it relayed"},
	{"github.com/kardianos/service", "agent/broker", "one program is a service of every system"},
	{"github.com/coder/websocket/...", "agent/endpoint", "pages come in by one door, behind its checks"},
}

// pkg is what "go list -json" tells of a package.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

func TestPackagesImportOnlyWhatTheirRoomAllows(t *testing.T) {
	t.Parallel()
	everywhere := map[string]pkg{}
	for _, platform := range platforms {
		packages := list(t, platform)
		maps.Copy(everywhere, packages)
		for _, r := range rules {
			for _, p := range named(packages, r.of) {
				r.check(t, packages, p)
			}
		}
		for _, o := range owners {
			o.check(t, packages)
		}
	}
	// A rule about a package that was renamed would hold for ever.
	for _, name := range namesInRules() {
		if len(named(everywhere, name)) == 0 {
			t.Errorf("a rule names %s, and no package has that name", name)
		}
	}
}

// namesInRules returns every package name that the rules use.
func namesInRules() []string {
	var names []string
	for _, r := range rules {
		names = slices.Concat(names, []string{r.of}, r.only, r.never)
	}
	for _, o := range owners {
		names = append(names, o.library, o.room)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		// The last two are allowed to a room that does not need them now.
		return name == std || name == foreign ||
			name == "golang.org/x/sys/..." || name == "golang.org/x/sync/..."
	})
}

// check reports each import of p that the rule does not allow.
func (r rule) check(t *testing.T, packages map[string]pkg, p pkg) {
	t.Helper()
	for _, path := range p.Imports {
		if r.only != nil && !r.allows(packages[path]) {
			t.Errorf("%s imports %s, against the rule for %s: %s", p.ImportPath, path, r.of, r.why)
		}
	}
	for _, path := range p.Deps {
		for _, banned := range r.never {
			if matches(banned, path) {
				t.Errorf("%s reaches %s, against the rule for %s: %s", p.ImportPath, path, r.of, r.why)
			}
		}
	}
}

func (r rule) allows(p pkg) bool {
	if p.Standard {
		return slices.Contains(r.only, std)
	}
	if !isOurs(p.ImportPath) && slices.Contains(r.only, foreign) {
		return true
	}
	return slices.ContainsFunc(r.only, func(name string) bool { return matches(name, p.ImportPath) })
}

// check reports each import of the library outside of its room. A package
// whose name ends in "test" is for tests and may drive what it likes.
func (o owner) check(t *testing.T, packages map[string]pkg) {
	t.Helper()
	for _, p := range packages {
		if !isOurs(p.ImportPath) || matches(o.room, p.ImportPath) || strings.HasSuffix(p.ImportPath, "test") {
			continue
		}
		for _, path := range p.Imports {
			if matches(o.library, path) {
				t.Errorf("%s imports %s; only %s may: %s", p.ImportPath, path, o.room, o.why)
			}
		}
	}
}

func isOurs(path string) bool { return strings.HasPrefix(path, module) }

// matches reports whether path is a package that a rule's name stands for.
func matches(name, path string) bool {
	if top, _, _ := strings.Cut(name, "/"); !strings.Contains(top, ".") {
		name = module + name
	}
	root, andBelow := strings.CutSuffix(name, "/...")
	return path == root || andBelow && strings.HasPrefix(path, root+"/")
}

// named returns the packages that a rule's name stands for.
func named(packages map[string]pkg, name string) []pkg {
	var found []pkg
	for path, p := range packages {
		if matches(name, path) {
			found = append(found, p)
		}
	}
	return found
}

// list returns all packages of this module and all that they need, as the
// go command sees them for one platform.
func list(t *testing.T, platform string) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+platform, "GOARCH=amd64", "CGO_ENABLED=1")
	out, err := cmd.Output()
	if err != nil {
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v\n%s", err, failed.Stderr)
		}
		t.Fatal(err)
	}
	packages := map[string]pkg{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatal(err)
		}
		packages[p.ImportPath] = p
	}
}

// limit is how a comment says what its package does not do.
var limit = regexp.MustCompile(`(?i)\b(never|nothing|no|not|only|alone)\b`)

// A package comment is a short manual: what the package is for, what it never
// does and how it is tested.
func TestEveryPackageHasOneCommentThatSaysItsPartAndItsLimits(t *testing.T) {
	t.Parallel()
	comments := packageComments(t)
	for _, folder := range slices.Sorted(maps.Keys(comments)) {
		found := comments[folder]
		if len(found) != 1 {
			t.Errorf("%s has %d package comments, want 1", folder, len(found))
			continue
		}
		if strings.Count(found[0], "\n") < 3 {
			t.Errorf("%s: the package comment is shorter than three lines", folder)
		}
		if !limit.MatchString(found[0]) {
			t.Errorf("%s: the package comment does not say where the package's part ends", folder)
		}
	}
}

// packageComments reads the package comments below the root, by folder. It
// opens every Go file, which also tells the go command's cache of test
// results that this package's tests depend on all of them.
func packageComments(t *testing.T) map[string][]string {
	t.Helper()
	comments := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "build", "node_modules"}, entry.Name()) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		folder := filepath.Dir(path)
		found := comments[folder]
		if file.Doc != nil {
			found = append(found, file.Doc.Text())
		}
		comments[folder] = found
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return comments
}
