package browserpolicy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Written is what Cardea wrote to one place.
type Written struct {
	Browser Browser  `json:"browser"`
	Place   string   `json:"place"`
	Entries []string `json:"entries"`
	// Kept is how much of the policy's path was there before, and stays.
	Kept int `json:"kept"`
	// New says that the place itself was not there before.
	New bool `json:"new"`
}

// memory is what was written, to be taken back.
type memory struct {
	Version int       `json:"version"`
	Written []Written `json:"written"`
	// Made are folders or keys that were not there before.
	Made []string `json:"made"`
}

const memoryVersion = 1

// own reports whether a place exists for Cardea alone.
func (m memory) own(place string) bool {
	return slices.ContainsFunc(m.Written, func(w Written) bool { return w.Place == place && w.New })
}

func readMemory(path string) (m memory, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &m, json.RejectUnknownMembers(true))
	}
	if err == nil && m.Version != memoryVersion {
		err = fmt.Errorf("is of version %d, and this program knows version %d", m.Version, memoryVersion)
	}
	if err != nil {
		return memory{}, fmt.Errorf("what was written cannot be told: %s: %w", path, err)
	}
	return m, nil
}

// write replaces the file, or removes it when there is nothing to remember.
func (m memory) write(path string) error {
	if len(m.Written) == 0 && len(m.Made) == 0 {
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	m.Version = memoryVersion
	text, err := json.Marshal(m, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as packages make it; nothing secret is in it
		return err
	}
	return replace(path, append(text, '\n'), 0o644)
}

// replace writes a file beside another and puts it in its place: who reads it
// finds the one or the other.
func replace(path string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".cardea-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
