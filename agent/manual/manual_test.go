package manual_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/manual"
)

// folder is where the programs' tests keep what they had written.
const folder = "../../installer/manual"

// need skips where a program is missing, unless everything has to run.
func need(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CARDEA_E2E_REQUIRED") != "" {
			t.Fatalf("%s is missing: make deps", name)
		}
		t.Skipf("%s is missing", name)
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*.[18]"))
	if err != nil || len(found) < 3 {
		t.Fatalf("there are only the pages %v, %v", found, err)
	}
	return found
}

func TestThePagesRenderWithoutAWarning(t *testing.T) {
	need(t, "man")
	for _, page := range pages(t) {
		cmd := exec.CommandContext(t.Context(), "man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANROFFSEQ=", "MANWIDTH=80")
		var said strings.Builder
		cmd.Stderr = &said
		if out, err := cmd.Output(); err != nil || len(out) == 0 || said.Len() > 0 {
			t.Errorf("%s: %v\n%s", page, err, said.String())
		}
	}
}

func TestThePagesPassMandocsCheck(t *testing.T) {
	need(t, "mandoc")
	for _, page := range pages(t) {
		out, _ := exec.CommandContext(t.Context(), "mandoc", "-Tlint", page).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			// A page is as old as its package, and a date would go stale.
			if !strings.Contains(line, "missing date") {
				t.Error(line)
			}
		}
	}
}

// offers is what a shell offers for the last word of a line, a word a line.
var offers = []struct{ line, want, never string }{
	{"cardea-agent ", "doctor support-report policy origins version", "show --json pkcs11-host"},
	{"cardea-agent su", "support-report", "doctor"},
	{"cardea-agent policy ", "show check", "list --json"},
	{"cardea-agent policy show --", "--json --policy", "--listen"},
	{"cardea-agent origins revoke --", "--audit --origins --policy", "--json"},
	{"cardea-agent errors pin", "pinBlocked pinWrong", "noCard"},
	{"cardea-agent policy check s", "site.toml", "show"},
	{"cardea-agent run --policy s", "site.toml", "--listen"},
	{"cardea-agent run --listen s", "", "site.toml"},
	{"cardea-broker --", "--listen --socket --version --json", "--policy"},
	{"cardea-tray --", "--socket --status --lang --version", "--policy"},
}

// hold compares what a shell offers with what it should.
func hold(t *testing.T, complete func(t *testing.T, at, line string) string) {
	for _, o := range offers {
		at := t.TempDir()
		if err := os.WriteFile(filepath.Join(at, "site.toml"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		got := strings.Fields(complete(t, at, o.line))
		for _, word := range strings.Fields(o.want) {
			if !slices.Contains(got, word) {
				t.Errorf("for %q it offers %q, without %s", o.line, got, word)
			}
		}
		for _, word := range strings.Fields(o.never) {
			if slices.Contains(got, word) {
				t.Errorf("for %q it offers %s", o.line, word)
			}
		}
	}
}

func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func output(t *testing.T, at, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = at
	cmd.Env = append(os.Environ(), "HOME="+at, "XDG_CONFIG_HOME="+at, "XDG_DATA_HOME="+at, "TERM=dumb")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

func TestBashCompletes(t *testing.T) {
	need(t, "bash")
	// What readline does before it calls the function. The program has no words
	// with = or : in them, at which readline would part them as well.
	const as = `compopt() { :; }
source "$1"
COMP_WORDS=($2)
[[ $2 != *' ' ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"$(complete -p "${COMP_WORDS[0]}" | sed 's/.*-F \([^ ]*\).*/\1/')"
echo "${COMPREPLY[*]}"`
	hold(t, func(t *testing.T, at, line string) string {
		program, _, _ := strings.Cut(line, " ")
		return output(t, at, "bash", "--norc", "-c", as, "bash", absolute(t, program+".bash"), line)
	})
}

func TestFishCompletes(t *testing.T) {
	need(t, "fish")
	hold(t, func(t *testing.T, at, line string) string {
		program, _, _ := strings.Cut(line, " ")
		out := output(t, at, "fish", "--no-config", "-c", `source $argv[1]; complete -C $argv[2]`, absolute(t, program+".fish"), line)
		var words []string
		for l := range strings.Lines(out) {
			word, _, _ := strings.Cut(strings.TrimSpace(l), "\t")
			words = append(words, word)
		}
		return strings.Join(words, "\n")
	})
}

func TestZshCompletes(t *testing.T) {
	need(t, "zsh")
	script, err := filepath.Abs("testdata/complete.zsh")
	if err != nil {
		t.Fatal(err)
	}
	functions := t.TempDir()
	if err := os.CopyFS(functions, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	hold(t, func(t *testing.T, at, line string) string {
		file := filepath.Join(t.TempDir(), "offered")
		output(t, at, "zsh", "-f", script, functions, file, line)
		offered, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(offered)
	})
}

func TestAWordOfAPageIsNeverTakenForARequest(t *testing.T) {
	flags := flag.NewFlagSet("x", flag.ContinueOnError)
	flags.String("name", `.\'s`, "'quoted, and a \\ in a `text`")
	page := manual.Program{Name: "x", Section: 1, About: ".so much", Text: []string{".TH not 'a \\fB request"}, Flags: flags}.Page()
	for line := range strings.Lines(page) {
		for _, bad := range []string{".so", ".TH not", "'"} {
			if strings.HasPrefix(line, bad) {
				t.Errorf("%q is a request", line)
			}
		}
		if strings.Contains(line, `\fB request`) {
			t.Errorf("%q changes the font", line)
		}
	}
}

func TestAPageThatIsOutOfDateIsNamed(t *testing.T) {
	at := t.TempDir()
	p := manual.Program{Name: "x", Section: 8, About: "y", Text: []string{"z"}}
	stale, err := p.Stale(at, false)
	if err != nil || len(stale) != 4 {
		t.Errorf("stale are %v, %v", stale, err)
	}
	if _, err := p.Stale(at, true); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, "x.8"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stale, err := p.Stale(at, false); err != nil || !slices.Equal(stale, []string{"x.8"}) {
		t.Errorf("stale are %v, %v", stale, err)
	}
}
