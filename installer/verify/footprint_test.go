package verify

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// footprint is what the packages cost, for make bench, which does not install
// them. A field is null where there is nothing to measure.
type footprint struct {
	Made      string   `json:"made"` // as in RFC 3339
	Version   string   `json:"version"`
	Deb       *float64 `json:"package_deb_mb"`
	RPM       *float64 `json:"package_rpm_mb"`
	MSI       *float64 `json:"package_msi_mb"`
	Installed *float64 `json:"installed_mb"`
	SignIn    *float64 `json:"first_sign_in_after_install_ms"`
}

// million is what a megabyte has of bytes.
const million = 1e6

// sizeOf is the size of the one package of a kind, if there is one.
func sizeOf(t *testing.T, kind string) *float64 {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.Getenv("CARDEA_PACKAGES"), "*."+kind))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 {
		return nil
	}
	info, err := os.Stat(found[0])
	if err != nil {
		t.Fatal(err)
	}
	size := float64(info.Size()) / million
	return &size
}

// writeFootprint writes the file that CARDEA_FOOTPRINT names, if it does.
func writeFootprint(t *testing.T, signIn time.Duration) {
	t.Helper()
	path := os.Getenv("CARDEA_FOOTPRINT")
	if path == "" {
		return
	}
	installed, first := 0.0, signIn.Seconds()*1000
	err := filepath.WalkDir(unpacked(t, "deb"), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			installed += float64(info.Size()) / million
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(footprint{
		Made: time.Now().UTC().Format(time.RFC3339), Version: os.Getenv("CARDEA_VERSION"),
		Deb: sizeOf(t, "deb"), RPM: sizeOf(t, "rpm"), MSI: sizeOf(t, "msi"), Installed: &installed, SignIn: &first,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", text)
}
