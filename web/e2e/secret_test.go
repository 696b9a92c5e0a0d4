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
)

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
