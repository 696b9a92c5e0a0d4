package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestARemovalClearsProfilesAndFollowsNoLinkOutOfThem: it runs with the system's
// rights in folders that people can fill as they like.
func TestARemovalClearsProfilesAndFollowsNoLinkOutOfThem(t *testing.T) {
	base := t.TempDir()
	folder := filepath.Join("AppData", "Local", "Cardea")
	fill := func(dir string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, "deep"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"agent.log", "agent.log.1", "audit.log", "choices.json", "deep/other"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	left := func(dir string) int {
		found, _ := os.ReadDir(dir)
		return len(found)
	}
	anna, bill, outside := filepath.Join(base, "anna"), filepath.Join(base, "bill"), filepath.Join(base, "outside")
	fill(filepath.Join(anna, folder))
	if err := clearProfile(anna, folder, true); err != nil || left(filepath.Join(anna, folder)) != 3 {
		t.Errorf("logs are kept: %v, %d are left", err, left(filepath.Join(anna, folder)))
	}
	if err := clearProfile(anna, folder, false); err != nil || left(filepath.Join(anna, "AppData", "Local")) != 0 {
		t.Errorf("nothing is kept: %v", err)
	}
	for _, keep := range []bool{true, false} {
		if err := clearProfile(anna, folder, keep); err != nil {
			t.Errorf("nothing is there: %v", err)
		}
		if err := clearProfile(filepath.Join(base, "gone"), folder, keep); err != nil {
			t.Errorf("the profile is gone: %v", err)
		}
	}
	toolkit := filepath.Join("AppData", "fyne", "tray")
	fill(filepath.Join(anna, toolkit))
	if err := clearProfile(anna, toolkit, false); err != nil || left(filepath.Join(anna, "AppData")) != 1 {
		t.Errorf("the toolkit's folder stays: %v", err)
	}
	fill(filepath.Join(outside, "Local", "Cardea"))
	if err := os.MkdirAll(bill, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(bill, "AppData")); err != nil {
		t.Skip(err)
	}
	for _, keep := range []bool{true, false} {
		if err := clearProfile(bill, folder, keep); err == nil {
			t.Error("a link out of the profile is no error")
		}
		if left(filepath.Join(outside, "Local", "Cardea")) != 5 {
			t.Error("a link out of the profile was followed")
		}
	}
	if err := uninstalled(nil, io.Discard); runtime.GOOS != "windows" && err == nil {
		t.Error("it is carried out on a system that has no installer for it")
	}
}
