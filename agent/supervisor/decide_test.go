package main

import (
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// before is so long before noon.
func before(d time.Duration) time.Time { return noon.Add(-d) }

const (
	anna = "S-1-5-21-1-2-3-1001"
	bela = "S-1-5-21-1-2-3-1002"
)

func at(session uint32, p program) place { return place{session, p} }

func runs(user string, since time.Time) history {
	return history{user: user, running: true, since: since}
}

func TestWhatIsStartedAndStoppedFollowsFromTheFacts(t *testing.T) {
	sits := session{number: 2, user: anna, active: true}
	away := session{number: 2, user: anna}
	both := []place{at(2, agent), at(2, tray)}
	of := func(h history) map[place]history { return map[place]history{at(2, agent): h, at(2, tray): h} }
	failedOnce := history{user: anna, since: before(300 * time.Millisecond), failures: 1}
	failedOften := history{user: anna, since: before(30 * time.Second), failures: 20}
	quit := history{user: anna, since: before(time.Hour), quit: true}

	for name, c := range map[string]struct {
		facts       facts
		start, stop []place
		look        time.Duration // from noon; 0 is the usual
	}{
		"nobody is signed in": {facts: facts{sessions: []session{{number: 1, active: true}}}},
		"somebody sits":       {facts: facts{sessions: []session{sits}}, start: both},
		"the services' session is nobody's, whoever it is said to be of": {
			facts: facts{sessions: []session{{number: services, user: anna, active: true}}},
		},
		"somebody left before anything was started": {facts: facts{sessions: []session{away}}},
		"two sit": {
			facts: facts{sessions: []session{{number: 3, user: bela, active: true}, sits}},
			start: append(slices.Clone(both), at(3, agent), at(3, tray)),
		},
		"one person sits in two sessions": {
			facts: facts{sessions: []session{sits, {number: 5, user: anna, active: true}}},
			start: append(slices.Clone(both), at(5, agent), at(5, tray)),
		},
		"what runs is not started twice": {facts: facts{sessions: []session{sits}, programs: of(runs(anna, before(time.Hour)))}},
		"what was told to end is not started before it has": {
			facts: facts{sessions: []session{sits}, programs: of(history{user: anna, running: true, stopping: true})},
		},
		"only what is missing is started": {
			facts: facts{sessions: []session{sits}, programs: map[place]history{at(2, agent): runs(anna, noon)}},
			start: both[1:],
		},
		"what runs in a session that was left runs on": {
			facts: facts{sessions: []session{away}, programs: of(runs(anna, before(time.Hour)))},
		},
		"what failed in a session that was left waits": {
			facts: facts{sessions: []session{away}, programs: of(failedOften)},
		},
		"a locked screen changes nothing": {
			facts: facts{sessions: []session{{number: 2, user: anna, active: true, locked: true}}, programs: of(runs(anna, before(time.Hour)))},
		},
		"the session is gone": {facts: facts{programs: of(runs(anna, before(time.Hour)))}, stop: both},
		"the session is gone, and its programs were told": {
			facts: facts{programs: of(history{user: anna, running: true, stopping: true})},
		},
		"nobody is signed in to the session any more": {
			facts: facts{sessions: []session{{number: 2, active: true}}, programs: of(runs(anna, before(time.Hour)))}, stop: both,
		},
		"another person has the session": {
			facts: facts{sessions: []session{{number: 2, user: bela, active: true}}, programs: of(runs(anna, before(time.Hour)))}, stop: both,
		},
		"another person has the session of one whose programs failed": {
			facts: facts{sessions: []session{{number: 2, user: bela, active: true}}, programs: of(failedOften)}, start: both,
		},
		"one that failed waits for a second": {
			facts: facts{sessions: []session{sits}, programs: map[place]history{at(2, agent): failedOnce, at(2, tray): runs(anna, noon)}},
			look:  700 * time.Millisecond,
		},
		"one that failed a second ago is started": {
			facts: facts{sessions: []session{sits}, programs: map[place]history{
				at(2, agent): {user: anna, since: before(time.Second), failures: 1}, at(2, tray): runs(anna, noon),
			}},
			start: both[:1],
		},
		"one that failed often waits for a minute": {
			facts: facts{sessions: []session{sits}, programs: of(failedOften)}, look: 30 * time.Second,
		},
		"the person is back, so what waited does not": {
			facts: facts{sessions: []session{{number: 2, user: anna, active: true, back: before(time.Millisecond)}}, programs: of(failedOften)},
			start: both,
		},
		"the person was back before it failed": {
			facts: facts{sessions: []session{{number: 2, user: anna, active: true, back: before(time.Minute)}}, programs: of(failedOften)},
			look:  30 * time.Second,
		},
		"what ended by itself stays away": {facts: facts{sessions: []session{sits}, programs: of(quit)}},
		"what ended by itself is started when the person is back": {
			facts: facts{sessions: []session{{number: 2, user: anna, active: true, back: before(time.Minute)}}, programs: of(quit)},
			start: both,
		},
		"somebody signs out, and what failed may be theirs": {
			facts: facts{sessions: []session{sits}, signOut: before(time.Second), programs: of(history{user: anna, since: before(time.Second), failures: 1})},
			look:  lookAgain,
		},
		"somebody signs out, and the session is there for long": {
			facts: facts{sessions: []session{sits}, signOut: before(departure), programs: of(history{user: anna, since: before(departure), failures: 1})},
			start: both,
		},
		"somebody signs in while another signs out": {
			facts: facts{sessions: []session{{number: 2, user: anna, active: true, back: before(time.Second)}}, signOut: before(2 * time.Second)},
			start: both, look: lookAgain,
		},
		"somebody signs in whom the system does not name yet": {
			facts: facts{sessions: []session{{number: 2, active: true}}, event: before(time.Second)}, look: lookAgain,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.facts.now = noon
			for _, on := range []bool{true, false} {
				c.facts.autostart = on
				got := decide(c.facts)
				start, look := c.start, noon.Add(c.look)
				if !on {
					start = nil
				}
				if c.look == 0 {
					look = noon.Add(lookEvery)
				}
				if !slices.Equal(got.start, start) || !slices.Equal(got.stop, c.stop) {
					t.Errorf("autostart %v: starts %v and stops %v, want %v and %v", on, got.start, got.stop, start, c.stop)
				}
				if on && !got.look.Equal(look) {
					t.Errorf("looks again after %v, want %v", got.look.Sub(noon), look.Sub(noon))
				}
			}
		})
	}
}

func TestEachFailureInARowMakesThePauseLonger(t *testing.T) {
	want := []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute}
	for failures, d := range want {
		if got := pause(failures); got != d {
			t.Errorf("after %d failures: %v, want %v", failures, got, d)
		}
	}
	if got := pause(1 << 30); got != longestPause {
		t.Errorf("after very many: %v", got)
	}
}

func TestAnEndIsAFailureUnlessItWasWantedOrClean(t *testing.T) {
	for name, c := range map[string]struct {
		before history
		code   uint32
		want   history
	}{
		"soon after its start":              {runs(anna, before(time.Second)), 1, history{user: anna, since: noon, failures: 1}},
		"the third time":                    {history{user: anna, running: true, since: before(time.Second), failures: 2}, 1, history{user: anna, since: noon, failures: 3}},
		"after it was well for long":        {history{user: anna, running: true, since: before(steady), failures: 9}, 1, history{user: anna, since: noon, failures: 1}},
		"by itself":                         {history{user: anna, running: true, since: before(time.Second), failures: 2}, 0, history{user: anna, since: noon, failures: 2, quit: true}},
		"told to end":                       {history{user: anna, running: true, stopping: true, since: before(time.Second), failures: 2}, 1, history{user: anna, since: noon}},
		"told to end, and before by itself": {history{user: anna, running: true, stopping: true, since: before(time.Second)}, 0, history{user: anna, since: noon}},
	} {
		if got := ended(c.before, noon, c.code); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestFailuresOfOnePersonAreNotAnothers(t *testing.T) {
	failed := history{user: anna, since: before(time.Second), failures: 3}
	if got, want := started(failed, anna, noon, true), (history{user: anna, since: noon, failures: 4}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := started(failed, bela, noon, true), (history{user: bela, since: noon, failures: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := started(failed, anna, noon, false), (history{user: anna, running: true, since: noon, failures: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
