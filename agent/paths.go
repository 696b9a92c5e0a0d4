//go:build !windows

package main

import (
	"os"
	"path/filepath"
	"runtime"
)

// auditPath is the audit log of this user.
func auditPath() (string, error) { return logFolder("audit.log") }

// logPath is the agent's log of this user.
func logPath() (string, error) { return logFolder("agent.log") }

func logFolder(name string) (string, error) {
	if runtime.GOOS == "darwin" {
		home, err := os.UserHomeDir()
		return filepath.Join(home, "Library", "Logs", "Cardea", name), err
	}
	return statePath(name)
}

// choicesPath is where this user's choices of keys are remembered.
func choicesPath() (string, error) { return statePath("choices.json") }

// originsPath is where this user's answers about sites are kept.
func originsPath() (string, error) { return statePath("origins.json") }

// statePath is a file in this user's state folder.
func statePath(name string) (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "Cardea", name), nil
	}
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "cardea", name), nil
}
