package browserpolicy

import (
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/cardea-agent/cardea/agent/doctor"
)

func TestWhichEntriesStandForASite(t *testing.T) {
	for _, c := range []struct {
		browser Browser
		entry   string
		origin  string
		covers  bool
	}{
		{Chromium, "https://a.example:443", "https://a.example", true},
		{Chromium, "https://a.example", "https://a.example", true},
		{Chromium, "https://a.example", "https://a.example:8443", true}, // without a port: any
		{Chromium, "https://a.example:443", "https://a.example:8443", false},
		{Chromium, "https://a.example:*", "https://a.example:8443", true},
		{Chromium, "a.example", "https://a.example", true},
		{Chromium, "*://a.example/*", "https://a.example", true},
		{Chromium, "http://a.example", "https://a.example", false},
		{Chromium, "[*.]example", "https://a.example", true},
		{Chromium, "[*.]a.example", "https://a.example", true},
		{Chromium, "https://[*.]a.example:443", "https://b.a.example", true},
		{Chromium, "[*.]a.example", "https://ba.example", false},
		{Chromium, "*", "https://a.example", true},
		{Chromium, "https://[2001:db8::1]:443", "https://[2001:db8::1]", true},
		{Chromium, "https://[2001:db8::1]", "https://[2001:db8::2]", false},
		{Firefox, "a.example", "https://a.example:8443", true},
		{Firefox, "*.a.example", "https://b.a.example", true},
		{Firefox, "*.a.example", "https://ba.example", false},
		{Firefox, "https://a.example", "https://a.example", false},
	} {
		u, err := url.Parse(c.origin)
		if err != nil {
			t.Fatal(err)
		}
		if got := covered(c.browser, []string{c.entry}, u) != ""; got != c.covers {
			t.Errorf("%s: %s stands for %s: %v, want %v", c.browser, c.entry, c.origin, got, c.covers)
		}
	}
}

func TestWithoutASiteABrowserHasNothingToAllow(t *testing.T) {
	for _, origins := range [][]string{nil, {"http://localhost:3000"}} {
		got := Check{Browsers: All, Origins: origins}.browser(Chromium, InForce{Installed: true})
		if len(got) != 1 || got[0].Code != doctor.BrowserAllows || got[0].Seen != "chromium: no site is listed that it has to allow." {
			t.Errorf("%+v", got)
		}
	}
}

// What browser-policy writes is what the check finds.
func TestWhatIsWrittenForABrowserAllowsIt(t *testing.T) {
	origins := []string{"https://a.example", "https://*.b.example", "https://c.example:8443", "https://[2001:db8::1]", "http://localhost:3000"}
	for _, b := range All {
		check := Check{Browsers: All, Origins: origins}
		got := check.browser(b, InForce{Installed: true, Place: "here", Allowed: Entries(b, origins)})
		if len(got) != 1 || got[0].Code != doctor.BrowserAllows {
			t.Errorf("%s: %+v", b, got)
		}
		got = check.browser(b, InForce{Installed: true, Place: "here", Allowed: Entries(b, origins[1:])})
		if len(got) != 1 || got[0].Code != doctor.BrowserAsks {
			t.Errorf("%s without the first: %+v", b, got)
		}
	}
}

// layIn writes files below a folder.
func layIn(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnLinuxTheLastFileThatHasThePolicyCounts(t *testing.T) {
	root := t.TempDir()
	layIn(t, root, map[string]string{
		"/usr/bin/chromium":                             "",
		"/etc/chromium/policies/managed/10.json":        `{"LoopbackNetworkAllowedForUrls": ["https://old.example"]}`,
		"/etc/chromium/policies/managed/20.json":        `{"LoopbackNetworkAllowedForUrls": ["https://new.example"], "LoopbackNetworkBlockedForUrls": ["*"]}`,
		"/etc/chromium/policies/managed/30.json":        `{"Other": 1}`,
		"/etc/chromium/policies/managed/40.json":        `{`,
		"/etc/chromium/policies/managed/50.txt":         `{`,
		"/usr/bin/firefox-esr":                          "",
		"/usr/lib/firefox/distribution/policies.json":   `{"policies": {"LocalNetworkAccess": {"SkipDomains": ["a.example"]}}}`,
		"/usr/lib64/firefox/distribution/policies.json": `{"policies": {"LocalNetworkAccess": {"SkipDomains": ["b.example"]}}}`,
	})
	got, err := LinuxInForce(root, Chromium)
	if err != nil || !got.Installed || !slices.Equal(got.Allowed, []string{"https://new.example"}) || !slices.Equal(got.Blocked, []string{"*"}) ||
		filepath.Base(got.Place) != "20.json" || len(got.Broken) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = LinuxInForce(root, Firefox)
	if err != nil || !got.Installed || !slices.Equal(got.Allowed, []string{"a.example"}) {
		t.Errorf("%+v, %v", got, err)
	}
	layIn(t, root, map[string]string{firefoxFile: `{"policies": {}}`})
	if got, err = LinuxInForce(root, Firefox); err != nil || got.Allowed != nil || got.Place != "" {
		t.Errorf("the first file has it not: %+v, %v", got, err)
	}
	if got, err = LinuxInForce(root, Edge); err != nil || got.Installed {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOnWindowsTheRegistryCounts(t *testing.T) {
	r := &fakeRegistry{keys: map[string]map[string]string{
		appPathsKey + "msedge.exe":                           {},
		browserKeys[Edge] + `\LoopbackNetworkAllowedForUrls`: {"1": "https://a.example:443", "2": "https://b.example:443"},
		browserKeys[Edge] + `\LoopbackNetworkBlockedForUrls`: {"1": "https://c.example"},
	}}
	got, err := WindowsInForce(r, Edge)
	want := InForce{
		Installed: true, Place: `HKLM\SOFTWARE\Policies\Microsoft\Edge\LoopbackNetworkAllowedForUrls`,
		Allowed: []string{"https://a.example:443", "https://b.example:443"}, Blocked: []string{"https://c.example"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, b := range []Browser{Chrome, Chromium} {
		if got, err := WindowsInForce(r, b); err != nil || got.Installed {
			t.Errorf("%s: %+v, %v", b, got, err)
		}
	}
}

func TestOnMacOSTheManagedPreferencesCount(t *testing.T) {
	root := t.TempDir()
	layIn(t, root, map[string]string{
		"/Applications/Google Chrome.app/Contents/Info.plist": "",
		"/Library/Managed Preferences/com.google.Chrome.plist": `<?xml version="1.0"?><plist version="1.0"><dict>
<key>LoopbackNetworkAllowedForUrls</key><array><string>https://a.example:443</string></array></dict></plist>`,
		"/Applications/Firefox.app/Contents/Info.plist": "",
		"/Library/Managed Preferences/org.mozilla.firefox.plist": `<?xml version="1.0"?><plist version="1.0"><dict>
<key>LocalNetworkAccess</key><dict><key>SkipDomains</key><array><string>a.example</string></array></dict></dict></plist>`,
		"/Applications/Microsoft Edge.app/Contents/Info.plist":  "",
		"/Library/Managed Preferences/com.microsoft.Edge.plist": `<plist`,
	})
	for b, want := range map[Browser]string{Chrome: "https://a.example:443", Firefox: "a.example"} {
		if got, err := MacInForce(root, b); err != nil || !got.Installed || !slices.Equal(got.Allowed, []string{want}) || got.Place == "" {
			t.Errorf("%s: %+v, %v", b, got, err)
		}
	}
	if got, err := MacInForce(root, Edge); err != nil || len(got.Broken) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := MacInForce(root, Chromium); err != nil || got.Installed {
		t.Errorf("%+v, %v", got, err)
	}
}
