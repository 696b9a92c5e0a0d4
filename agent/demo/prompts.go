package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/term"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
)

// asking says who asks for the PIN: the tray, or else prompter.
type asking struct {
	trayPath string
	socket   string
	prompter signin.Prompter
	sentence string // for the person
}

// choosePrompt prefers the tray, which needs a screen and the program itself.
// The tray's socket is in folder, which is this user's alone.
func choosePrompt(folder string) asking {
	why := "There is no screen"
	if hasScreen() {
		tray, err := findTray()
		if err == nil {
			return asking{trayPath: tray, socket: socketIn(folder), sentence: "Cardea’s icon and PIN window are on your screen."}
		}
		why = "The program cardea-tray is not beside this one"
	}
	terminal := asking{prompter: prompt.NewTerminal(os.Stdin, os.Stderr), sentence: why + ", so the PIN is asked for here, in this terminal."}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		terminal.sentence = why + ", and this is no terminal: nothing can ask for the PIN, and the page will say so."
	}
	return terminal
}

// hasScreen reports whether windows can be shown, as far as that is known
// without trying.
func hasScreen() bool {
	switch runtime.GOOS {
	case "windows", "darwin":
		return true
	}
	return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}

// findTray returns the tray's program, which is beside this one.
func findTray() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	name := "cardea-tray"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(filepath.Dir(self), name)
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return "", errors.Join(err, fs.ErrNotExist)
	}
	return path, nil
}

// socketIn is a socket of the demo's own, so that an installed tray and agent
// keep theirs.
func socketIn(folder string) string {
	if runtime.GOOS == "windows" {
		return `\\.\pipe\cardea-demo-` + rand.Text()
	}
	return filepath.Join(folder, "prompt.sock")
}
