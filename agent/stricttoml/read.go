package stricttoml

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Lines tells in which line each name of a text was written. A name has the
// tables that it is in before it, with dots, and an entry of a list of tables
// its number, as in origin[1].url.
type Lines map[string]int

// Of returns the line of a name, which for a list of tables is where its first
// entry begins, or that of the nearest table that it is in; 0 when there is none.
func (l Lines) Of(name string) int {
	for name != "" {
		if line, ok := l[name]; ok {
			return line
		}
		if line, ok := l[name+"[0]"]; ok {
			return line
		}
		name = name[:max(0, strings.LastIndexAny(name, ".["))]
	}
	return 0
}

// Read reads a TOML text whose names are checked by whoever calls it: as
// strings, bools, int64s, lists ([]any) and tables (map[string]any).
func Read(text []byte) (map[string]any, Lines, error) {
	tree := map[string]any{}
	if err := toml.Unmarshal(text, &tree); err != nil {
		return nil, nil, positioned(err)
	}
	lines, err := readLines(text)
	return tree, lines, err
}

// readLines reads a text again that is known to be good.
func readLines(text []byte) (Lines, error) {
	r := lineReader{lines: Lines{}, entries: map[string]int{}}
	r.parser.Reset(text)
	table := ""
	for r.parser.NextExpression() {
		node := r.parser.Expression()
		switch node.Kind {
		case unstable.Table:
			table = r.name("", node.Key(), false)
		case unstable.ArrayTable:
			table = r.name("", node.Key(), true)
		case unstable.KeyValue:
			r.value(r.name(table, node.Key(), false), node.Value())
		}
	}
	if err := r.parser.Error(); err != nil {
		return nil, fmt.Errorf("stricttoml: %w", err)
	}
	return r.lines, nil
}

type lineReader struct {
	parser  unstable.Parser
	lines   Lines
	entries map[string]int // how many a list of tables has so far
}

// name returns the full name of a key below a table and notes its line. A list
// of tables on the way stands for its last entry; entry begins a new one.
func (r *lineReader) name(table string, key unstable.Iterator, entry bool) string {
	for key.Next() {
		part := key.Node()
		if table != "" {
			table += "."
		}
		table += string(part.Data)
		if entry && key.IsLast() {
			r.entries[table]++
		}
		if n := r.entries[table]; n > 0 {
			table = fmt.Sprintf("%s[%d]", table, n-1)
		}
		if _, known := r.lines[table]; !known {
			r.lines[table] = r.parser.Shape(part.Raw).Start.Line
		}
	}
	return table
}

// value notes the lines of what is in a list or an inline table.
func (r *lineReader) value(name string, value *unstable.Node) {
	switch value.Kind {
	case unstable.InlineTable:
		for it := value.Children(); it.Next(); {
			r.value(r.name(name, it.Node().Key(), false), it.Node().Value())
		}
	case unstable.Array:
		for it, i := value.Children(), 0; it.Next(); i++ {
			r.value(fmt.Sprintf("%s[%d]", name, i), it.Node())
		}
	}
}
