package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// askWait is how long a program may take to say its version.
const askWait = 5 * time.Second

// installed says which of Cardea's other programs are beside this one, each with
// the version that it names.
func installed(ctx context.Context) []string {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	return programsIn(ctx, filepath.Dir(self))
}

func programsIn(ctx context.Context, folder string) (found []string) {
	for _, name := range []string{"cardea-broker", "cardea-tray"} {
		path := filepath.Join(folder, name)
		if runtime.GOOS == "windows" {
			path += ".exe"
		}
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if words := strings.Fields(ask(ctx, path)); len(words) > 0 {
			found = append(found, name+" "+words[len(words)-1])
		} else {
			found = append(found, name+", which does not say its version")
		}
	}
	return found
}

// ask has a program say its version. What it says is its first line.
func ask(ctx context.Context, path string) string {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
