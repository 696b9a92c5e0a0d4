//go:build !windows

package main

import (
	"errors"
	"log/slog"
)

// undrawable finds nothing: elsewhere a desktop without OpenGL is a rarity, and
// the agent says that nobody can ask.
func undrawable() error { return nil }

func withoutWindows(*slog.Logger, string) error {
	return errors.New("this system has no other window for a PIN")
}
