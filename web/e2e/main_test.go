//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
)

// shared is the desk of all tests, or why there is none. TestMain sets it before
// the first test runs.
var shared struct {
	desk *desk
	err  error
}

var errNotAsked = errors.New("these tests start a browser and a desktop: set CARDEA_E2E=1, or run make e2e")

func TestMain(m *testing.M) {
	shared.err = errNotAsked
	if os.Getenv("CARDEA_E2E") != "" {
		shared.desk, shared.err = newDesk()
	}
	code := m.Run()
	if err := tooSlow(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	if shared.desk != nil {
		if err := shared.desk.close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// open is the shared desk.
func open(t *testing.T) *desk {
	t.Helper()
	switch {
	case shared.err == nil:
		return shared.desk
	case errors.Is(shared.err, errNotAsked), missing(shared.err) && os.Getenv("CARDEA_E2E_REQUIRED") != "1":
		t.Skip(shared.err)
	}
	t.Fatal(shared.err)
	return nil
}

// missing tells whether a program is not installed here.
func missing(err error) bool {
	return errors.Is(err, exec.ErrNotFound) || errors.Is(err, pcscdtest.ErrMissing)
}

// The names that the browsers have in distributions.
var (
	chromiumNames = []string{"chromium", "google-chrome", "google-chrome-stable", "chromium-browser"}
	firefoxNames  = []string{"firefox-esr", "firefox"}
)

// programs finds the browsers, and sees to it that the others are here.
func programs() (chromium, firefox string, err error) {
	for _, name := range []string{"Xvfb", "openbox", "lxqt-panel", "dbus-daemon", "xdotool", "import", "certutil"} {
		if _, err := exec.LookPath(name); err != nil {
			return "", "", err
		}
	}
	if chromium, err = find(chromiumNames); err == nil {
		firefox, err = find(firefoxNames)
	}
	return chromium, firefox, err
}

// find returns the first program that is installed.
func find(names []string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%v: %w", names, exec.ErrNotFound)
}

// build makes the agent, the tray and the broker in dir, unless CARDEA_BIN says where they
// are, and returns the folder.
func build(dir string) (string, error) {
	if bin := os.Getenv("CARDEA_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	for name, source := range map[string]string{"cardea-agent": "../../agent", "cardea-tray": "../../ui", "cardea-broker": "../../agent/broker"} {
		// The Makefile's flags: others build the whole toolkit again.
		cmd := exec.Command("go", "build", "-tags=x11", "-trimpath", "-buildvcs=false",
			"-ldflags=-X main.version=0.0.0-e2e", "-o", filepath.Join(dir, name), source)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build %s: %w\n%s", source, err, out)
		}
	}
	return dir, nil
}

// keep makes the folder for pictures and logs.
func keep() (string, error) {
	out := os.Getenv("CARDEA_E2E_OUT")
	if out == "" {
		out = "../../build/e2e"
	}
	return out, os.MkdirAll(out, 0o750)
}
