package browserpolicy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Registry is the part of a Windows registry that belongs to the computer. Paths
// begin below HKEY_LOCAL_MACHINE.
type Registry interface {
	// Texts returns the values of a key that are texts; none for a key that
	// is missing.
	Texts(path string) (map[string]string, error)
	// SetText writes a value. The key exists.
	SetText(path, name, text string) error
	// Delete deletes a value, if it is there.
	Delete(path, name string) error
	// Exists reports whether there is a key.
	Exists(path string) (bool, error)
	// Make makes a key below one that exists.
	Make(path string) error
	// Remove removes a key that has neither values nor keys in it, and
	// reports whether it is gone.
	Remove(path string) (bool, error)
}

// keys are the policies of browsers on Windows. A list is a key, with the
// entries as values named 1, 2 and so on.
type keys struct {
	registry Registry
	changed  map[string][]string
}

// Windows returns the Manager of a registry. memory is the file that remembers
// what was written.
func Windows(r Registry, memory string) Manager {
	return Manager{store: &keys{registry: r, changed: map[string][]string{}}, memory: memory}
}

var browserKeys = map[Browser]string{
	Chromium: `SOFTWARE\Policies\Chromium`,
	Chrome:   `SOFTWARE\Policies\Google\Chrome`,
	Edge:     `SOFTWARE\Policies\Microsoft\Edge`,
	Firefox:  `SOFTWARE\Policies\Mozilla\Firefox`,
}

func (k *keys) places(b Browser, _ func(string) bool) ([]string, error) {
	return []string{strings.Join(append([]string{browserKeys[b]}, policyOf(b)...), `\`)}, nil
}

func (k *keys) list(place string, _ Browser) ([]string, error) {
	if list, changed := k.changed[place]; changed {
		return list, nil
	}
	values, err := k.registry.Texts(place)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, n := range numbers(values) {
		list = append(list, values[strconv.Itoa(n)])
	}
	return list, nil
}

// numbers are the names of the values that are entries, in order.
func numbers(values map[string]string) []int {
	var all []int
	for name := range values {
		if n, err := strconv.Atoi(name); err == nil && n > 0 && strconv.Itoa(n) == name {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

func (k *keys) add(place string, b Browser, entries []string) (Written, error) {
	list, err := k.list(place, b)
	if err != nil {
		return Written{}, err
	}
	k.changed[place] = slices.Concat(list, entries)
	return Written{Browser: b, Place: place, Entries: entries}, nil
}

func (k *keys) take(w Written) error {
	list, err := k.list(w.Place, w.Browser)
	if err != nil {
		return err
	}
	list = slices.Clone(list)
	for _, entry := range w.Entries {
		if i := slices.Index(list, entry); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
	}
	k.changed[w.Place] = list
	return nil
}

// flush writes each list that is another now, without gaps in its numbers:
// Firefox takes a key for a list by the value 1.
func (k *keys) flush(made []string) ([]string, error) {
	for _, place := range slices.Sorted(maps.Keys(k.changed)) {
		list := k.changed[place]
		values, err := k.registry.Texts(place)
		if err != nil {
			return made, err
		}
		if len(list) > 0 {
			if made, err = k.make(place, made); err != nil {
				return made, err
			}
		}
		for i, entry := range list {
			name := strconv.Itoa(i + 1)
			if there, ok := values[name]; ok && there == entry {
				continue
			}
			if err := k.registry.SetText(place, name, entry); err != nil {
				return made, err
			}
		}
		for _, n := range numbers(values) {
			if n > len(list) {
				if err := k.registry.Delete(place, strconv.Itoa(n)); err != nil {
					return made, err
				}
			}
		}
	}
	return k.remove(made)
}

// make makes a key and those above it, and says which ones.
func (k *keys) make(path string, made []string) ([]string, error) {
	there, err := k.registry.Exists(path)
	above := strings.LastIndexByte(path, '\\')
	if err != nil || there || above < 0 {
		return made, err
	}
	if made, err = k.make(path[:above], made); err != nil {
		return made, err
	}
	if err := k.registry.Make(path); err != nil {
		return made, err
	}
	return append(made, path), nil
}

func (k *keys) remove(made []string) (left []string, err error) {
	for _, path := range slices.Backward(made) {
		gone, err := k.registry.Remove(path)
		if err != nil {
			return made, err
		}
		if !gone {
			left = append(left, path)
		}
	}
	slices.Reverse(left)
	return left, nil
}

func (k *keys) print(place string, _ Browser, entries []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HKLM\\%s\n", place)
	for i, entry := range entries {
		fmt.Fprintf(&b, "  %d = %s\n", i+1, entry)
	}
	return b.String()
}
