//go:build linux

package pcscdtest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed testdata/keypad.c
var keypad string

// buildKeypad builds the driver whose readers have a keypad, and says where.
func (d *Daemon) buildKeypad() (library string, err error) {
	source := filepath.Join(d.dir, "keypad.c")
	if err := os.WriteFile(source, []byte(keypad), 0o600); err != nil {
		return "", err
	}
	library = filepath.Join(d.dir, "keypad.so")
	out, err := exec.Command("gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-I/usr/include/PCSC", //nolint:gosec // a folder of ours
		fmt.Sprintf("-DDRIVER=%q", driver), fmt.Sprintf("-DKEYED=%q", d.keyed()), "-o", library, source).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("pcscdtest: the driver with keypads: %w: %s", err, out)
	}
	return library, nil
}

func (d *Daemon) keyed() string { return filepath.Join(d.dir, "keyed") }

// Type types a PIN on the keypad that waits for one, or the next that does. An
// empty one is the key that cancels.
func (d *Daemon) Type(t testing.TB, pin string) {
	t.Helper()
	typed := d.keyed() + ".new"
	if err := os.WriteFile(typed, []byte(pin), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(typed, d.keyed()); err != nil {
		t.Fatal(err)
	}
}
