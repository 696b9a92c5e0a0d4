// Package bustest is a system bus for tests that play one of its services, such as
// logind. It is a real D-Bus daemon, never the computer's own.
//
// It is for tests alone, holds no logic of the product, and is tested by those
// who use it.
package bustest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Start starts a real D-Bus daemon in the system bus's place, until the test ends.
func Start(t *testing.T) *dbus.Conn {
	t.Helper()
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		if os.Getenv("CARDEA_E2E_REQUIRED") != "" {
			t.Fatal(err)
		}
		t.Skip("needs dbus-daemon")
	}
	address := "unix:path=" + filepath.Join(t.TempDir(), "bus")
	cmd := exec.Command(program, "--session", "--nofork", "--nopidfile", "--print-address", "--address="+address) //nolint:gosec // a folder of the test
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", strings.TrimSpace(line))
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
