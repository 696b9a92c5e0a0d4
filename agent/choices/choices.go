// Package choices remembers which of several keys a person chose for a site, in
// a small file of the person's own, so that they are asked once and not at
// every sign-in.
//
// A choice holds for the site and for exactly the keys that were offered: when
// another card is in, or a certificate was renewed, the person is asked again.
// The file holds the origin and hashes of certificates; no name, no key and no
// PIN. It is read anew each time, so deleting it takes every choice back at
// once. When it cannot be read, nothing is remembered and the person is asked:
// the package never guesses, and it never keeps more than a hundred choices.
//
// It is tested with real files, damaged ones among them.
package choices

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cardea-agent/cardea/agent/signin"
)

// The bounds of the file.
const (
	maxChoices = 100 // the oldest goes
	maxBytes   = 1 << 17
)

// version is that of the file's form. A file of another is not read.
const version = 1

// File keeps the choices in one file.
type File struct {
	path string
	log  *slog.Logger
	mu   sync.Mutex // held while the file is read and replaced
}

// file is the JSON text.
type file struct {
	Version int      `json:"version"`
	Choices []choice `json:"choices"` // the oldest first
}

// choice is one of them. Offered is the hash of all the keys that were, Chosen
// that of one certificate.
type choice struct {
	Origin  string `json:"origin"`
	Offered string `json:"offered"`
	Chosen  string `json:"chosen"`
}

// New keeps choices in the file at path, which need not exist.
func New(path string, log *slog.Logger) *File { return &File{path: path, log: log} }

// Chosen returns the number of the key that was chosen for an origin when just
// these were offered, or -1.
func (f *File) Chosen(origin string, offered []signin.Key) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.read()
	if err != nil {
		f.log.Warn("remembered choices cannot be read, so the person is asked", "err", err)
		return -1
	}
	set := hashAll(offered)
	i := slices.IndexFunc(all, func(c choice) bool { return c.is(origin, set) })
	if i < 0 {
		return -1
	}
	found := -1
	for n, k := range offered {
		if hash(k) != all[i].Chosen {
			continue
		}
		if found >= 0 { // one certificate in two places: only the person can tell
			return -1
		}
		found = n
	}
	return found
}

// Remember keeps a choice, in place of an earlier one of the same.
func (f *File) Remember(origin string, offered []signin.Key, chosen int) {
	set := hashAll(offered)
	f.change(func(all []choice) []choice {
		all = slices.DeleteFunc(all, func(c choice) bool { return c.is(origin, set) })
		all = append(all, choice{Origin: origin, Offered: set, Chosen: hash(offered[chosen])})
		return all[max(0, len(all)-maxChoices):]
	})
}

// Forget takes a choice back.
func (f *File) Forget(origin string, offered []signin.Key) {
	set := hashAll(offered)
	f.change(func(all []choice) []choice {
		return slices.DeleteFunc(all, func(c choice) bool { return c.is(origin, set) })
	})
}

func (c choice) is(origin, set string) bool { return c.Origin == origin && c.Offered == set }

// change replaces the file. What cannot be read is lost: it is a convenience.
func (f *File) change(edit func([]choice) []choice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.read()
	if err != nil {
		f.log.Warn("remembered choices cannot be read and are given up", "err", err)
	}
	if err := f.write(edit(all)); err != nil {
		f.log.Warn("a choice cannot be kept", "err", err)
	}
}

func (f *File) read() ([]choice, error) {
	opened, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	text, err := io.ReadAll(io.LimitReader(opened, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("choices: %s is longer than %d bytes", f.path, maxBytes)
	}
	var content file
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&content); err != nil {
		return nil, fmt.Errorf("choices: %s: %w", f.path, err)
	}
	if content.Version != version {
		return nil, fmt.Errorf("choices: %s is of version %d", f.path, content.Version)
	}
	return content.Choices, nil
}

// write puts a new file in the old one's place, whole or not at all.
func (f *File) write(all []choice) (err error) {
	text, err := json.Marshal(file{Version: version, Choices: all})
	if err != nil {
		return err
	}
	folder := filepath.Dir(f.path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	next, err := os.CreateTemp(folder, ".choices-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(next.Name()))
		}
	}()
	_, err = next.Write(append(text, '\n'))
	if err == nil {
		err = next.Sync()
	}
	if err = errors.Join(err, next.Close()); err != nil {
		return err
	}
	return os.Rename(next.Name(), f.path)
}

func hash(k signin.Key) string {
	sum := sha256.Sum256(k.Certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// hashAll is one for all keys, in whatever order they were offered.
func hashAll(keys []signin.Key) string {
	var all []string
	for _, k := range keys {
		all = append(all, hash(k))
	}
	slices.Sort(all)
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return hex.EncodeToString(sum[:])
}

var _ signin.Choices = (*File)(nil)
