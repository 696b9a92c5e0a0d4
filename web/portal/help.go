package portal

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/texts"
	"github.com/cardea-agent/cardea/web/verify"
)

// Contact is whom people turn to. What is empty is not shown.
type Contact struct {
	Name  string // "IT service desk"
	Phone string
	Email string
	Hours string // "every day, 07:00 to 21:00"
}

// Dial is the telephone number as a tel link has it: without what people write
// into it to read it (RFC 3966, section 5.1.1).
func (c Contact) Dial() string {
	return strings.Map(func(r rune) rune {
		if r == '+' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, c.Phone)
}

// Contacts are those who can help, by the kind of help.
type Contacts struct {
	LocalAdministrator Contact // of the computer, its reader and its software
	CardIssuer         Contact // gives out, unblocks and renews cards
	SoftwareDesk       Contact // of this site
	MailDesk           Contact // of e-mail addresses and mails that do not arrive
}

// whoMail is the portal's own kind of help beside those of the protocol.
const whoMail protocol.Who = "mail"

func (c Contacts) of(who protocol.Who) Contact {
	switch who {
	case protocol.WhoAdmin:
		return c.LocalAdministrator
	case protocol.WhoCardIssuer:
		return c.CardIssuer
	case protocol.WhoSite:
		return c.SoftwareDesk
	case whoMail:
		return c.MailDesk
	}
	return Contact{}
}

// code is why the server refused something: those of packages verify and
// accounts, which agree where they share one, and the portal's own.
type code string

// The portal's own codes.
const (
	codeSignedOut       = code(accounts.CodeSignedOut)
	codeTokenMalformed  = code(verify.CodeTokenMalformed)
	codeNonceUnknown    = code(verify.CodeNonceUnknown)
	codeInternal        = code(accounts.CodeInternal)
	codeTooManyRequests = code("tooManyRequests") // from one network address
	codeUnreachable     = code("unreachable")     // made by the page: no answer
	codePageNotFound    = code("pageNotFound")
	codeMailMissing     = code("mailMissing") // no refusal, but asked for: a mail did not come
)

// whoHelps says, for each code, who is the first that can act.
var whoHelps = map[code]protocol.Who{
	codeNonceUnknown:                        protocol.WhoUser,
	code(verify.CodeNonceExpired):           protocol.WhoUser,
	codeTokenMalformed:                      protocol.WhoSite,
	code(verify.CodeFormatUnsupported):      protocol.WhoSite,
	code(verify.CodeAlgorithmUnsupported):   protocol.WhoCardIssuer,
	code(verify.CodeSignatureInvalid):       protocol.WhoSite,
	code(verify.CodeCertificateNotYetValid): protocol.WhoCardIssuer,
	code(verify.CodeCertificateExpired):     protocol.WhoCardIssuer,
	code(verify.CodeCertificateUntrusted):   protocol.WhoSite,
	code(verify.CodeCertificateRevoked):     protocol.WhoCardIssuer,
	code(verify.CodeRevocationUnknown):      protocol.WhoSite,
	code(verify.CodeWrongUsage):             protocol.WhoCardIssuer,
	code(verify.CodeWrongPolicy):            protocol.WhoCardIssuer,
	code(verify.CodeUserIDMissing):          protocol.WhoCardIssuer,
	code(verify.CodeDifferentCard):          protocol.WhoUser,

	code(accounts.CodeCredentialsWrong):       protocol.WhoAdmin,
	code(accounts.CodeTooManyAttempts):        protocol.WhoAdmin,
	code(accounts.CodeAccountInactive):        protocol.WhoAdmin,
	code(accounts.CodeCardNotRegistered):      protocol.WhoUser,
	codeSignedOut:                             protocol.WhoUser,
	code(accounts.CodeSessionExpired):         protocol.WhoUser,
	code(accounts.CodePageLocked):             protocol.WhoUser,
	code(accounts.CodeReauthenticationNeeded): protocol.WhoUser,
	code(accounts.CodeNotAllowed):             protocol.WhoAdmin,
	code(accounts.CodePolicyNotAccepted):      protocol.WhoUser,
	code(accounts.CodePolicyChanged):          protocol.WhoUser,
	code(accounts.CodeRegistrationNotFound):   protocol.WhoUser,
	code(accounts.CodeRegistrationExpired):    protocol.WhoUser,
	code(accounts.CodeCardNotChosen):          protocol.WhoUser,
	code(accounts.CodeCardTaken):              protocol.WhoAdmin,
	code(accounts.CodeCardAlreadyRegistered):  protocol.WhoUser,
	code(accounts.CodeCardNotFound):           protocol.WhoUser,
	code(accounts.CodeSignatureNotFound):      protocol.WhoUser,
	code(accounts.CodeUserNotFound):           protocol.WhoUser,
	code(accounts.CodeEmailTaken):             whoMail,
	code(accounts.CodeFieldInvalid):           protocol.WhoUser,
	codeInternal:                              protocol.WhoSite,
	codeTooManyRequests:                       protocol.WhoSite,
	codeUnreachable:                           protocol.WhoAdmin,
	codePageNotFound:                          protocol.WhoUser,
	codeMailMissing:                           whoMail,
}

// advice is what a help page shows about one code.
type advice struct {
	Code             string
	Happened, Try    string
	Meaning, Fix     string // for IT; empty for the server's codes
	Who              protocol.Who
	WhoText          string
	Contact          Contact
	FromAgent, Known bool
}

// adviseAgent is about a code of the agent or of the client library.
func (p *portal) adviseAgent(name string, t texts.Texts) (advice, bool) {
	row, ok := protocol.Errors[signin.Code(name)]
	if !ok {
		return advice{}, false
	}
	a := advice{Code: name, Who: row.Who, Contact: p.Contacts.of(row.Who), FromAgent: true}
	a.Happened, a.Try, a.WhoText = word(t, "error."+name), word(t, "try."+name), word(t, "who."+string(row.Who))
	a.Meaning, a.Fix = word(t, "meaning."+name), word(t, "fix."+name)
	return a, true
}

// adviseSite is about a code of the server.
func (p *portal) adviseSite(name string, t texts.Texts) (advice, bool) {
	who, ok := whoHelps[code(name)]
	if !ok {
		return advice{}, false
	}
	a := advice{Code: name, Who: who, Contact: p.Contacts.of(who)}
	a.Happened, a.Try, a.WhoText = word(t, "refused."+name), word(t, "refusedTry."+name), word(t, "who."+string(who))
	return a, true
}

// word is a text that tests know to be there.
func word(t texts.Texts, key string, values ...any) string {
	text, err := t.T(key, values...)
	if err != nil {
		return key
	}
	return text
}

// helpCode is the page of one code. In the path, the family comes first: the
// agent and the server each have an "internal".
func (p *portal) helpCode(family func(string, texts.Texts) (advice, bool)) pageData {
	return func(r *http.Request, v *visit) (any, error) {
		a, ok := family(r.PathValue("code"), v.Texts)
		if !ok {
			return nil, refusal{codePageNotFound}
		}
		return a, nil
	}
}

// helpView is whom to turn to, and every problem that has a page.
type helpView struct {
	Kinds    []helpKind
	Families []helpFamily
}

type helpKind struct {
	Text    string
	Contact Contact
}

// helpFamily is a list of problems: those between the page and the agent, or
// those that the server tells.
type helpFamily struct {
	Text     string
	Problems []helpProblem
}

// helpProblem leads to the page of a code.
type helpProblem struct{ Family, Code, Happened string }

func (p *portal) helpIndex(_ *http.Request, v *visit) (any, error) {
	var shown helpView
	for _, who := range []protocol.Who{protocol.WhoAdmin, protocol.WhoCardIssuer, protocol.WhoSite, whoMail} {
		shown.Kinds = append(shown.Kinds, helpKind{word(v.Texts, "help."+string(who)), p.Contacts.of(who)})
	}
	for _, family := range []struct{ name, text string }{{"agent", "error."}, {"site", "refused."}} {
		listed := helpFamily{Text: word(v.Texts, "help.family."+family.name)}
		for _, name := range codesOf(family.name) {
			listed.Problems = append(listed.Problems, helpProblem{family.name, name, word(v.Texts, family.text+name)})
		}
		shown.Families = append(shown.Families, listed)
	}
	return shown, nil
}

// codesOf are the codes that have a page, in order.
func codesOf(family string) (names []string) {
	if family == "agent" {
		for name := range protocol.Errors {
			names = append(names, string(name))
		}
	} else {
		for name := range whoHelps {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names
}

func (p *portal) helpRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /help", p.show(page{name: "help", open: true, data: p.helpIndex}))
	mux.HandleFunc("GET /help/agent/{code}", p.show(page{name: "help-code", open: true, data: p.helpCode(p.adviseAgent)}))
	mux.HandleFunc("GET /help/site/{code}", p.show(page{name: "help-code", open: true, data: p.helpCode(p.adviseSite)}))
}

// contactLines are the contacts for the pages' scripts, a line each.
func (p *portal) contactLines() map[string]string {
	lines := map[string]string{}
	for _, who := range []protocol.Who{protocol.WhoAdmin, protocol.WhoCardIssuer, protocol.WhoSite, whoMail} {
		c := p.Contacts.of(who)
		parts := slices.DeleteFunc([]string{c.Name, c.Phone, c.Email, c.Hours}, func(s string) bool { return s == "" })
		if len(parts) > 0 {
			lines["contact."+string(who)] = strings.Join(parts, " · ")
		}
	}
	return lines
}
