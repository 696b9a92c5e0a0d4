package policy

import (
	"errors"
	"strconv"
)

// Problem is what is wrong with one setting in one place.
type Problem struct {
	Source string // a file's path, or what else it is called; empty for a bare text
	Line   int    // 0 where there are no lines
	Name   string // of the setting; empty when it is the place as such
	Text   string // what is wrong
	Err    error  // why a place cannot be read; nil otherwise
}

// Error names the place, the line, the setting and what is wrong.
func (p *Problem) Error() string {
	where := p.Source
	switch {
	case p.Line > 0 && where != "":
		where += ":" + strconv.Itoa(p.Line)
	case p.Line > 0:
		where = "line " + strconv.Itoa(p.Line)
	}
	if where != "" {
		where += ": "
	}
	if p.Name != "" {
		where += p.Name + ": "
	}
	return where + p.Text
}

// Unwrap returns why a place cannot be read.
func (p *Problem) Unwrap() error { return p.Err }

// Problems returns what an error of this package is made of, in order.
func Problems(err error) []*Problem {
	var all []*Problem
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			all = append(all, Problems(e)...)
		}
		return all
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		all = append(all, p)
	}
	return all
}

func joined(problems []*Problem) error {
	var all []error
	for _, p := range problems {
		all = append(all, p)
	}
	return errors.Join(all...)
}
