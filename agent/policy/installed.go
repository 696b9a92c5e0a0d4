package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-agent/cardea/agent/stricttoml"
)

// InstalledPath is the key of the Windows registry that the installer writes to
// what it was told: for each setting a value of the setting's whole name, which
// has the text of the installer's property. An empty text says nothing.
//
// It is the computer's own place, behind the computer's own file: whoever
// deploys the installer decides for computers that nobody decides about later.
const InstalledPath = `SOFTWARE\Cardea\Settings`

// installed reads what the installer was told.
func (l *loader) installed(r Registry) {
	key, found := l.key(r)
	if !found {
		return
	}
	d := document{level: ByMachine, source: r.Name(), tree: map[string]any{}, line: noLines, alone: true}
	for _, name := range slices.Sorted(maps.Keys(key.Values)) {
		row, known := Find(name)
		text, isText := key.Values[name].(string)
		switch {
		case !known:
			l.problems = append(l.problems, &Problem{Source: r.Name(), Text: "there is no setting " + name})
		case !isText:
			l.problems = append(l.problems, &Problem{Source: r.Name(), Name: name, Text: "must be a text, as the installer writes it"})
		case strings.TrimSpace(text) != "":
			v, err := row.fromText(strings.TrimSpace(text))
			if err != nil {
				l.problems = append(l.problems, &Problem{Source: r.Name(), Name: name, Text: err.Error()})
				continue
			}
			nest(d.tree, name, v)
		}
	}
	l.documents = append(l.documents, d)
}

// none is how a list without entries is written as a text.
const none = "none"

// fromText makes the types of a TOML text of a value that is written as a text
// alone. What is none of the row's type stays a text, which is refused with the
// row's own words.
func (s Setting) fromText(text string) (any, error) {
	switch s.Type {
	case Switch:
		switch text {
		case "1", "true":
			return true, nil
		case "0", "false":
			return false, nil
		}
		return nil, errors.New("must be 1 or 0")
	case Number:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
	case List:
		if s.MayBeEmpty && text == none {
			return []any{}, nil
		}
		list := []any{}
		for _, entry := range entries(text) {
			list = append(list, entry)
		}
		return list, nil
	case Records:
		return s.recordsOf(text)
	}
	return text, nil
}

// recordsOf reads entries such as https://a.example {rights = ['sign']}: what
// the first field is, and the others as TOML has them between braces.
func (s Setting) recordsOf(text string) (any, error) {
	list := []any{}
	for _, entry := range entries(text) {
		id, fields, braced := strings.Cut(entry, "{")
		id = strings.TrimSpace(id)
		record := map[string]any{}
		if braced {
			fields, closed := strings.CutSuffix(fields, "}")
			tree, _, err := stricttoml.Read([]byte("record = {" + fields + "}"))
			inner, ok := tree["record"].(map[string]any)
			if !closed || err != nil || !ok || len(tree) != 1 {
				return nil, fmt.Errorf("of %s: must be as in {%s}", id, RecordHint(s))
			}
			record = inner
		}
		record[s.Fields[0].Name] = id
		list = append(list, record)
	}
	return list, nil
}

// entries are the parts of a text between semicolons that are in no braces and
// in no quotation marks, without those that are empty.
func entries(text string) []string {
	var all []string
	depth, quote, begin := 0, rune(0), 0
	take := func(end int) {
		if entry := strings.TrimSpace(text[begin:end]); entry != "" {
			all = append(all, entry)
		}
		begin = end + 1
	}
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case depth > 0 && (c == '"' || c == '\''):
			quote = c
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == ';' && depth <= 0:
			take(i)
		}
	}
	take(len(text))
	return all
}
