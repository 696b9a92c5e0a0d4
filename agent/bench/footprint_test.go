//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatPackagesCostIsToldWithItsDateAndNotMadeUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "footprint.json")
	figures, err := footprints(path)
	if err != nil || len(figures) != 5 {
		t.Fatalf("figures are %v, %v", figures, err)
	}
	for _, f := range figures {
		if f.Median != nil || f.N != 0 || !strings.Contains(f.verdict(), "run make deb rpm pkg-check first") {
			t.Errorf("without a file %s is %+v", f.Name, f)
		}
	}
	text := `{"made":"2026-11-28T12:00:00Z","version":"1.2.3","package_deb_mb":18.5,"package_rpm_mb":18.25,"package_msi_mb":null,"installed_mb":41,"first_sign_in_after_install_ms":6000}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if figures, err = footprints(path); err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		switch f.Name {
		case "package_msi_mb":
			if f.Median != nil || f.From != "" {
				t.Errorf("there was no MSI, and its figure is %+v", f)
			}
		case "first_sign_in_after_install_ms":
			if *f.Median != 6000 || !f.missed() {
				t.Errorf("a slow sign-in is %+v", f)
			}
		default:
			if f.Median == nil || f.From != "make pkg-check of version 1.2.3, 2026-11-28T12:00:00Z" {
				t.Errorf("%s is %+v", f.Name, f)
			}
		}
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := footprints(path); err == nil {
		t.Error("half a file is taken")
	}
}
