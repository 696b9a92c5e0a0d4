package verify

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// format is a kind of package with the commands of what installs it. rpm is told
// to look for no other packages: Debian has them under other names.
type format struct {
	kind                             string
	install, upgrade, remove, listed []string
	purge                            []string // nil where there is no such thing
	others                           []string // folders that other packages bring where this format is at home
	older                            func(t *testing.T, newer string) string
}

var formats = []format{
	{
		kind: "deb", install: []string{"dpkg", "--install"}, upgrade: []string{"dpkg", "--install"},
		remove: []string{"dpkg", "--remove", "cardea"}, purge: []string{"dpkg", "--purge", "cardea"},
		listed: []string{"dpkg-query", "--show", "--showformat", "${Version}", "cardea"}, older: olderDeb,
	},
	{
		kind: "rpm", install: []string{"rpm", "--nodeps", "--install"}, upgrade: []string{"rpm", "--nodeps", "--upgrade"},
		remove: []string{"rpm", "--erase", "cardea"}, listed: []string{"rpm", "--query", "--queryformat", "%{VERSION}", "cardea"}, older: olderRPM,
		others: []string{
			"/etc/xdg/autostart", "/usr/share/applications", "/usr/share/fish", "/usr/share/fish/vendor_completions.d", "/usr/share/licenses",
			"/usr/share/zsh/site-functions",
		},
	},
}

// olderDeb is the same package as version 0.0.1: what an upgrade must keep is not
// in it.
func olderDeb(t *testing.T, newer string) string {
	t.Helper()
	older, tree := filepath.Join(t.TempDir(), "older.deb"), filepath.Join(t.TempDir(), "tree")
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
	return older
}

// olderRPM is made by the packager again, of the files that are in the newer one.
func olderRPM(t *testing.T, _ string) string {
	t.Helper()
	nfpm := os.Getenv("CARDEA_NFPM")
	if nfpm == "" {
		t.Skip("CARDEA_NFPM does not say where the packager is")
	}
	var config map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "../linux/nfpm.yaml")), &config); err != nil {
		t.Fatal(err)
	}
	root := unpacked(t, "rpm")
	for _, entry := range config["contents"].([]any) {
		file := entry.(map[string]any)
		if from, _ := file["src"].(string); strings.HasPrefix(from, "build/") && file["packager"] != "deb" {
			file["src"] = filepath.Join(root, file["dst"].(string))
		}
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	list := filepath.Join(folder, "nfpm.yaml")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), nfpm, "package", "-f", list, "-p", "rpm", "-t", filepath.Join(folder, "older.rpm"))
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "VERSION=0.0.1", "ARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(folder, "older.rpm")
}
