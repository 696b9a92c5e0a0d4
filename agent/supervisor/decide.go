package main

import (
	"cmp"
	"slices"
	"time"
)

// program is one that runs in people's sessions.
type program string

const (
	agent program = "cardea-agent"
	tray  program = "cardea-tray"
)

// session is one that people sign in to.
type session struct {
	number uint32
	user   string // the SID; empty while nobody is signed in
	active bool   // somebody sits at it, near or far; else it was left or cut off
	locked bool
	untold error // why the system does not say whose it is
	// back is when its person was last seen to sign in, connect or unlock; zero
	// when that was not seen.
	back time.Time
}

// present reports whether somebody sits at a session and can use it.
func (s session) present() bool { return s.user != "" && s.active && !s.locked }

// place is where one program runs, or does not.
type place struct {
	session uint32
	program program
}

// history is what became of a program at its place.
type history struct {
	user     string // whose it is, or was
	running  bool
	stopping bool      // it runs, and was told to end
	since    time.Time // since when it runs, or does not
	failures int       // one after the other, the last one included
	quit     bool      // it ended by itself and without a failure
}

// facts are all that is decided from.
type facts struct {
	now       time.Time
	event     time.Time // when the system last told that something happened to a session
	signOut   time.Time // and that somebody signs out
	autostart bool      // the policy has programs started
	sessions  []session
	programs  map[place]history
}

// plan is what is to be done.
type plan struct {
	start, stop []place
	look        time.Time // when to decide again, if nothing happens before
}

// The pauses before a program that failed is started again, and after how long
// one is taken to be well.
const (
	firstPause   = time.Second
	longestPause = time.Minute
	steady       = time.Minute
	// lookEvery is for a session whose events were missed.
	lookEvery = time.Minute
	// The system may tell that somebody signs in before it tells who, and that
	// somebody signs out while their session is still there, for this long at most.
	arrival   = 10 * time.Second
	departure = 5 * time.Second
	lookAgain = 500 * time.Millisecond
)

// services is the number of the session that nobody sits at.
const services = 0

// decide is what is to be started, what is to be stopped, and when to look again.
//
// What runs in a session that was left runs on; it is started only where
// somebody sits, so that a service that starts again does not start everything
// for everybody at once. What runs stays when the policy no longer starts
// programs: there may be a window open.
func decide(f facts) plan {
	p := plan{look: f.now.Add(lookEvery)}
	if f.now.Sub(f.signOut) < departure {
		p.look = f.now.Add(lookAgain)
	}
	here := map[uint32]session{}
	for _, s := range f.sessions {
		switch {
		case s.number == services:
		case s.user != "":
			here[s.number] = s
		case s.active && f.now.Sub(f.event) < arrival:
			p.look = f.now.Add(lookAgain)
		}
	}
	for at, h := range f.programs {
		if s, ok := here[at.session]; h.running && !h.stopping && (!ok || s.user != h.user) {
			p.stop = append(p.stop, at)
		}
	}
	for _, s := range here {
		if !s.active || !f.autostart {
			continue
		}
		for _, at := range []place{{s.number, agent}, {s.number, tray}} {
			switch due, ever := f.startTime(s, at); {
			case !ever:
			case due.After(f.now):
				p.look = earlier(p.look, due)
			default:
				p.start = append(p.start, at)
			}
		}
	}
	slices.SortFunc(p.start, placeOrder)
	slices.SortFunc(p.stop, placeOrder)
	return p
}

// startTime is when a program may be started in a session where somebody sits;
// ever is false when something else has to happen before.
func (f facts) startTime(s session, at place) (due time.Time, ever bool) {
	h, known := f.programs[at]
	switch {
	case h.running:
		return time.Time{}, false
	case !known, s.user != h.user, s.back.After(h.since):
	case h.quit:
		return time.Time{}, false
	default:
		due = h.since.Add(pause(h.failures))
	}
	// Who signs out is not told. It may be the person whose programs the system
	// has just ended.
	if settled := f.signOut.Add(departure); settled.After(due) && !s.back.After(f.signOut) {
		due = settled
	}
	return due, true
}

// pause is how long a program stays away after so many failures.
func pause(failures int) time.Duration {
	if failures < 1 {
		return 0
	}
	d := firstPause
	for ; failures > 1 && d < longestPause; failures-- {
		d *= 2
	}
	return min(d, longestPause)
}

// ended is the history of a program that ran and has ended with a code.
func ended(h history, now time.Time, code uint32) history {
	if now.Sub(h.since) >= steady {
		h.failures = 0
	}
	switch {
	case h.stopping:
		h.failures = 0
	case code == 0:
		h.quit = true
	default:
		h.failures++
	}
	h.running, h.stopping, h.since = false, false, now
	return h
}

// started is the history of a program that was to be started; failed says that
// it could not be.
func started(h history, user string, now time.Time, failed bool) history {
	if h.user != user {
		h = history{}
	}
	next := history{user: user, running: !failed, since: now, failures: h.failures}
	if failed {
		next.failures++
	}
	return next
}

func placeOrder(a, b place) int {
	return cmp.Or(cmp.Compare(a.session, b.session), cmp.Compare(a.program, b.program))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
