package main

import (
	"os"
	"path/filepath"
	"runtime"
)

// policyPath is where an administrator puts the policy.
func policyPath() string {
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(os.Getenv("ProgramData"), "Cardea", "policy.toml")
	case "darwin":
		return "/Library/Application Support/Cardea/policy.toml"
	}
	return "/etc/cardea/policy.toml"
}

// auditPath is the audit log of this user.
func auditPath() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(home, "AppData", "Local", "Cardea", "audit.log"), nil
	case "darwin":
		return filepath.Join(home, "Library", "Logs", "Cardea", "audit.log"), nil
	}
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "cardea", "audit.log"), nil
}
