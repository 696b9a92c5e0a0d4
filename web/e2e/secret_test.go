//go:build linux

package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAPINInALogOrAFileIsFound(t *testing.T) {
	for name, write := range map[string]func(d *desk){
		"itself": func(d *desk) { fmt.Fprintf(d.log("agent"), "typed %s.", d.canary) },
		"wrong":  func(d *desk) { fmt.Fprintf(d.log("agent"), "typed %s.", d.wrong) },
		"hex":    func(d *desk) { fmt.Fprintf(d.log("tray"), "00 20 00 80 %X", d.canary) },
		"base64": func(d *desk) { fmt.Fprint(d.log("tray"), base64.StdEncoding.EncodeToString([]byte(d.canary))) },
		"file": func(d *desk) {
			_ = os.MkdirAll(filepath.Join(d.dir, "home", "core"), 0o700)
			_ = os.WriteFile(filepath.Join(d.dir, "home", "core", "1"), []byte("\x00"+d.canary), 0o600)
		},
	} {
		d := &desk{dir: t.TempDir(), logs: map[string]*journal{}, canary: digits(), wrong: digits()}
		d.log("agent")
		if err := d.noPIN(); err != nil {
			t.Fatal(err)
		}
		if write(d); d.noPIN() == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

// noPIN says where a PIN that was typed in this run was written down: in what
// the programs wrote, in the agent's files, in the browser's profile.
func (d *desk) noPIN() error {
	var found error
	report := func(where, text string) {
		for _, pin := range []string{d.canary, d.wrong} {
			for form, secret := range map[string]string{
				"itself":         pin,
				"in hexadecimal": hex.EncodeToString([]byte(pin)),
				"in base64":      base64.RawStdEncoding.EncodeToString([]byte(pin)),
			} {
				if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
					found = errors.Join(found, fmt.Errorf("a PIN is in %s, %s", where, form))
				}
			}
		}
	}
	for name, log := range d.logs {
		report("the log of "+name, log.String())
	}
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Dir(path) == d.dir {
			return err
		}
		text, err := os.ReadFile(path)
		report(path, string(text))
		return err
	})
	return errors.Join(found, err)
}
