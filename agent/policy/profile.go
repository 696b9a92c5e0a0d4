package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"howett.net/plist"
)

// ProfileID is the name of the settings in managed profiles of macOS.
const ProfileID = "io.github.cardea-agent"

// profile reads what a profile manages. Such a file is the system's.
func (l *loader) profile(path string, person bool) {
	if path == "" {
		return
	}
	resolved, err := l.trusted(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.problems = append(l.problems, &Problem{Source: path, Text: err.Error(), Err: err})
		return
	}
	d, problem := readProfile(path, resolved)
	d.alone, d.person = true, person
	l.add(d, problem)
}

// readProfile reads a property list, or the part of a configuration profile that
// is for Cardea.
func readProfile(source, path string) (document, *Problem) {
	text, err := readFile(path)
	if err != nil {
		return document{}, &Problem{Source: source, Text: unreadable(err), Err: err}
	}
	tree, err := parseProfile(text)
	if err != nil {
		return document{}, &Problem{Source: source, Text: err.Error()}
	}
	return document{level: ByPolicy, source: source, tree: tree, line: noLines}, nil
}

func parseProfile(text []byte) (tree map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil { // the library's own way out of some bad texts
			err = fmt.Errorf("is no property list: %v", r)
		}
	}()
	if err := plist.NewDecoder(bytes.NewReader(text)).Decode(&tree); err != nil {
		return nil, fmt.Errorf("is no property list: %w", err)
	}
	if payloads, ok := tree["PayloadContent"].([]any); ok {
		tree = payload(payloads)
	}
	if tree == nil {
		return nil, errors.New("has nothing for " + ProfileID)
	}
	for name := range tree {
		if len(name) > 7 && name[:7] == "Payload" { // the profile's own words
			delete(tree, name)
		}
	}
	plain, _ := plainValue(tree).(map[string]any)
	return plain, nil
}

func payload(payloads []any) map[string]any {
	for _, p := range payloads {
		if tree, ok := p.(map[string]any); ok && tree["PayloadType"] == ProfileID {
			return tree
		}
	}
	return nil
}

// plainValue makes the types of a TOML text of those of a property list.
func plainValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = plainValue(inner)
		}
		return v
	case []any:
		for i, inner := range v {
			v[i] = plainValue(inner)
		}
		return v
	case uint64:
		if v <= 1<<62 {
			return int64(v)
		}
	}
	return v
}
