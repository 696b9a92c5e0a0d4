package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTheProgramsBesideThisOneSayTheirVersions(t *testing.T) {
	folder := t.TempDir()
	if found := programsIn(t.Context(), folder); found != nil {
		t.Errorf("found %q where nothing is", found)
	}
	for name, text := range map[string]string{
		"cardea-broker": "#!/bin/sh\n[ \"$1\" = --version ] && echo cardea-broker 1.2.3 && echo more\n", "cardea-tray": "#!/bin/sh\nexit 1\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"cardea-broker 1.2.3", "cardea-tray, which does not say its version"}
	if found := programsIn(t.Context(), folder); !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}
