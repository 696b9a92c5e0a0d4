package main

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// auditPath is the audit log of this user.
func auditPath() (string, error) {
	return own("audit.log")
}

// logPath is the agent's log of this user.
func logPath() (string, error) { return own("agent.log") }

// choicesPath is where this user's choices of keys are remembered.
func choicesPath() (string, error) { return own("choices.json") }

// originsPath is where this user's answers about sites are kept.
func originsPath() (string, error) { return own("origins.json") }

func own(name string) (string, error) {
	local, err := windows.KnownFolderPath(windows.FOLDERID_LocalAppData, 0)
	return filepath.Join(local, "Cardea", name), err
}
