package main

import (
	"log/slog"

	"github.com/cardea-agent/cardea/agent/policy"
)

// starts is the policy's word on whether programs are started by themselves. It
// reads what holds for everybody, and nothing that a person wrote.
type starts struct {
	places policy.Places
	log    *slog.Logger

	last bool
	bad  string // why the policy could not be read when last tried
}

func newStarts(places policy.Places, log *slog.Logger) *starts {
	places.User, places.PersonRegistry, places.PersonManaged = "", nil, ""
	return &starts{places: places, log: log, last: true}
}

// now reads the policy. While it is bad, the last good one counts; before there
// was one, programs are started, and the agent says what is wrong with it.
func (s *starts) now() bool {
	p, err := s.places.Load()
	if err != nil {
		if s.bad != err.Error() {
			s.bad = err.Error()
			s.log.Error("the policy is not good", "problem", s.bad, "autostart", s.last)
		}
		return s.last
	}
	s.bad = ""
	on := p.Autostart()
	if on != s.last {
		s.log.Info("the policy has another word on starting", "autostart", on)
	}
	s.last = on
	return on
}
