package browserpolicy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// programs are where browsers are on Linux.
var programs = map[Browser][]string{
	Chromium: {"/usr/bin/chromium", "/usr/bin/chromium-browser", "/snap/bin/chromium"},
	Chrome:   {"/opt/google/chrome/chrome", "/usr/bin/google-chrome"},
	Edge:     {"/opt/microsoft/msedge/msedge", "/usr/bin/microsoft-edge"},
	Firefox:  {"/usr/bin/firefox", "/usr/bin/firefox-esr", "/snap/bin/firefox"},
}

// LinuxInForce says what a browser of the Linux system goes by whose root is a
// folder.
func LinuxInForce(root string, b Browser) (InForce, error) {
	var state InForce
	for _, program := range programs[b] {
		if _, err := os.Lstat(filepath.Join(root, program)); err == nil {
			state.Installed = true
		}
	}
	if !state.Installed {
		return state, nil
	}
	var err error
	if b == Firefox {
		firefoxInForce(root, &state)
	} else {
		err = chromiumInForce(filepath.Join(root, folders[b]), &state)
	}
	return state, err
}

// chromiumInForce reads all files of a folder, by name: of several that have
// the same policy the last one counts, and one that cannot be read counts for
// nothing.
func chromiumInForce(folder string, state *InForce) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if filepath.Ext(path) != ".json" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			state.Broken = append(state.Broken, err.Error())
			continue
		}
		allowed, allows, err := find(text, chromiumPolicy)
		if err != nil {
			state.Broken = append(state.Broken, fmt.Sprintf("%s: %v", path, err))
			continue
		}
		if allows {
			state.Allowed, state.Place = allowed, path
		}
		blocked, blocks, err := find(text, blockedPolicy)
		if err != nil {
			state.Broken = append(state.Broken, fmt.Sprintf("%s: %v", path, err))
		}
		if blocks {
			state.Blocked = blocked
		}
	}
	return nil
}

// firefoxInForce reads the one file that Firefox reads.
func firefoxInForce(root string, state *InForce) {
	candidates := []string{filepath.Join(root, firefoxFile)}
	for _, folder := range firefoxFolders {
		candidates = append(candidates, filepath.Join(root, folder, "distribution", "policies.json"))
	}
	for _, place := range candidates {
		text, err := os.ReadFile(place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			state.Broken = append(state.Broken, err.Error())
			return
		}
		allowed, allows, err := find(text, path(Firefox))
		if err != nil {
			state.Broken = append(state.Broken, fmt.Sprintf("%s: %v", place, err))
			return
		}
		if allows {
			state.Allowed, state.Place = allowed, place
		}
		return
	}
}
