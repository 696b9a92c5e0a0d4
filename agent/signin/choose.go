package signin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// choice is how a proof's key came to be taken, where several served.
type choice struct {
	offered    []Key // nil where none was made
	chosen     int
	remembered bool // an earlier one was taken over
}

func keysOf(found []proof) []Key {
	keys := make([]Key, len(found))
	for i, p := range found {
		keys[i] = p.key
	}
	return keys
}

// remembered returns the proof that the person chose when just these were
// offered for the same origin, empty when they have to be asked. The choice of
// a certificate to show to the page is never taken over: it is a yes as well.
func (s *Service) remembered(j job, found []proof) proof {
	if s.Choices == nil || j.showKeys {
		return proof{}
	}
	offered := keysOf(found)
	n := s.Choices.Chosen(j.origin, offered)
	if n < 0 || n >= len(found) {
		return proof{}
	}
	p := found[n]
	p.choice = choice{offered: offered, chosen: n, remembered: true}
	return p
}

// settle keeps a choice that led to a signature, and takes one back that the
// person, shown whose card is to sign, said no to: that is how they come to
// choose again.
func (s *Service) settle(ctx context.Context, j job, p proof, err error) {
	c := p.choice
	if s.Choices == nil || c.offered == nil {
		return
	}
	code := CodeOf(err)
	switch {
	case err == nil && !c.remembered:
		s.Choices.Remember(j.origin, c.offered, c.chosen)
	case err != nil && c.remembered && ctx.Err() == nil && (code == CodeCancelled || code == CodePINWrong):
		s.Choices.Forget(j.origin, c.offered)
	}
}

// explain adds, for the log, which rule kept which key out.
func (s *Service) explain(err error, j job, snapshot Snapshot) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != CodeNoUsableCertificate {
		return err
	}
	var all []string
	for _, r := range snapshot.Readers {
		if r.Card == nil {
			continue
		}
		for _, k := range r.Card.Keys() {
			if rule := s.excluded(j, k, r.Card.Keys()); rule != "" {
				all = append(all, fmt.Sprintf("key %s in %s: %s", k.ID, r.Name, rule))
			}
		}
	}
	if len(all) == 0 {
		return err
	}
	return &Error{Code: e.Code, Why: e.Why, Err: errors.New(strings.Join(all, "; "))}
}

// excluded names the rule by which a key does not serve a job.
func (s *Service) excluded(j job, k Key, keys []Key) string {
	const twin = "another certificate of the card has the same key"
	if j.purpose == ToSignIn || j.purpose == ToResume {
		rule := s.Rules.Excluded(k, time.Now())
		if rule == "" && isForDocuments(k, keys) {
			rule = twin
		}
		return rule
	}
	rule := s.Rules.ExcludedFromSigning(k, time.Now())
	if rule == "" && isShared(k, keys) {
		rule = twin
	}
	return rule
}
