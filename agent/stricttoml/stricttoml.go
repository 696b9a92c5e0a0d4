// Package stricttoml reads the TOML files that an administrator writes. Each
// name must be one that the program knows, written exactly as it is documented:
// a name that is misspelt, or right but for its capitals, is refused and the
// nearest known one is named. A setting that does nothing because of a slip
// would be worse than none.
//
// [Decode] checks names against a Go type. [Read] leaves that to those who have
// a table of names, and tells them the line of each.
//
// It never reads a file itself and knows no setting. It is tested by a table
// over texts, and fuzzed by those who use it.
package stricttoml

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Decode reads a TOML text into what into points to: a struct whose fields, and
// those of the structs in it, all have a toml tag that is the name and nothing
// else.
func Decode(text []byte, into any) error {
	var names map[string]any
	if err := toml.Unmarshal(text, &names); err != nil {
		return positioned(err)
	}
	if err := check(reflect.TypeOf(into), names, ""); err != nil {
		return err
	}
	return positioned(toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(into))
}

// SyntaxError is of a text that is no TOML, or whose values are of other types
// than wanted.
type SyntaxError struct {
	Line int
	Err  error
}

// Error says where the text goes wrong, and how.
func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns how the text goes wrong.
func (e *SyntaxError) Unwrap() error { return e.Err }

// positioned puts the line in front of an error that has one.
func positioned(err error) error {
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, _ := at.Position()
		return &SyntaxError{Line: row, Err: err}
	}
	return err
}

var leaf = reflect.TypeFor[encoding.TextUnmarshaler]()

// check compares the names in a value with those that a type has. prefix is
// what stands before them, with a dot at its end.
func check(t reflect.Type, value any, prefix string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(leaf) {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice:
		items, _ := value.([]any) // another type is refused when it is decoded
		for _, item := range items {
			if err := check(t.Elem(), item, prefix); err != nil {
				return err
			}
		}
	case reflect.Struct:
		names, _ := value.(map[string]any)
		return checkNames(t, names, prefix)
	}
	return nil
}

func checkNames(t reflect.Type, names map[string]any, prefix string) error {
	known := map[string]reflect.Type{}
	for field := range t.Fields() {
		known[field.Tag.Get("toml")] = field.Type
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		field, ok := known[name]
		if !ok {
			return unknown(prefix, name, slices.Sorted(maps.Keys(known)))
		}
		if err := check(field, names[name], prefix+name+"."); err != nil {
			return err
		}
	}
	return nil
}

func unknown(prefix, name string, known []string) error {
	best := Nearest(name, known)
	if best == "" {
		return fmt.Errorf("there is no setting %s%s", prefix, name)
	}
	return fmt.Errorf("there is no setting %s%s: the nearest is %s%s", prefix, name, prefix, best)
}

// Nearest returns the one of the known names that a slip most likely meant, or
// nothing when none is near.
func Nearest(name string, known []string) string {
	best, least := "", len(name)/2+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is how many letters have to be put in, taken out or replaced to make
// b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for i := range row {
		row[i] = i
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
