package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/agent/stricttoml"
)

// Record is an entry of a setting of the type Records.
type Record struct {
	// Fields are the values by the names of the setting's Fields, of the Go
	// types that their types name. Those without a value have their default,
	// or are missing when there is none.
	Fields map[string]any
	From   Origin
}

// ID is what tells a record from the others.
func (r Record) ID(s Setting) string {
	id, _ := r.Fields[s.Fields[0].Name].(string)
	return id
}

// reader reads the values of one document.
type reader struct {
	document
	problems []*Problem
}

func (r *reader) wrong(at, name, text string, args ...any) {
	r.problems = append(r.problems, &Problem{Source: r.source, Line: r.line(at), Name: name, Text: fmt.Sprintf(text, args...)})
}

// read returns the values of a tree by the names of rows. What is no row's name
// or not of its type is a problem. at is where the tree is in the document, and
// shown how its names are told to people; both end in a dot or are empty.
func (r *reader) read(rows []Setting, tree map[string]any, at, shown string) map[string]any {
	values := map[string]any{}
	r.walk(rows, tree, at, shown, "", values)
	return values
}

func (r *reader) walk(rows []Setting, tree map[string]any, at, shown, table string, values map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		name := table + key
		row, known := find(rows, name)
		switch {
		case known:
			if v, ok := r.value(row, tree[key], at+name, shown+name); ok {
				values[name] = v
			}
		case isTable(rows, name):
			inner, ok := tree[key].(map[string]any)
			if !ok {
				r.wrong(at+name, shown+name, "must be a table of settings")
				continue
			}
			r.walk(rows, inner, at, shown, name+".", values)
		default:
			r.unknown(rows, at+name, shown, table, name)
		}
	}
}

// value reads one value and asks its row.
func (r *reader) value(row Setting, raw any, at, shown string) (any, bool) {
	if row.Type == Records {
		return r.records(row, raw, at, shown)
	}
	v, err := row.convert(raw)
	if err == nil && row.set != nil {
		err = row.set(newPolicy(), v)
	}
	if err != nil {
		r.wrong(at, shown, "%s", err)
	}
	return v, err == nil
}

func (r *reader) records(row Setting, raw any, at, shown string) (any, bool) {
	items, ok := raw.([]any)
	if !ok {
		r.wrong(at, shown, "must be a list of tables, as [[%s]] begins one", row.Name)
		return nil, false
	}
	before := len(r.problems)
	var records []Record
	for i, item := range items {
		here := fmt.Sprintf("%s[%d]", at, i)
		tree, ok := item.(map[string]any)
		if !ok {
			r.wrong(here, shown, "must be a list of tables, as [[%s]] begins one", row.Name)
			continue
		}
		fields := r.read(row.Fields, tree, here+".", shown+".")
		record := Record{Fields: fields, From: Origin{Level: r.level, Source: r.source, Line: r.line(here)}}
		first := row.Fields[0].Name
		if _, given := tree[first]; !given {
			r.wrong(here, shown+"."+first, "is missing")
		} else if slices.ContainsFunc(records, func(o Record) bool { return o.ID(row) == record.ID(row) }) {
			r.wrong(here, shown+"."+first, "%q is named twice", record.ID(row))
		}
		for _, field := range row.Fields {
			if _, given := fields[field.Name]; !given && field.Default != "" {
				fields[field.Name] = field.defaultValue()
			}
		}
		records = append(records, record)
	}
	if row.set != nil && len(r.problems) == before {
		if err := row.set(newPolicy(), records); err != nil {
			r.wrong(at, shown, "%s", err)
		}
	}
	return records, len(r.problems) == before
}

// unknown refuses a name that no row has. Next to it, and then anywhere, there
// may be one that was meant.
func (r *reader) unknown(rows []Setting, at, shown, table, name string) {
	text := "there is no setting " + shown + name
	best := stricttoml.Nearest(name, siblings(rows, table))
	if best == "" {
		_, last := cutLast(name)
		for _, row := range rows {
			if _, own := cutLast(row.Name); best == "" && own == last {
				best = row.Name
			}
		}
	}
	if best != "" {
		text += ": the nearest is " + shown + best
	}
	r.wrong(at, "", "%s", text)
}

func cutLast(name string) (table, last string) {
	i := strings.LastIndexByte(name, '.')
	return name[:i+1], name[i+1:]
}

// convert makes the row's Go type of what a document has, within the bounds
// that the row has.
func (s Setting) convert(raw any) (any, error) {
	switch s.Type {
	case Switch:
		if v, ok := raw.(bool); ok {
			return v, nil
		}
		return nil, errors.New("must be true or false")
	case Number:
		v, ok := raw.(int64)
		if !ok || v < s.Min || v > s.Max {
			return nil, fmt.Errorf("must be a number from %d to %d", s.Min, s.Max)
		}
		return v, nil
	case List:
		return s.convertList(raw)
	}
	text, ok := raw.(string)
	if !ok {
		return nil, errors.New("must be a text in quotation marks")
	}
	switch s.Type {
	case Duration:
		return s.convertDuration(text)
	case Choice:
		if !slices.Contains(s.Choices, text) {
			return nil, fmt.Errorf("must be %s, not %q", oneOfWords(s.Choices), text)
		}
	}
	return text, nil
}

// convertDuration reads Go's notation, such as 15m or 12h.
func (s Setting) convertDuration(text string) (any, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("must be a time such as 90s, 15m or 12h, not %q", text)
	case int64(d) < s.Min || int64(d) > s.Max:
		return nil, fmt.Errorf("must be at least %s and at most %s", short(time.Duration(s.Min)), short(time.Duration(s.Max)))
	}
	return d, nil
}

// defaultValue is the value that the row's Default writes.
func (s Setting) defaultValue() any {
	tree, _, err := stricttoml.Read([]byte("default = " + s.Default))
	if err != nil {
		panic("policy: " + s.Name + ": " + err.Error()) // the tests read the table too
	}
	v, err := s.convert(tree["default"])
	if err != nil {
		panic("policy: " + s.Name + ": " + err.Error())
	}
	return v
}

func (s Setting) convertList(raw any) (any, error) {
	items, ok := raw.([]any)
	if !ok {
		return nil, errors.New("must be a list of texts")
	}
	list := []string{}
	for _, item := range items {
		text, ok := item.(string)
		switch {
		case !ok:
			return nil, errors.New("must be a list of texts")
		case text == "":
			return nil, errors.New("has an empty entry")
		case len(s.Choices) > 0 && !slices.Contains(s.Choices, text):
			return nil, fmt.Errorf("each must be %s, not %q", oneOfWords(s.Choices), text)
		}
		list = append(list, text)
	}
	if len(list) == 0 && !s.MayBeEmpty {
		return nil, errors.New("names none; leave it out instead")
	}
	return list, nil
}

func oneOfWords(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// short writes a time as people do: 15m and not 15m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
