package policy

import (
	"errors"
	"slices"
	"sync"

	"github.com/cardea-agent/cardea/agent/stricttoml"
)

// Origin is where a value comes from.
type Origin struct {
	Level  Level
	Source string // a file's path, or what else the place is called
	Line   int    // 0 where there are no lines
}

// Effective is the value of a setting that counts.
type Effective struct {
	Setting Setting
	Value   any      // of the Go type that the setting's Type names; nil when there is none
	From    []Origin // who decided it; none for the default, several for a list that is joined
}

// document is what one place says.
type document struct {
	level  Level
	source string
	tree   map[string]any
	line   func(name string) int
	alone  bool // only administrators can have written it
	person bool // it is for one person alone
}

func noLines(string) int { return 0 }

// textDocument reads a TOML text.
func textDocument(level Level, source string, text []byte) (document, *Problem) {
	tree, lines, err := stricttoml.Read(text)
	if at, ok := errors.AsType[*stricttoml.SyntaxError](err); ok {
		return document{}, &Problem{Source: source, Line: at.Line, Text: at.Err.Error()}
	}
	if err != nil {
		return document{}, &Problem{Source: source, Text: err.Error()}
	}
	return document{level: level, source: source, tree: tree, line: lines.Of}, nil
}

// given is a value that a document has.
type given struct {
	value any
	from  Origin
}

// values reads all that a document says.
func (d document) values() (map[string]given, []*Problem) {
	r := reader{document: d}
	all := map[string]given{}
	for name, v := range r.read(table, d.tree, "", "") {
		row, _ := Find(name)
		switch {
		case d.level == ByUser && !row.User:
			r.wrong(name, name, "only an administrator may set it")
		case d.person && row.Scope == Machine:
			r.wrong(name, name, "is one for all who use the computer and cannot be set for a person")
		case row.Alone && !d.alone:
			r.wrong(name, name, "only a policy that administrators alone can write may have one")
		case !d.alone && aloneIn(row, v) != "":
			r.wrong(name, name, "%s", aloneIn(row, v))
		default:
			all[name] = given{v, Origin{Level: d.level, Source: d.source, Line: d.line(name)}}
		}
	}
	return all, r.problems
}

// aloneIn is why only a file of the administrators may have a value of records;
// empty when every file may.
func aloneIn(row Setting, v any) string {
	records, _ := v.([]Record)
	for _, r := range records {
		for _, field := range row.Fields {
			value, given := r.Fields[field.Name]
			if !given || field.alone == nil {
				continue
			}
			if why := field.alone(value); why != "" {
				return why
			}
		}
	}
	return ""
}

// merge makes a policy of documents, of which the first ones count before the
// others. A person's own document that is bad is left out, and said to be in the
// policy's warnings; any other is a problem.
func merge(documents []document) (*Policy, []*Problem) {
	var said []map[string]given
	var problems, warnings []*Problem
	for _, d := range documents {
		values, wrong := d.values()
		switch {
		case len(wrong) == 0:
			said = append(said, values)
		case d.level == ByUser:
			warnings = append(warnings, wrong...)
		default:
			problems = append(problems, wrong...)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	p := newPolicy()
	p.warnings = warnings
	for _, row := range table {
		e := Effective{Setting: row}
		for _, values := range said {
			if v, ok := values[row.Name]; ok {
				e.take(v)
			}
		}
		if e.From == nil {
			e.Value = defaults()[row.Name]
		}
		if e.Value != nil {
			if err := row.set(p, e.Value); err != nil {
				problems = append(problems, &Problem{Name: row.Name, Text: err.Error()})
			}
		}
		p.effective = append(p.effective, e)
	}
	return p, append(problems, p.finish()...)
}

// take lays a value behind those that count before it.
func (e *Effective) take(v given) {
	switch {
	case e.From == nil:
		e.Value = v.value
	case !e.Setting.Join:
		return
	default:
		e.Value = join(e.Setting, e.Value, v.value)
	}
	e.From = append(e.From, v.from)
}

// join puts the entries of more that are not in list yet behind it.
func join(row Setting, list, more any) any {
	if row.Type == List {
		all := slices.Clone(list.([]string))
		for _, entry := range more.([]string) {
			if !slices.Contains(all, entry) {
				all = append(all, entry)
			}
		}
		return all
	}
	all := slices.Clone(list.([]Record))
	for _, record := range more.([]Record) {
		if !slices.ContainsFunc(all, func(r Record) bool { return r.ID(row) == record.ID(row) }) {
			all = append(all, record)
		}
	}
	return all
}

// defaults are the values of settings that nobody set.
var defaults = sync.OnceValue(func() map[string]any {
	values := map[string]any{}
	for _, row := range table {
		if row.Default != "" {
			values[row.Name] = row.defaultValue()
		}
	}
	return values
})

// Parse reads the policy of a TOML text.
func Parse(text []byte) (*Policy, error) {
	d, problem := textDocument(ByMachine, "", text)
	if problem != nil {
		return nil, problem
	}
	d.alone = true // whoever has the text knows where it is from
	p, problems := merge([]document{d})
	if len(problems) > 0 {
		return nil, joined(problems)
	}
	return p, nil
}

// Effective returns the value of every setting and where it is from.
func (p *Policy) Effective() []Effective { return slices.Clone(p.effective) }

// Warnings are what is wrong with the person's own file, which counts for
// nothing then.
func (p *Policy) Warnings() []*Problem { return slices.Clone(p.warnings) }
