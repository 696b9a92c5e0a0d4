//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// signInAfterInstallGoal is for the time from the installer's end to the first
// sign-in that went well.
const signInAfterInstallGoal = 5000 // ms

// footprints are what packages and their first use cost. This program installs
// nothing: make pkg-check does, in a system of its own, and writes a file. It
// may be older than the programs here, so its date and version go along.
func footprints(path string) ([]figure, error) {
	const size = "MB"
	figures := []figure{
		notMeasured("package_deb_mb", size, ""), notMeasured("package_rpm_mb", size, ""), notMeasured("package_msi_mb", size, ""),
		notMeasured("installed_mb", size, ""), notMeasured("first_sign_in_after_install_ms", "ms", "").within(signInAfterInstallGoal),
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		for i := range figures {
			figures[i].why = "run make deb rpm pkg-check first"
		}
		return figures, nil
	}
	if err != nil {
		return nil, err
	}
	var told struct {
		Made    string `json:"made"`
		Version string `json:"version"`
	}
	values := map[string]any{}
	if err := errors.Join(json.Unmarshal(text, &told), json.Unmarshal(text, &values)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range figures {
		f := &figures[i]
		value, ok := values[f.Name].(float64)
		if !ok {
			f.why = "make pkg-check had none"
			continue
		}
		f.Median, f.N = rounded(value), 1
		f.From = fmt.Sprintf("make pkg-check of version %s, %s", told.Version, told.Made)
	}
	return figures, nil
}
