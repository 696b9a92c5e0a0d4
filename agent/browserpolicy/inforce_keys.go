package browserpolicy

import (
	"maps"
	"slices"
	"strings"
)

// appPaths are the programs by which Windows knows browsers, below its key App
// Paths. Chromium has none of its own.
var appPaths = map[Browser]string{Chrome: "chrome.exe", Edge: "msedge.exe", Firefox: "firefox.exe"}

const appPathsKey = `SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\`

// WindowsInForce says what a browser goes by on a Windows with a registry.
func WindowsInForce(r Registry, b Browser) (InForce, error) {
	var state InForce
	program, known := appPaths[b]
	if !known {
		return state, nil
	}
	var err error
	if state.Installed, err = r.Exists(appPathsKey + program); err != nil || !state.Installed {
		return state, err
	}
	place := strings.Join(append([]string{browserKeys[b]}, policyOf(b)...), `\`)
	values, err := r.Texts(place)
	if err != nil {
		return state, err
	}
	if len(values) > 0 {
		state.Place, state.Allowed = `HKLM\`+place, listed(values)
	}
	if b == Firefox {
		return state, nil
	}
	blocked, err := r.Texts(browserKeys[b] + `\` + blockedPolicy[0])
	state.Blocked = listed(blocked)
	return state, err
}

func listed(values map[string]string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, values[name])
	}
	return list
}
