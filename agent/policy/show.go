package policy

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Shown is a setting as "cardea-agent policy show --json" prints it.
type Shown struct {
	Name      string      `json:"name"`
	Value     any         `json:"value"` // null when there is none
	From      []ShownFrom `json:"from"`
	Type      Type        `json:"type"`
	Meaning   string      `json:"meaning"`
	NextStart bool        `json:"nextStart,omitzero"` // a change counts at the next start
}

// ShownFrom is where a value comes from.
type ShownFrom struct {
	Level  Level  `json:"level"`
	Source string `json:"source,omitempty"`
	Line   int    `json:"line,omitempty"`
}

// Show returns every setting, its value and where that comes from.
func (p *Policy) Show() []Shown {
	var all []Shown
	for _, e := range p.effective {
		s := Shown{
			Name: e.Setting.Name, Value: shownValue(e.Value), Type: e.Setting.Type,
			Meaning: e.Setting.Meaning, NextStart: e.Setting.NextStart,
		}
		for _, o := range e.From {
			s.From = append(s.From, ShownFrom(o))
		}
		if s.From == nil {
			s.From = []ShownFrom{{Level: ByDefault}}
		}
		all = append(all, s)
	}
	return all
}

// shownValue makes of a value what JSON has as TOML has it.
func shownValue(v any) any {
	switch v := v.(type) {
	case time.Duration:
		return short(v)
	case []Record:
		list := []map[string]any{}
		for _, r := range v {
			fields := map[string]any{}
			for name, value := range r.Fields {
				nest(fields, name, shownValue(value))
			}
			list = append(list, fields)
		}
		return list
	}
	return v
}

// nest puts a value where its name says, in tables.
func nest(tree map[string]any, name string, value any) {
	table, rest, in := strings.Cut(name, ".")
	if !in {
		tree[name] = value
		return
	}
	inner, ok := tree[table].(map[string]any)
	if !ok {
		inner = map[string]any{}
		tree[table] = inner
	}
	nest(inner, rest, value)
}

// Print writes every setting for people: a line each, and one for each record.
func (p *Policy) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, e := range p.effective {
		records, are := e.Value.([]Record)
		for _, r := range records {
			fmt.Fprintf(w, "%s\t%s\t%s\n", e.Setting.Name, formatRecord(r), whence([]Origin{r.From}))
		}
		if are && len(records) > 0 {
			continue
		}
		value := FormatTOML(e.Value)
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", e.Setting.Name, value, whence(e.From))
	}
	return w.Flush()
}

// whence says in words where a value is from.
func whence(from []Origin) string {
	if len(from) == 0 {
		return string(ByDefault)
	}
	var all []string
	for _, o := range from {
		text := string(o.Level)
		if o.Source != "" {
			text += " " + o.Source
		}
		if o.Line > 0 {
			text += fmt.Sprintf(":%d", o.Line)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
