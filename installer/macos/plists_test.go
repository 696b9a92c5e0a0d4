// Package macos is the package for macOS, as far as it can be judged without a
// Mac: the values of its property lists, what its scripts do to a launchd that
// is played, and what build.sh asks of Apple's tools and puts into the package. It
// has tests alone, and never builds what a Mac would install.
package macos

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"howett.net/plist"

	"github.com/cardea-agent/cardea/agent/policy"
)

// The bundle's identifier is also the domain of the profile's settings.
const bundle = "io.github.cardea-agent"

type dict = map[string]any

func list(t *testing.T, name string) (values any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	format, err := plist.Unmarshal(text, &values)
	if err != nil || format != plist.XMLFormat {
		t.Fatalf("%s: %v, format %d", name, err, format)
	}
	return values
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is\n%v\nwant\n%v", what, got, want)
	}
}

// programs are where the package puts them.
var programs = map[string]string{
	"broker": "/Library/PrivilegedHelperTools/cardea-broker",
	"agent":  "/Applications/Cardea.app/Contents/MacOS/cardea-agent",
	"tray":   "/Applications/Cardea.app/Contents/MacOS/cardea-tray",
}

// brokerSocket is handover.DefaultPath of macOS, read where it is written: this
// system has another.
func brokerSocket(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../agent/handover/path_darwin.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), `DefaultPath = "`)
	path, _, ended := strings.Cut(rest, `"`)
	if !found || !ended {
		t.Fatal("there is no DefaultPath")
	}
	return path
}

func TestLaunchdStartsTheBrokerForTheMacAndKeepsItUp(t *testing.T) {
	same(t, "the daemon", list(t, bundle+".broker.plist"), dict{
		"Label":            bundle + ".broker",
		"ProgramArguments": []any{programs["broker"], "--socket", brokerSocket(t)},
		"RunAtLoad":        true, "KeepAlive": true, "ThrottleInterval": uint64(1),
		"ProcessType": "Interactive", "Umask": uint64(0o022), "HardResourceLimits": dict{"Core": uint64(0)},
		"StandardErrorPath": "/Library/Logs/Cardea/broker.log", "AssociatedBundleIdentifiers": bundle,
	})
}

func TestLaunchdStartsAgentAndTrayInSessionsAtTheScreen(t *testing.T) {
	for part, words := range map[string]string{"agent": " run --broker " + brokerSocket(t), "tray": ""} {
		folder, name := filepath.Split(programs[part])
		args := []any{"/bin/sh", "-c", "cd " + filepath.Clean(folder) + " || exit; ./cardea-agent autostart || exit 0; exec ./" + name + words}
		want := dict{
			"Label": bundle + "." + part, "ProgramArguments": args, "AssociatedBundleIdentifiers": bundle,
			"LimitLoadToSessionType": "Aqua", "RunAtLoad": true, "KeepAlive": dict{"SuccessfulExit": false}, "ThrottleInterval": uint64(5),
			"ProcessType": "Interactive", "Umask": uint64(0o077), "HardResourceLimits": dict{"Core": uint64(0)},
		}
		if part == "agent" {
			want["ExitTimeOut"] = uint64(30)
		}
		same(t, "the "+part, list(t, bundle+"."+part+".plist"), want)
	}
}

func TestOnlyTheAgentMayReachCardsAndLoadModules(t *testing.T) {
	same(t, "what the agent may", list(t, "agent.entitlements"), dict{
		"com.apple.security.smartcard": true, "com.apple.security.cs.disable-library-validation": true,
	})
}

func TestTheBundleIsOneOfTheMenuBarAndNotOfTheDock(t *testing.T) {
	info := list(t, "Info.plist").(dict)
	for key, want := range map[string]any{
		"CFBundleIdentifier": bundle, "CFBundleExecutable": filepath.Base(programs["tray"]), "CFBundlePackageType": "APPL",
		"LSUIElement": true, "LSMinimumSystemVersion": "12.0", "CFBundleIconFile": "Cardea", "NSHighResolutionCapable": true,
		"CFBundleShortVersionString": "@VERSION@", "CFBundleVersion": "@NUMBER@",
	} {
		same(t, key, info[key], want)
	}
	translated, err := filepath.Glob("../../ui/translations/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var languages []any
	for _, name := range translated {
		languages = append(languages, strings.TrimSuffix(filepath.Base(name), ".json"))
	}
	got := info["CFBundleLocalizations"].([]any)
	for _, l := range languages {
		if !slices.Contains(got, l) {
			t.Errorf("the bundle does not say that it speaks %v", l)
		}
	}
	if policy.ProfileID != bundle {
		t.Errorf("profiles set %s, and the bundle is %s", policy.ProfileID, bundle)
	}
}

func TestTheBundleIsInstalledWhereLaunchdLooks(t *testing.T) {
	same(t, "the component", list(t, "components.plist"), []any{dict{
		"RootRelativeBundlePath": "Applications/Cardea.app", "BundleIsRelocatable": false, "BundleIsVersionChecked": false,
		"BundleHasStrictIdentifier": true, "BundleOverwriteAction": "upgrade",
	}})
}

func TestTheDistributionInstallsOnePackageForTheWholeMac(t *testing.T) {
	text, err := os.ReadFile("distribution.xml")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Spec    string `xml:"minSpecVersion,attr"`
		Options struct {
			Customize     string `xml:"customize,attr"`
			Architectures string `xml:"hostArchitectures,attr"`
			Root          bool   `xml:"rootVolumeOnly,attr"`
		} `xml:"options"`
		Domains struct {
			Anywhere bool `xml:"enable_anywhere,attr"`
			Home     bool `xml:"enable_currentUserHome,attr"`
			System   bool `xml:"enable_localSystem,attr"`
		} `xml:"domains"`
		Oldest struct {
			Min string `xml:"min,attr"`
		} `xml:"volume-check>allowed-os-versions>os-version"`
		Line struct {
			Choice string `xml:"choice,attr"`
		} `xml:"choices-outline>line"`
		Choice struct {
			ID  string `xml:"id,attr"`
			Ref struct {
				ID string `xml:"id,attr"`
			} `xml:"pkg-ref"`
		} `xml:"choice"`
		Refs []struct {
			ID      string `xml:"id,attr"`
			Version string `xml:"version,attr"`
			File    string `xml:",chardata"`
		} `xml:"pkg-ref"`
	}
	if err := xml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.Options.Customize != "never" || d.Options.Architectures != "arm64,x86_64" || !d.Options.Root {
		t.Errorf("options are %+v", d.Options)
	}
	if d.Domains.Anywhere || d.Domains.Home || !d.Domains.System {
		t.Errorf("domains are %+v", d.Domains)
	}
	info := list(t, "Info.plist").(dict)
	if d.Oldest.Min != info["LSMinimumSystemVersion"] {
		t.Errorf("it asks for macOS %s, and the bundle for %s", d.Oldest.Min, info["LSMinimumSystemVersion"])
	}
	if len(d.Refs) != 1 || d.Refs[0].ID != bundle+".pkg" || d.Refs[0].File != "cardea.pkg" || d.Refs[0].Version != "@VERSION@" {
		t.Errorf("packages are %+v", d.Refs)
	}
	if d.Line.Choice != d.Choice.ID || d.Choice.Ref.ID != d.Refs[0].ID {
		t.Errorf("the choice %+v is not the line %+v", d.Choice, d.Line)
	}
}

// What launchd calls is tried with programs that only say what they were called as.
func TestPolicyKeepsAgentAndTrayFromStartingByThemselves(t *testing.T) {
	for _, part := range []string{"agent", "tray"} {
		args := list(t, bundle+"."+part+".plist").(dict)["ProgramArguments"].([]any)
		for allowed, want := range map[string]string{"0": "cardea-" + part, "1": ""} {
			folder := t.TempDir()
			for _, name := range []string{"cardea-agent", "cardea-tray"} {
				write(t, filepath.Join(folder, name), "#!/bin/sh\n[ \"$1\" != autostart ] || exit "+allowed+"\necho ${0##*/}\n", 0o755)
			}
			line := strings.Replace(args[2].(string), filepath.Dir(programs["agent"]), folder, 1)
			out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", line).Output()
			if err != nil || strings.TrimSpace(string(out)) != want {
				t.Errorf("the %s, where policy says %s: %q, %v, want %q and a good end", part, allowed, out, err, want)
			}
		}
	}
}
