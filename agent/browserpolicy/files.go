package browserpolicy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// ownFile is Cardea's file among those of a Chromium. When several have the same
// policy, that of the last one counts; this one is not to put an administrator's
// out of force.
const ownFile = "00-cardea.json"

// files are the policies of browsers on Linux.
type files struct {
	root    string // "" but in tests
	changed map[string][]byte
}

func newFiles(root string) *files { return &files{root: root, changed: map[string][]byte{}} }

// Linux returns the Manager of a Linux system whose root is a folder.
func Linux(root string) Manager {
	return Manager{store: newFiles(root), memory: filepath.Join(root, "/var/lib/cardea/browser-policy.json")}
}

// folders are where each Chromium reads all files. On Ubuntu Chromium is
// a snap, which reads another folder.
var folders = map[Browser]string{
	Chromium: "/etc/chromium/policies/managed",
	Chrome:   "/etc/opt/chrome/policies/managed",
	Edge:     "/etc/opt/edge/policies/managed",
}

// Firefox reads the first of these, and the second, in its own folder, only when
// the first is missing.
const firefoxFile = "/etc/firefox/policies/policies.json"

var firefoxFolders = []string{
	"/usr/lib/firefox-esr", "/usr/lib/firefox", "/usr/lib64/firefox", "/opt/firefox",
}

func (f *files) places(b Browser, own func(string) bool) ([]string, error) {
	if b == Firefox {
		return f.firefoxPlaces(own), nil
	}
	folder := filepath.Join(f.root, folders[b])
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range slices.Backward(entries) { // by name
		path := filepath.Join(folder, e.Name())
		text, err := f.read(path)
		if err != nil || own(path) {
			continue
		}
		_, has, err := find(text, policyOf(b))
		if err != nil && bytes.Contains(text, []byte(policyOf(b)[0])) {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if has {
			return []string{path}, nil
		}
	}
	return []string{filepath.Join(folder, ownFile)}, nil
}

func (f *files) firefoxPlaces(own func(string) bool) []string {
	general := filepath.Join(f.root, firefoxFile)
	if _, err := f.read(general); err == nil && !own(general) {
		return []string{general}
	}
	var all []string
	for _, folder := range firefoxFolders {
		path := filepath.Join(f.root, folder, "distribution", "policies.json")
		if _, err := f.read(path); err == nil {
			all = append(all, path)
		}
	}
	if all == nil {
		all = []string{general}
	}
	return all
}

// read reads a file as it will be.
func (f *files) read(path string) ([]byte, error) {
	if text, changed := f.changed[path]; changed {
		if text == nil {
			return nil, fs.ErrNotExist
		}
		return text, nil
	}
	return os.ReadFile(path)
}

// path is where the list is in a browser's file.
func path(b Browser) []string {
	if b == Firefox {
		return append([]string{"policies"}, firefoxPolicy...)
	}
	return chromiumPolicy
}

func (f *files) list(place string, b Browser) ([]string, error) {
	text, err := f.read(place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, _, err := find(text, path(b))
	return list, err
}

func (f *files) add(place string, b Browser, entries []string) (Written, error) {
	w := Written{Browser: b, Place: place, Entries: entries}
	text, err := f.read(place)
	if errors.Is(err, fs.ErrNotExist) {
		w.New = true
		f.changed[place] = []byte(fileText(b, entries))
		return w, nil
	}
	if err != nil {
		return w, err
	}
	f.changed[place], w.Kept, err = edit(text, path(b), nil, entries, 0)
	return w, err
}

// fileText is a file with the list alone.
func fileText(b Browser, entries []string) string { return nested(path(b), entries) + "\n" }

func (f *files) take(w Written) error {
	text, err := f.read(w.Place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // so is what was in it
	}
	if err != nil {
		return err
	}
	text, _, err = edit(text, path(w.Browser), w.Entries, nil, w.Kept)
	if err != nil {
		return err
	}
	if c, err := parse(text); err == nil && len(c.items) == 0 && w.New {
		text = nil
	}
	f.changed[w.Place] = text
	return nil
}

func (f *files) flush(made []string) ([]string, error) {
	for _, path := range slices.Sorted(maps.Keys(f.changed)) {
		text := f.changed[path]
		there, err := os.ReadFile(path)
		if text == nil {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return made, err
			}
			continue
		}
		mode := fs.FileMode(0o644)
		if err == nil {
			if bytes.Equal(there, text) {
				continue
			}
			if info, err := os.Stat(path); err == nil {
				mode = info.Mode().Perm()
			}
		}
		if made, err = makeFolders(filepath.Dir(path), made); err != nil {
			return made, err
		}
		if err := replace(resolved(path), text, mode); err != nil {
			return made, err
		}
	}
	return removeFolders(made), nil
}

// resolved is where a link leads: the file behind it is replaced, and not it.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// makeFolders makes a folder and those above it, and says which ones.
func makeFolders(folder string, made []string) ([]string, error) {
	if _, err := os.Stat(folder); err == nil {
		return made, nil
	}
	made, err := makeFolders(filepath.Dir(folder), made)
	if err != nil {
		return made, err
	}
	if err := os.Mkdir(folder, 0o755); err != nil { //nolint:gosec // browsers read it as anybody
		return made, err
	}
	return append(made, folder), os.Chmod(folder, 0o755) //nolint:gosec // whatever the umask is
}

// removeFolders removes those that are empty, and says which are left.
func removeFolders(made []string) (left []string) {
	for _, folder := range slices.Backward(made) {
		if os.Remove(folder) != nil {
			if _, err := os.Stat(folder); err == nil {
				left = append(left, folder)
			}
		}
	}
	slices.Reverse(left)
	return left
}

func (f *files) print(place string, b Browser, entries []string) string {
	return place + "\n" + fileText(b, entries)
}
