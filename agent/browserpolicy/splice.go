package browserpolicy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A JSON text is changed by taking pieces out and putting pieces in, so that
// what others wrote stays as it is.

// item is a member of an object or an element of an array, by its place.
type item struct {
	name           string // of a member
	from, to       int    // all of it
	valueFrom, val int    // its value, from and to
}

// container is an object or an array in a text.
type container struct {
	text  []byte
	kind  jsontext.Kind
	open  int // behind its first bracket
	items []item
}

var errNoObject = errors.New("is no JSON object")

// parse finds the items of the object or array that a text is.
func parse(text []byte) (*container, error) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	first, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	c := &container{text: text, kind: first.Kind(), open: int(d.InputOffset())}
	if c.kind != '{' && c.kind != '[' {
		return nil, errNoObject
	}
	for d.PeekKind() != '}' && d.PeekKind() != ']' {
		var it item
		if c.kind == '{' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			it.name = name.String()
			// Before it are spaces and a comma.
			quoted := bytes.TrimLeft(text[c.end():d.InputOffset()], " \t\r\n,")
			it.from = int(d.InputOffset()) - len(quoted)
		}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		it.to = int(d.InputOffset())
		it.val, it.valueFrom = it.to, it.to-len(value)
		if c.kind == '[' {
			it.from = it.valueFrom
		}
		c.items = append(c.items, it)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("has something behind its end")
	}
	return c, nil
}

// end is the place behind the last item.
func (c *container) end() int {
	if len(c.items) == 0 {
		return c.open
	}
	return c.items[len(c.items)-1].to
}

// with returns the text with something instead of what is between two places.
func (c *container) with(from, to int, text string) []byte {
	return slices.Concat(c.text[:from], []byte(text), c.text[to:])
}

// without returns the text without an item.
func (c *container) without(i int) []byte {
	switch {
	case i > 0:
		return c.with(c.items[i-1].to, c.items[i].to, "")
	case len(c.items) > 1:
		return c.with(c.items[0].from, c.items[1].from, "")
	}
	return c.with(c.items[0].from, c.items[0].to, "")
}

// added returns the text with an item behind the others, spaced as they are.
func (c *container) added(text string) []byte {
	if len(c.items) == 0 {
		return c.with(c.open, c.open, text)
	}
	space := " "
	if first := c.items[0]; bytes.ContainsRune(c.text[c.open:first.from], '\n') {
		space = string(c.text[c.open:first.from])
	}
	return c.with(c.end(), c.end(), ","+space+text)
}

func (c *container) member(name string) int {
	return slices.IndexFunc(c.items, func(it item) bool { return it.name == name })
}

// strings are the elements of an array that are texts.
func (c *container) strings() []string {
	var all []string
	for _, it := range c.items {
		if s, err := unquote(c.text[it.valueFrom:it.val]); err == nil {
			all = append(all, s)
		}
	}
	return all
}

func unquote(value []byte) (s string, err error) { return s, json.Unmarshal(value, &s) }

func quote(s string) string {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		panic(err) // origins are ASCII
	}
	return string(b)
}

// edit changes the list that a path leads to in an object: without some entries
// and with others. kept is how much of the path is there to stay, also when
// nothing is in it any more. The second result is how much of it was there.
func edit(text []byte, path, without, with []string, kept int) ([]byte, int, error) {
	c, err := parse(text)
	if err != nil {
		return nil, 0, err
	}
	if c.kind != '{' {
		return nil, 0, errNoObject
	}
	i := c.member(path[0])
	if i < 0 {
		if len(with) == 0 {
			return text, 0, nil
		}
		return c.added(quote(path[0]) + ": " + nested(path[1:], with)), 0, nil
	}
	inner, depth := c.text[c.items[i].valueFrom:c.items[i].val], 0
	if len(path) == 1 {
		inner, err = editList(inner, without, with)
	} else {
		inner, depth, err = edit(inner, path[1:], without, with, kept-1)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path[0], err)
	}
	if left, err := parse(inner); err == nil && len(left.items) == 0 && kept < 1 && len(without) > 0 {
		return c.without(i), depth + 1, nil
	}
	return c.with(c.items[i].valueFrom, c.items[i].val, string(inner)), depth + 1, nil
}

func editList(text []byte, without, with []string) ([]byte, error) {
	c, err := parse(text)
	if err != nil || c.kind != '[' {
		return nil, errors.New("is no list")
	}
	for _, entry := range without {
		for i, it := range c.items {
			if s, err := unquote(c.text[it.valueFrom:it.val]); err == nil && s == entry {
				if c, err = parse(c.without(i)); err != nil {
					return nil, err
				}
				break
			}
		}
	}
	for _, entry := range with {
		if c, err = parse(c.added(quote(entry))); err != nil {
			return nil, err
		}
	}
	return c.text, nil
}

// nested is the text of a list within objects.
func nested(path, list []string) string {
	if len(path) > 0 {
		return "{" + quote(path[0]) + ": " + nested(path[1:], list) + "}"
	}
	text := "["
	for i, entry := range list {
		if i > 0 {
			text += ", "
		}
		text += quote(entry)
	}
	return text + "]"
}

// find returns the list that a path leads to; ok is false when there is none.
func find(text []byte, path []string) (list []string, ok bool, err error) {
	c, err := parse(text)
	if err != nil {
		return nil, false, err
	}
	for n, name := range path {
		i := c.member(name)
		if c.kind != '{' || i < 0 {
			return nil, false, nil
		}
		if c, err = parse(c.text[c.items[i].valueFrom:c.items[i].val]); err != nil {
			return nil, false, fmt.Errorf("%s: is neither a list nor an object", path[n])
		}
	}
	if c.kind != '[' {
		return nil, false, fmt.Errorf("%s: is no list", path[len(path)-1])
	}
	return c.strings(), true, nil
}
