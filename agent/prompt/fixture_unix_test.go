//go:build linux || darwin

package prompt

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// staying are goroutines that stay.
var staying []goleak.Option

func socketPath(t *testing.T) string { return filepath.Join(t.TempDir(), "run", "prompt.sock") }

// passFirst is for Wine.
func passFirst(*testing.T, string) {}
