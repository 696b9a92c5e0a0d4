package session

import (
	"github.com/cardea-agent/cardea/agent/approvals"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/weborigin"
)

// sites is the person's answers, for their tray.
type sites struct {
	file  *approvals.File
	rules approvals.Rules
	audit signin.Audit
}

var _ prompt.SiteKeeper = sites{}

// keeper is nil where nothing is kept.
func (c Config) keeper() prompt.SiteKeeper {
	if c.Approvals == nil {
		return nil
	}
	return sites{c.Approvals, c.Policy, c.Audit}
}

func (s sites) Sites() (prompt.Sites, error) {
	entries, err := s.file.List()
	if err != nil {
		return prompt.Sites{}, err
	}
	all := prompt.Sites{Counts: s.rules.AskOrigins()}
	for _, e := range entries {
		all.Answers = append(all.Answers, prompt.Site{
			Origin: e.Origin, Readable: weborigin.Readable(e.Origin), Allowed: e.Answer == approvals.Allowed, At: e.At,
		})
	}
	return all, nil
}

func (s sites) TakeBack(origin string) error { return s.file.TakeBack(origin, s.audit) }
