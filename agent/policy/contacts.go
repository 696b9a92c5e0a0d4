package policy

import (
	"errors"
	"fmt"
	"unicode"
)

// contactRow is the setting with whom to ask for one kind of help. kind is one of
// the protocol's words for who can act.
func contactRow(name, kind, title, example, help string) Setting {
	return Setting{
		Name: name, Type: Text, Scope: Person, Since: "0.1", Example: example,
		Title:   title,
		Meaning: "Whom people ask for " + help + ", as they read it: a name, a number, an address. It is shown beside what they could ask about.",
		set: func(p *Policy, v any) error {
			text := v.(string)
			if err := checkContact(text); err != nil {
				return err
			}
			if p.contacts == nil {
				p.contacts = map[string]string{}
			}
			p.contacts[kind] = text
			return nil
		},
	}
}

// maxContact is as long as two lines of a window.
const maxContact = 160 // characters

func checkContact(text string) error {
	if text == "" {
		return errors.New("is empty; leave the line out for none")
	}
	n := 0
	for _, c := range text {
		if !unicode.IsPrint(c) {
			return fmt.Errorf("must be one line of text, and has the character %q", c)
		}
		n++
	}
	if n > maxContact {
		return fmt.Errorf("must be at most %d characters long, and has %d", maxContact, n)
	}
	return nil
}

// Contact is whom to ask for the help of a kind, by the protocol's word for who
// can act; empty when nobody is named.
func (p *Policy) Contact(kind string) string { return p.contacts[kind] }

// Contact is Policy.Contact.
func (l *Live) Contact(kind string) string { return l.current().Contact(kind) }
