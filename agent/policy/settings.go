package policy

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/weborigin"
)

// table is every setting that there is, in the order in which people read them.
// docs/develop.md says how to add a row.
var table = []Setting{
	{
		Name: "origin", Type: Records, Property: "ORIGINS", Scope: Machine, Since: "0.1", Join: true,
		Title: "Sites that may ask",
		Example: `[{url = "https://kiosk.example.org", removal = {action = "signOut", grace = "0s"}}, ` +
			`{url = "https://signin.example.org", rights = ["authenticate"], group = "records"}]`,
		Meaning: "The sites whose pages may ask for a sign-in. Without one, no page may. A site that is named in several places has what the first of them says.",
		Fields: []Setting{
			{
				Name: "url", Type: Text, Title: "Site", Example: `"https://signin.example.org"`, Since: "0.1",
				Meaning: "Exactly as browsers write it: no path, no slash at the end, the port only if it is not 443, other scripts as xn--. " +
					"https://*.example.org stands for every site below that name; only a file that administrators alone can write may have one.",
				alone: func(v any) string {
					if !weborigin.IsWildcard(v.(string)) {
						return ""
					}
					return fmt.Sprintf("%q: only a policy that administrators alone can write may have a wildcard", v)
				},
				set: func(_ *Policy, v any) error {
					if err := weborigin.CheckEntry(v.(string)); err != nil {
						return fmt.Errorf("%q %w", v, err)
					}
					return nil
				},
			},
			{
				Name: "rights", Type: List, Title: "Rights", Default: `["authenticate"]`, Since: "0.1",
				Choices: []string{Authenticate, Sign, ManagePIN},
				Meaning: "`authenticate` signs the person in, `sign` has documents' digests signed, `managePIN` is for changing and unblocking a PIN, which pages cannot ask for in this version: it gives nothing yet.",
			},
			{
				Name: "group", Type: Text, Title: "Group", Example: `"records"`, Since: "0.1",
				Meaning: "Sites of one group share their sessions.",
			},
			{
				Name: "removal.action", Type: Choice, Title: "When its card is taken out", Example: `"signOut"`, Since: "0.1",
				Choices: removalActions,
				Meaning: "Instead of removal.action; one for a whole group.",
			},
			{
				Name: "removal.grace", Type: Duration, Title: "How long its card may come back", Example: `"0s"`, Since: "0.1", Max: int64(day),
				Meaning: "Instead of removal.grace; one for a whole group.",
			},
		},
		set: func(p *Policy, v any) error { p.setOrigins(v.([]Record)); return nil },
	},
	{
		Name: "origins.ask", Type: Switch, Property: "ASKORIGINS", Scope: Machine, Since: "0.1", Default: "false",
		Title: "Ask people about other sites",
		Meaning: "Whether the person is asked when a site that is not listed wants to sign them in. It is refused all the same; " +
			"after a yes it may try again, and only sign in. While this is off, no answer counts.",
		set: func(p *Policy, v any) error { p.ask = v.(bool); return nil },
	},
	{
		Name: "removal.action", Type: Choice, Property: "REMOVALACTION", Scope: Person, Since: "0.1", Default: `"lock"`, Choices: removalActions,
		Title:   "When the card is taken out",
		Meaning: "What pages do when the card of a session is taken out: `none`, `lock` until it is back and the PIN was typed, or `signOut`.",
		set:     func(p *Policy, v any) error { p.removal.Action = signin.RemovalAction(v.(string)); return nil },
	},
	{
		Name: "removal.grace", Type: Duration, Property: "REMOVALGRACE", Scope: Person, Since: "0.1", Default: `"15m"`, Max: int64(day),
		Title:   "How long the card may come back",
		Meaning: "How long the same card may come back before the session ends.",
		set:     func(p *Policy, v any) error { p.removal.Grace = v.(time.Duration); return nil },
	},
	{
		Name: "removal.onLock", Type: Switch, Property: "REMOVALONLOCK", Scope: Person, Since: "0.1", Default: "false",
		Title: "Whether a locked screen counts as removal",
		Meaning: "Whether a lock of the screen, or a session of the desktop that is left for another, counts as if the card were taken out. " +
			"While this is off, sessions of a card that stays in go on after unlocking.",
		set: func(p *Policy, v any) error { p.removal.OnLock = v.(bool); return nil },
	},
	{
		Name: "session.limit", Type: Duration, Property: "SESSIONLIMIT", Scope: Person, Since: "0.1", Default: `"12h"`, Min: int64(time.Second), Max: int64(day),
		Title:   "Longest session",
		Meaning: "A session ends this long after its last PIN.",
		set:     func(p *Policy, v any) error { p.limit = v.(time.Duration); return nil },
	},
	{
		Name: "certificate.keyUsage", Type: List, Property: "KEYUSAGE", Scope: Machine, Since: "0.1", Choices: usageNames(), Example: `["digitalSignature"]`,
		Title:   "Key usages that a certificate must have",
		Meaning: "A certificate signs people in only if it has all of these.",
		set: func(p *Policy, v any) (err error) {
			p.certificate.must, err = usages(v.([]string))
			return err
		},
	},
	{
		Name: "certificate.notKeyUsage", Type: List, Property: "NOTKEYUSAGE", Scope: Machine, Since: "0.1", Choices: usageNames(), Example: `["nonRepudiation"]`,
		Title:   "Key usages that a certificate must not have",
		Meaning: "A certificate signs people in only if it has none of these.",
		set: func(p *Policy, v any) (err error) {
			p.certificate.mustNot, err = usages(v.([]string))
			return err
		},
	},
	{
		Name: "certificate.extendedKeyUsage", Type: List, Property: "EXTENDEDKEYUSAGE", Scope: Machine, Since: "0.1", Example: `["clientAuth"]`,
		Title: "Extended key usages, one of which a certificate must have",
		Meaning: "A certificate signs people in only if it names one of these, instead of the rule that it must be for clients if it says for whom: " +
			"`clientAuth`, `smartcardLogon`, `emailProtection`, or an object identifier.",
		set: func(p *Policy, v any) (err error) {
			p.certificate.extended, err = identifiers(v.([]string), extendedKeyUsages)
			return err
		},
	},
	{
		Name: "certificate.policies", Type: List, Property: "CERTIFICATEPOLICIES", Scope: Machine, Since: "0.1", Example: `["1.2.826.0.1275.101.0.3.1.1"]`,
		Title:   "Certificate policies, one of which a certificate must have",
		Meaning: "A certificate signs people in only if it names one of these policies, written as object identifiers.",
		set: func(p *Policy, v any) (err error) {
			p.certificate.policies, err = identifiers(v.([]string), nil)
			return err
		},
	},
	{
		Name: "certificate.issuers", Type: List, Property: "ISSUERS", Scope: Machine, Since: "0.1", Example: `["Example Issuing CA"]`,
		Title:   "Issuers that a certificate may come from",
		Meaning: "A certificate signs people in, and documents, only if it comes from one of these, by their common names.",
		set:     func(p *Policy, v any) error { p.certificate.issuers = v.([]string); return nil },
	},
	{
		Name: "certificate.validFor", Type: Duration, Property: "VALIDFOR", Scope: Machine, Since: "0.1", Default: `"0s"`, Max: int64(longestAhead),
		Title:   "How much longer a certificate must be valid",
		Meaning: "A certificate signs people in only if it is valid that much longer.",
		set:     func(p *Policy, v any) error { p.certificate.validFor = v.(time.Duration); return nil },
	},
	{
		Name: "cards.list", Type: Text, Property: "MODULES", Scope: Machine, Since: "0.1", Example: `"/etc/cardea/cards.toml"`, NextStart: true, Alone: true,
		Title: "List of further cards",
		Meaning: "The file with your own list of cards and modules, as an absolute path. What it names is loaded into a process: " +
			"it and whatever names it must be the administrators' alone.",
		set: func(p *Policy, v any) error {
			if p.cardList = v.(string); !filepath.IsAbs(p.cardList) {
				return fmt.Errorf("must be an absolute path, not %q", p.cardList)
			}
			return nil
		},
	},
	{
		Name: "listen.port", Type: Number, Property: "PORT", Scope: Machine, Since: "0.1", Default: "24747", Min: 1, Max: 65535, NextStart: true,
		Title:   "Port for pages",
		Meaning: "The port of 127.0.0.1 and [::1] at which an agent serves pages that has no broker to do it. Sites have to name the same one.",
		set:     func(p *Policy, v any) error { p.port = int(v.(int64)); return nil },
	},
	{
		Name: "autostart", Type: Switch, Property: "AUTOSTART", Scope: Machine, Since: "0.1", Default: "true", NextStart: true,
		Title: "Whether Cardea starts by itself",
		Meaning: "Whether agent and tray are started when a person signs in to the computer. While this is off, nothing of Cardea runs for them " +
			"until it is started by hand: it can be installed before it is wanted.",
		set: func(p *Policy, v any) error { p.autostart = v.(bool); return nil },
	},
	{
		Name: "contact", Type: Records, Property: "SUPPORTCONTACTS", Scope: Machine, Since: "0.1", Join: true,
		Title:   "Who can help",
		Example: `[{for = "administrator", name = "Service desk", phone = "01234 567890", email = "it@example.org", url = "https://help.example.org"}]`,
		Meaning: "Whom a person is sent to for a kind of help. They are named where something goes wrong. Of a kind that is named in several places, the first one counts.",
		Fields: []Setting{
			{
				Name: "for", Type: Choice, Title: "Kind of help", Example: `"administrator"`, Since: "0.1", Choices: helps,
				Meaning: "`administrator` looks after this computer, `cardIssuer` gives out cards and mends their PINs, `software` and `mail` are the desks for those.",
			},
			{Name: "name", Type: Text, Title: "Name", Example: `"Service desk"`, Since: "0.1", Meaning: "What the person or the desk is called.", set: printable},
			{Name: "phone", Type: Text, Title: "Telephone", Example: `"01234 567890"`, Since: "0.1", Meaning: "A telephone number, as people write it.", set: printable},
			{Name: "email", Type: Text, Title: "E-mail", Example: `"it@example.org"`, Since: "0.1", Meaning: "An e-mail address.", set: printable},
			{Name: "url", Type: Text, Title: "Page", Example: `"https://help.example.org"`, Since: "0.1", Meaning: "A page with help.", set: httpsPage},
		},
		set: func(p *Policy, v any) error { return p.setContacts(v.([]Record)) },
	},
	{
		Name: "log.level", Type: Choice, Property: "LOGLEVEL", Scope: Person, Since: "0.1", Default: `"info"`, Choices: []string{"error", "warn", "info", "debug"}, User: true,
		Title:   "How much is logged",
		Meaning: "The least that is worth a line in the agent's log. No PIN, nonce or token is logged at any level.",
		set:     func(p *Policy, v any) error { return p.logLevel.UnmarshalText([]byte(v.(string))) },
	},
	{
		Name: "browserPolicy.browsers", Type: List, Property: "BROWSERS", Scope: Machine, Since: "0.1", Default: `["chromium", "chrome", "edge", "firefox"]`,
		Choices: []string{"chromium", "chrome", "edge", "firefox"}, MayBeEmpty: true,
		Title:   "Browsers that are told",
		Meaning: "The browsers that `cardea-agent browser-policy` allows the sites in, so that they ask nobody. `[]` leaves them all alone.",
		set:     func(p *Policy, v any) error { p.browsers = v.([]string); return nil },
	},
}

const day = 24 * time.Hour

var removalActions = []string{string(signin.RemovalNone), string(signin.RemovalLock), string(signin.RemovalSignOut)}

// setOrigins takes the sites. What they inherit is filled in by finish.
func (p *Policy) setOrigins(records []Record) {
	p.origins = map[string]origin{}
	p.order = nil
	for _, r := range records {
		url, _ := r.Fields["url"].(string)
		o := origin{from: r.From}
		o.rights, _ = r.Fields["rights"].([]string)
		o.group, _ = r.Fields["group"].(string)
		if action, given := r.Fields["removal.action"].(string); given {
			o.action = new(signin.RemovalAction(action))
		}
		if grace, given := r.Fields["removal.grace"].(time.Duration); given {
			o.grace = new(grace)
		}
		p.origins[url] = o
		p.order = append(p.order, url)
	}
}

// finish fills in what settings take from others, and finds those that
// contradict each other.
func (p *Policy) finish() []*Problem {
	var problems []*Problem
	if err := p.certificate.contradiction(); err != nil {
		problems = append(problems, p.problem("certificate.notKeyUsage", err))
	}
	groups := map[string]string{} // the first site of each
	for _, url := range p.order {
		o := p.origins[url]
		o.removal = p.removal
		if o.action != nil {
			o.removal.Action = *o.action
		}
		if o.grace != nil {
			o.removal.Grace = *o.grace
		}
		p.origins[url] = o
		other, shared := groups[o.group]
		switch {
		case o.group == "":
		case !shared:
			groups[o.group] = url
		case o.removal != p.origins[other].removal:
			// One session has one card: what is locked for one is for all.
			problems = append(problems, &Problem{
				Source: o.from.Source, Line: o.from.Line, Name: "origin.removal",
				Text: fmt.Sprintf("that of %s differs from that of %s in the same group", url, other),
			})
		}
	}
	return problems
}

// problem is one with a value that counts.
func (p *Policy) problem(name string, err error) *Problem {
	problem := &Problem{Name: name, Text: err.Error()}
	i := slices.IndexFunc(p.effective, func(e Effective) bool { return e.Setting.Name == name })
	if i >= 0 && len(p.effective[i].From) > 0 {
		problem.Source, problem.Line = p.effective[i].From[0].Source, p.effective[i].From[0].Line
	}
	return problem
}

var errExcluded = errors.New("excludes what every certificate must have")
