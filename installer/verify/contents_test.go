package verify

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/buildinfo"
)

// unpacked extracts a package and returns the folder.
func unpacked(t *testing.T, kind string) string {
	t.Helper()
	root, file := t.TempDir(), built(t, kind)
	if kind == "deb" {
		output(t, "dpkg-deb", "--extract", file, root)
		return root
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `rpm2cpio "$1" | cpio -idm --quiet --no-absolute-filenames`, "sh", file)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return root
}

// list is what a CycloneDX list says.
type list struct {
	Format     string `json:"bomFormat"`
	Metadata   struct{ Component component }
	Components []component
}

type component struct{ Name, Version string }

// named are libraries that somebody would look for, by the program they are in.
var named = map[string][]string{
	"cardea-agent":  {"github.com/ebfe/scard", "github.com/miekg/pkcs11", "github.com/coder/websocket", "std"},
	"cardea-broker": {"github.com/kardianos/service", "std"},
	"cardea-tray":   {"fyne.io/fyne/v2", "github.com/go-gl/gl", "std"},
}

func TestAPackageListsTheModulesOfEachProgram(t *testing.T) {
	for _, kind := range []string{"deb", "rpm"} {
		root := unpacked(t, kind)
		for program, wanted := range named {
			var l list
			if err := json.Unmarshal([]byte(read(t, filepath.Join(root, "usr/share/doc/cardea/sbom", program+".cdx.json"))), &l); err != nil {
				t.Fatal(err)
			}
			if l.Format != "CycloneDX" || l.Metadata.Component.Version != "v"+os.Getenv("CARDEA_VERSION") {
				t.Errorf("%s, %s: the list is of %+v", kind, program, l.Metadata.Component)
			}
			listed := map[string]string{}
			for _, c := range l.Components {
				listed[c.Name] = c.Version
			}
			for _, name := range wanted {
				if listed[name] == "" {
					t.Errorf("%s, %s: %s is not listed with a version", kind, program, name)
				}
			}
			// The program says the same of itself.
			args := []string{"--json"}
			if program == "cardea-agent" {
				args = []string{"version", "--json"}
			}
			var info buildinfo.Info
			if err := json.Unmarshal([]byte(output(t, filepath.Join(root, "usr/bin", program), args...)), &info); err != nil {
				t.Fatal(err)
			}
			if info.Commit == "" || info.Date == "" || info.Version != os.Getenv("CARDEA_VERSION") {
				t.Errorf("%s, %s says %+v", kind, program, info)
			}
			for _, m := range info.Modules {
				if listed[m.Path] != m.Version {
					t.Errorf("%s, %s: %s is %q in the list, and %s in the program", kind, program, m.Path, listed[m.Path], m.Version)
				}
			}
			if len(info.Modules) < 5 {
				t.Errorf("%s, %s names %d modules", kind, program, len(info.Modules))
			}
		}
	}
}

func TestAPackageHoldsTheLicencesOfItsModules(t *testing.T) {
	root := unpacked(t, "deb")
	text := output(t, "gzip", "-dc", filepath.Join(root, "usr/share/doc/cardea/third-party.txt.gz"))
	for _, wanted := range named {
		for _, name := range wanted {
			if name != "std" && !strings.Contains(text, "== "+name+"@") {
				t.Errorf("the licence of %s is missing", name)
			}
		}
	}
	if !strings.Contains(text, "== Go, LICENSE") {
		t.Error("Go's own licence is missing")
	}
}

func TestThePagesOfAPackageAreFoundByMan(t *testing.T) {
	root := unpacked(t, "deb")
	for program, page := range programs {
		out := output(t, "man", "-M", filepath.Join(root, "usr/share/man"), "-Tutf8", strings.TrimPrefix(filepath.Ext(strings.TrimSuffix(page, ".gz")), "."), program)
		if !strings.Contains(out, program) {
			t.Errorf("the page of %s is %q", program, out)
		}
	}
}
