package policy

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// Help is a kind of help that there is somebody for.
type Help string

// The kinds of help.
const (
	HelpAdministrator Help = "administrator"
	HelpCardIssuer    Help = "cardIssuer"
	HelpSoftware      Help = "software"
	HelpMail          Help = "mail"
)

var helps = []string{string(HelpAdministrator), string(HelpCardIssuer), string(HelpSoftware), string(HelpMail)}

// Contact is whom people are sent to. What nobody wrote is empty.
type Contact struct {
	Name, Phone, Email, URL string
}

// String is the contact in one line.
func (c Contact) String() string {
	var parts []string
	for _, part := range []string{c.Name, c.Phone, c.Email, c.URL} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

// helper are the kinds of help by the protocol's words for who can act.
var helper = map[string]Help{"admin": HelpAdministrator, "card-issuer": HelpCardIssuer}

// WhoHelps is whom to ask for what somebody can do, by the protocol's word for
// who that is, in one line; empty when nobody is named.
func (p *Policy) WhoHelps(who string) string {
	c, _ := p.Contact(helper[who])
	return c.String()
}

func (p *Policy) setContacts(records []Record) error {
	p.contacts = map[Help]Contact{}
	for _, r := range records {
		kind, _ := r.Fields["for"].(string)
		c := Contact{}
		c.Name, _ = r.Fields["name"].(string)
		c.Phone, _ = r.Fields["phone"].(string)
		c.Email, _ = r.Fields["email"].(string)
		c.URL, _ = r.Fields["url"].(string)
		if c == (Contact{}) {
			return fmt.Errorf("that for %s says neither who nor how", kind)
		}
		p.contacts[Help(kind)] = c
	}
	return nil
}

// longestText is what fits in a window.
const longestText = 200

// printable refuses what cannot be shown in a line of a window.
func printable(_ *Policy, v any) error {
	text := v.(string)
	switch {
	case text == "":
		return errors.New("is empty")
	case len(text) > longestText:
		return fmt.Errorf("is longer than %d bytes", longestText)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("has characters that cannot be shown")
	}
	return nil
}

func httpsPage(p *Policy, v any) error {
	if err := printable(p, v); err != nil {
		return err
	}
	if u, err := url.Parse(v.(string)); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return errors.New("must be the address of a page, beginning with https://")
	}
	return nil
}
