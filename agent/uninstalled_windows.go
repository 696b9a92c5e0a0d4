package main

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows/registry"
)

// profileFolders are where agent and tray write, below a profile.
var profileFolders = []string{
	`AppData\Local\Cardea`, `AppData\Local\fyne\io.github.cardea-agent.tray`, `AppData\Roaming\fyne\io.github.cardea-agent.tray`,
}

// profiles are the folders of all people who ever signed in to this computer.
func profiles() ([]string, error) {
	const list = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList`
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, list, registry.ENUMERATE_SUB_KEYS|registry.WOW64_64KEY)
	if err != nil {
		return nil, err
	}
	names, err := key.ReadSubKeyNames(-1)
	if err = errors.Join(err, key.Close()); err != nil {
		return nil, err
	}
	var all []string
	for _, name := range names {
		if !strings.HasPrefix(name, "S-1-5-21-") && !strings.HasPrefix(name, "S-1-12-1-") { // people, here and of a directory
			continue
		}
		profile, err := registry.OpenKey(registry.LOCAL_MACHINE, list+`\`+name, registry.QUERY_VALUE|registry.WOW64_64KEY)
		if err != nil {
			return nil, err
		}
		path, _, err := profile.GetStringValue("ProfileImagePath")
		_ = profile.Close()
		if err != nil {
			continue // one that was never finished
		}
		if path, err = registry.ExpandString(path); err == nil && filepath.IsAbs(path) {
			all = append(all, path)
		}
	}
	return all, nil
}
