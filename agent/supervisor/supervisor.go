package main

import (
	"context"
	"log/slog"
	"maps"
	"time"
)

// system is what is asked of the operating system, and done through it.
type system interface {
	// sessions lists those that people sign in to. It knows nothing of events.
	sessions() ([]session, error)
	// start starts a program in a session as its user, and fails when that is
	// another one by now. When the program has ended, ended is called once with
	// its exit code, from another goroutine.
	start(at place, user string, ended func(code uint32)) (process, error)
}

// process is a program that was started. It ends at the latest with this one.
type process interface {
	stop() error
	// release is called once it has ended, and stop is not called any more.
	release()
}

// event is that something happened to a session. Which one is not told: its
// number would have to be read from memory that is the service manager's again
// by then (golang/go issue 65832). Looking tells more.
type event string

const (
	signOut event = "sign-out"
	other   event = "other"
)

// supervisor does what is decided. Its fields are its goroutine's alone.
type supervisor struct {
	system    system
	autostart func() bool // what the policy says now
	log       *slog.Logger
	events    <-chan event

	programs  map[place]history
	processes map[place]process
	happened  time.Time // the last event
	signedOut time.Time // the last one that somebody signs out
	ends      chan end
	over      chan struct{} // closed when nobody reads ends any more
	blind     string        // why sessions could not be listed when last tried
	known     []session
}

// end is of a process.
type end struct {
	at   place
	code uint32
}

func newSupervisor(s system, autostart func() bool, events <-chan event, log *slog.Logger) *supervisor {
	return &supervisor{
		system: s, autostart: autostart, log: log, events: events,
		programs: map[place]history{}, processes: map[place]process{},
		ends: make(chan end), over: make(chan struct{}),
	}
}

// run supervises until ctx ends, then stops all that it started and returns when
// that has ended.
func (s *supervisor) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		s.look()
		plan := decide(facts{
			now: time.Now(), event: s.happened, signOut: s.signedOut, autostart: s.autostart(), sessions: s.known, programs: s.programs,
		})
		for _, at := range plan.stop {
			s.stop(at)
		}
		for _, at := range plan.start {
			s.start(at)
		}
		s.forget()
		if len(plan.start) > 0 {
			continue // what failed has its next time by now
		}
		timer.Reset(time.Until(plan.look))
		select {
		case e := <-s.events:
			s.happened = time.Now()
			if e == signOut {
				s.signedOut = s.happened
			}
		case e := <-s.ends:
			s.ended(e)
		case <-timer.C:
		case <-ctx.Done():
			s.stopAll()
			return
		}
	}
}

// look lists the sessions. While the system does not say, those are taken to be
// there that were there.
func (s *supervisor) look() {
	list, err := s.system.sessions()
	if err != nil {
		if s.blind != err.Error() {
			s.blind = err.Error()
			s.log.Error("the sessions of this computer cannot be listed", "reason", err)
		}
		return
	}
	if s.blind != "" {
		s.blind = ""
		s.log.Info("the sessions of this computer can be listed again")
	}
	for i := range list {
		now := &list[i]
		before := s.session(now.number)
		if now.untold != nil { // nobody else's are to wait for it
			if before.untold == nil {
				s.log.Error("the system does not say whose a session is", "session", now.number, "reason", now.untold)
			}
			now.user, now.active, now.locked = before.user, before.active, before.locked
		}
		now.back = before.back
		if now.present() && (!before.present() || before.user != now.user) {
			now.back = time.Now()
		}
	}
	s.known = list
}

// session is what is known of a session; of one that is not there, its zero value.
func (s *supervisor) session(number uint32) session {
	for _, one := range s.known {
		if one.number == number {
			return one
		}
	}
	return session{}
}

func (s *supervisor) start(at place) {
	user := s.session(at.session).user
	log := s.log.With("program", at.program, "session", at.session, "user", user)
	p, err := s.system.start(at, user, func(code uint32) {
		select {
		case s.ends <- end{at, code}:
		case <-s.over:
		}
	})
	h := started(s.programs[at], user, time.Now(), err != nil)
	s.programs[at] = h
	if err != nil {
		log.Error("a program cannot be started", "reason", err, "failures", h.failures)
		return
	}
	s.processes[at] = p
	log.Info("a program was started")
}

func (s *supervisor) stop(at place) {
	h := s.programs[at]
	h.stopping = true
	s.programs[at] = h
	if err := s.processes[at].stop(); err != nil {
		s.log.Error("a program cannot be stopped", "program", at.program, "session", at.session, "reason", err)
	}
}

func (s *supervisor) ended(e end) {
	before := s.programs[e.at]
	h := ended(before, time.Now(), e.code)
	s.programs[e.at] = h
	s.processes[e.at].release()
	delete(s.processes, e.at)
	log := s.log.With("program", e.at.program, "session", e.at.session, "code", e.code)
	switch {
	case before.stopping:
		log.Info("a program was stopped")
	case h.quit:
		log.Info("a program ended by itself; it is started again when its person comes back")
	default:
		log.Warn("a program failed", "failures", h.failures, "again", pause(h.failures))
	}
}

// forget drops what is known of sessions that are gone.
func (s *supervisor) forget() {
	maps.DeleteFunc(s.programs, func(at place, h history) bool {
		return !h.running && s.session(at.session).number != at.session
	})
}

// patience is how long stopAll waits. What has not ended by then ends with this
// process. It is longer than an agent waits for a card that was given a PIN.
const patience = 15 * time.Second

func (s *supervisor) stopAll() {
	defer close(s.over)
	for at := range s.processes {
		s.stop(at)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	for len(s.processes) > 0 {
		select {
		case e := <-s.ends:
			s.ended(e)
		case <-late.C:
			s.log.Error("programs do not end", "number", len(s.processes))
			return
		}
	}
}
