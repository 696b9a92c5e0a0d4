package policy

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/cardea-agent/cardea/agent/stricttoml"
)

// RegistryPath is the key of the Windows registry that group policy writes the
// settings to. A setting's tables are keys below it.
const RegistryPath = `SOFTWARE\Policies\Cardea`

// Registry is that key, of the computer or of the person.
type Registry interface {
	// Name is what people call it.
	Name() string
	// Read returns all that is in it; fs.ErrNotExist when it is missing.
	Read() (Key, error)
	// Wait returns when something in it may have changed since it called
	// watching, or ctx ended. What changed before that it may miss.
	Wait(ctx context.Context, watching func()) error
}

// Key is a key of the registry. Its values are strings, []strings and uint64s.
type Key struct {
	Values map[string]any
	Keys   map[string]Key
}

// key reads a key, if there is one, and notes why it cannot be read.
func (l *loader) key(r Registry) (key Key, found bool) {
	if r == nil {
		return Key{}, false
	}
	key, err := r.Read()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.problems = append(l.problems, &Problem{Source: r.Name(), Text: unreadable(err), Err: err})
	}
	return key, err == nil
}

// registry reads a key of group policy.
func (l *loader) registry(r Registry, person bool) {
	key, found := l.key(r)
	if !found {
		return
	}
	tree, problems := key.tree(r.Name(), "")
	l.problems = append(l.problems, problems...)
	l.documents = append(l.documents, document{
		level: ByPolicy, source: r.Name(), tree: tree, line: noLines, alone: true, person: person,
	})
}

// tree makes of a key what a TOML text would say.
//
// Group policy knows no records. A key stands for a list of them: a value's name
// is the record's first field, and its text has the others as TOML has them
// between braces.
func (k Key) tree(source, table string) (map[string]any, []*Problem) {
	tree := map[string]any{}
	var problems []*Problem
	for name, v := range k.Values {
		row, _ := Find(table + name)
		tree[name] = registryValue(row, v)
	}
	for _, name := range slices.Sorted(maps.Keys(k.Keys)) {
		inner := k.Keys[name]
		row, known := Find(table + name)
		if known && row.Type == Records && len(inner.Keys) == 0 {
			records, wrong := inner.records(source, row)
			tree[name], problems = records, append(problems, wrong...)
			continue
		}
		below, wrong := inner.tree(source, table+name+".")
		tree[name], problems = below, append(problems, wrong...)
	}
	return tree, problems
}

// registryValue makes the types of a TOML text of those of the registry.
func registryValue(row Setting, v any) any {
	switch v := v.(type) {
	case uint64:
		if row.Type == Switch && v <= 1 {
			return v == 1
		}
		if v <= 1<<62 {
			return int64(v)
		}
	case []string:
		list := []any{}
		for _, line := range v {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
		return list
	}
	return v
}

func (k Key) records(source string, row Setting) (list []any, problems []*Problem) {
	for _, id := range slices.Sorted(maps.Keys(k.Values)) {
		text, _ := k.Values[id].(string)
		tree, _, err := stricttoml.Read([]byte("record = {" + text + "}"))
		record, ok := tree["record"].(map[string]any)
		if err != nil || !ok || len(tree) != 1 {
			problems = append(problems, &Problem{
				Source: source, Name: row.Name, Text: "of " + id + ": must be as in " + RecordHint(row) + ", or empty",
			})
			continue
		}
		record[row.Fields[0].Name] = id
		list = append(list, record)
	}
	return list, problems
}

// RecordHint shows how group policy has the fields of a record beside the first.
func RecordHint(row Setting) string {
	f := row.Fields[1]
	return f.Name + " = " + f.Shown()
}

// Shown is a value to show, as TOML: the default, or else the example.
func (s Setting) Shown() string {
	if s.Default != "" {
		return s.Default
	}
	return s.Example
}
