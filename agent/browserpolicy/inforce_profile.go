package browserpolicy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"howett.net/plist"
)

// apps are the browsers' programs on macOS.
var apps = map[Browser]string{
	Chromium: "Chromium.app", Chrome: "Google Chrome.app", Edge: "Microsoft Edge.app", Firefox: "Firefox.app",
}

// MacInForce says what a browser of a Mac goes by whose root is a folder.
func MacInForce(root string, b Browser) (InForce, error) {
	var state InForce
	if _, err := os.Lstat(filepath.Join(root, "/Applications", apps[b])); err != nil {
		return state, nil
	}
	state.Installed = true
	place := filepath.Join(root, "/Library/Managed Preferences", domains[b]+".plist")
	text, err := os.ReadFile(place)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	var preferences map[string]any
	if _, err := plist.Unmarshal(text, &preferences); err != nil {
		state.Broken = append(state.Broken, fmt.Sprintf("%s: %v", place, err))
		return state, nil
	}
	var has bool
	if state.Allowed, has = preferenceList(preferences, policyOf(b)); has {
		state.Place = place
	}
	state.Blocked, _ = preferenceList(preferences, blockedPolicy)
	return state, nil
}

// preferenceList finds a list. Firefox's may be flat, with __ between the names.
func preferenceList(preferences map[string]any, path []string) ([]string, bool) {
	var value any = preferences
	for _, name := range path {
		folder, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		value = folder[name]
	}
	if value == nil && len(path) == 2 {
		value = preferences[path[0]+"__"+path[1]]
	}
	items, ok := value.([]any)
	if !ok {
		return nil, false
	}
	var list []string
	for _, item := range items {
		if text, ok := item.(string); ok {
			list = append(list, text)
		}
	}
	return list, true
}
