package verify

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/policy"
)

// rows are those of a table of an MSI, by their first column.
func rows(t *testing.T, msi, table string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	lines := strings.Split(output(t, "msiinfo", "export", msi, table), "\n")
	for _, line := range lines[min(3, len(lines)):] { // names, types, keys
		if fields := strings.Split(strings.TrimRight(line, "\r"), "\t"); fields[0] != "" {
			all[fields[0]] = fields
		}
	}
	return all
}

// builtMSI is the one that was built, and skips where none was.
func builtMSI(t *testing.T) string {
	t.Helper()
	if os.Getenv("CARDEA_WINDOWS") == "" {
		t.Skip("no MSI was built: CARDEA_WINDOWS does not say where its programs are")
	}
	return built(t, "msi")
}

// signedFolder is where make msi puts what goes into the MSI.
const signedFolder = "build/windows/signed/"

// msiFiles are the files of the MSI, by what they are in this repository.
var msiFiles = map[string]string{
	"Cardea/cardea-agent.exe":                     "",
	"Cardea/cardea-broker.exe":                    "",
	"Cardea/cardea-supervisor.exe":                "",
	"Cardea/cardea-tray.exe":                      "",
	"Cardea/LICENSE.txt":                          "LICENSE",
	"Cardea/docs/admin.md":                        "docs/admin.md",
	"Cardea/docs/user.md":                         "docs/user.md",
	"Cardea/docs/errors.md":                       "docs/errors.md",
	"Cardea/docs/checks.md":                       "docs/checks.md",
	"Cardea/docs/policy.sample.toml":              "installer/linux/policy.sample.toml",
	"Cardea/docs/CHANGELOG.md":                    "CHANGELOG.md",
	"Cardea/docs/third-party.txt":                 signedFolder + "third-party.txt",
	"Cardea/docs/sbom/cardea-agent.cdx.json":      signedFolder + "sbom/cardea-agent.cdx.json",
	"Cardea/docs/sbom/cardea-broker.cdx.json":     signedFolder + "sbom/cardea-broker.cdx.json",
	"Cardea/docs/sbom/cardea-supervisor.cdx.json": signedFolder + "sbom/cardea-supervisor.cdx.json",
	"Cardea/docs/sbom/cardea-tray.cdx.json":       signedFolder + "sbom/cardea-tray.cdx.json",
	"PolicyDefinitions/Cardea.admx":               "installer/windows/Cardea.admx",
	"PolicyDefinitions/en-US/Cardea.adml":         "installer/windows/en-US/Cardea.adml",
}

func TestAnMSIHoldsTheSignedProgramsAndNothingElse(t *testing.T) {
	msi, root := builtMSI(t), t.TempDir()
	output(t, "msiextract", "--directory", root, msi)
	signed := []string{msi}
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, _ := filepath.Rel(root, path)
		found[name] = true
		source, wanted := msiFiles[name]
		switch {
		case !wanted:
			t.Errorf("%s is in it and should not be", name)
		case source == "":
			signed = append(signed, path)
			same(t, path, filepath.Join(os.Getenv("CARDEA_WINDOWS"), filepath.Base(path)))
		default:
			same(t, path, filepath.Join("../..", source))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(msiFiles)) {
		if !found[name] {
			t.Errorf("%s is not in it", name)
		}
	}
	for _, file := range signed {
		args := []string{"verify", "-in", file}
		if os.Getenv("SIGN_PFX") == "" {
			args = append(args, "-CAfile", "../../build/signing/test.pem")
		}
		output(t, "osslsigncode", args...)
	}
}

func TestAnMSIListsTheModulesOfEachProgram(t *testing.T) {
	root := t.TempDir()
	output(t, "msiextract", "--directory", root, builtMSI(t))
	wanted := maps.Clone(named)
	wanted["cardea-supervisor"] = []string{"golang.org/x/sys", "std"}
	for program, modules := range wanted {
		var l list
		if err := json.Unmarshal([]byte(read(t, filepath.Join(root, "Cardea/docs/sbom", program+".cdx.json"))), &l); err != nil {
			t.Fatal(err)
		}
		if l.Format != "CycloneDX" || l.Metadata.Component.Version != "v"+os.Getenv("CARDEA_VERSION") {
			t.Errorf("%s: the list is of %+v", program, l.Metadata.Component)
		}
		for _, name := range modules {
			if !slices.ContainsFunc(l.Components, func(c component) bool { return c.Name == name && c.Version != "" }) {
				t.Errorf("%s: %s is not listed with a version", program, name)
			}
		}
	}
}

func TestAnMSISaysWhatItInstallsAndWhatItIsCalled(t *testing.T) {
	msi := builtMSI(t)
	numbers, _, _ := strings.Cut(os.Getenv("CARDEA_VERSION"), "-")
	properties := rows(t, msi, "Property")
	for name, want := range map[string]string{"ProductVersion": numbers, "ProductName": "Cardea", "ALLUSERS": "1"} {
		if got := properties[name]; len(got) != 2 || got[1] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	services := rows(t, msi, "ServiceInstall")
	recovery := rows(t, msi, "MsiServiceConfigFailureActions")
	for name, arguments := range map[string]string{
		"CardeaBroker": "--service --listen 127.0.0.1:[BROKERPORT]", "CardeaSupervisor": "--service",
	} {
		// An own process, started by the system, as LocalSystem.
		if s := services[name]; len(s) < 11 || s[3] != "16" || s[4] != "2" || s[8] != "" || s[10] != arguments {
			t.Errorf("%s is %q", name, s)
		}
		// Started again three times, at an installation and at a repair.
		if r := recovery[name]; len(r) < 8 || r[2] != "3" || r[3] != "86400" || r[6] != "1[~]1[~]1" || r[7] != "1000[~]5000[~]30000" {
			t.Errorf("the recovery of %s is %q", name, r)
		}
		// Started at installation, stopped always, deleted at removal; waited for.
		if c := rows(t, msi, "ServiceControl")[name]; len(c) < 5 || c[2] != "163" || c[4] != "1" {
			t.Errorf("the control of %s is %q", name, c)
		}
	}
	if len(services) != 2 {
		t.Errorf("services are %v", services)
	}
	for name, lock := range rows(t, msi, "MsiLockPermissionsEx") {
		if lock[3] != "O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;AU)" {
			t.Errorf("the access list of %s is %s", name, lock[3])
		}
	}
	for name, component := range rows(t, msi, "Component") {
		if component[3] != "256" && component[3] != "260" {
			t.Errorf("%s is not for 64-bit Windows: %s", name, component[3])
		}
	}
}

// TestAnMSIHasAPropertyForEachSettingAndKeepsIt: what is told is let through to
// the elevated part, written, found again at the next installation, and taken
// where nothing else is told.
func TestAnMSIHasAPropertyForEachSettingAndKeepsIt(t *testing.T) {
	msi := builtMSI(t)
	secure := strings.Split(rows(t, msi, "Property")["SecureCustomProperties"][1], ";")
	search, locator := rows(t, msi, "AppSearch"), rows(t, msi, "RegLocator")
	actions, sequence := rows(t, msi, "CustomAction"), rows(t, msi, "InstallExecuteSequence")
	written := map[string]string{}
	for _, row := range rows(t, msi, "Registry") {
		written[row[2]+` \ `+row[3]] = row[4]
	}
	for _, s := range policy.Settings() {
		p := s.Property
		if got := written[policy.InstalledPath+` \ `+s.Name]; got != "["+p+"]" {
			t.Errorf("%s is written as %q", p, got)
		}
		if !slices.Contains(secure, p) || !slices.Contains(secure, p+"_KEPT") {
			t.Errorf("%s is not let through", p)
		}
		// 2: HKLM; 18: the text as it is, of 64-bit programs.
		if got := locator[search[p+"_KEPT"][1]]; !slices.Equal(got[1:], []string{"2", policy.InstalledPath, s.Name, "18"}) {
			t.Errorf("%s is looked for in %q", p, got)
		}
		if got := actions["Keep_"+p]; got[2] != p || got[3] != "["+p+"_KEPT]" {
			t.Errorf("%s is kept by %q", p, got)
		}
		if got := sequence["Keep_"+p]; got[1] != p+"_KEPT AND NOT "+p || len(got[2]) != 2 || got[2] <= sequence["AppSearch"][2] {
			t.Errorf("%s is kept at %q", p, got)
		}
	}
}
