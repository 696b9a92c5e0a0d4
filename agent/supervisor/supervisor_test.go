package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// computer is a system in memory.
type computer struct {
	t *testing.T

	mu     sync.Mutex // guards what follows
	list   []session
	blind  error
	broken error // of every start
	runs   map[place]*running
	starts map[place][]time.Time
}

type running struct {
	c        *computer
	at       place
	user     string
	stubborn bool // does not end when it is told to
	ended    func(uint32)
	over     bool
	released bool
}

func (c *computer) sessions() ([]session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list), c.blind
}

func (c *computer) start(at place, user string, ended func(uint32)) (process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starts[at] = append(c.starts[at], time.Now())
	if c.broken != nil {
		return nil, c.broken
	}
	if old := c.runs[at]; old != nil && !old.over {
		c.t.Errorf("%v was started twice", at)
	}
	r := &running{c: c, at: at, user: user, ended: ended}
	c.runs[at] = r
	return r, nil
}

func (r *running) stop() error {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if r.over {
		return errors.New("it has ended")
	}
	if !r.stubborn {
		r.over = true
		go r.ended(stoppedCode)
	}
	return nil
}

func (r *running) release() {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if !r.over || r.released {
		r.c.t.Errorf("%v was let go of at the wrong time", r.at)
	}
	r.released = true
}

const stoppedCode = 1

// end has a program end by itself.
func (c *computer) end(at place, code uint32) {
	c.t.Helper()
	c.mu.Lock()
	r := c.runs[at]
	if r == nil || r.over {
		c.mu.Unlock()
		c.t.Fatalf("%v does not run", at)
	}
	r.over = true
	c.mu.Unlock()
	r.ended(code)
}

// set changes the sessions.
func (c *computer) set(list ...session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = list
}

// running lists what runs, as user and program.
func (c *computer) running() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := []string{}
	for at, r := range c.runs {
		if !r.over {
			names = append(names, r.user[len(r.user)-1:]+" "+string(at.program))
		}
	}
	slices.Sort(names)
	return names
}

// bench is a supervisor with all that it needs, in a bubble of time.
type bench struct {
	*computer
	events chan event
	on     atomic.Bool // the policy's word
	log    bytes.Buffer
	stop   func()
}

func supervised(t *testing.T, list []session, play func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{
			computer: &computer{t: t, list: list, runs: map[place]*running{}, starts: map[place][]time.Time{}},
			events:   make(chan event),
		}
		b.on.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			newSupervisor(b, b.on.Load, b.events, slog.New(slog.NewTextHandler(&b.log, nil))).run(ctx)
		}()
		b.stop = func() { cancel(); <-over }
		synctest.Wait()
		play(b)
		b.stop()
		if left := b.running(); len(left) > 0 {
			t.Errorf("at the end %v ran on", left)
		}
		if t.Failed() {
			t.Log(b.log.String())
		}
	})
}

// happens changes the sessions and tells of it.
func (b *bench) happens(e event, list ...session) {
	b.set(list...)
	b.events <- e
	synctest.Wait()
}

func (b *bench) wants(what string, names ...string) {
	b.t.Helper()
	if got := b.running(); !slices.Equal(got, names) {
		b.t.Errorf("%s: %q run, want %q", what, got, names)
	}
}

var (
	annaSits = session{number: 1, user: anna, active: true}
	annaLeft = session{number: 1, user: anna}
	belaSits = session{number: 2, user: bela, active: true}
)

func TestProgramsComeAndGoWithTheirPeople(t *testing.T) {
	supervised(t, nil, func(b *bench) {
		b.wants("nobody is here")
		b.happens(other, annaSits)
		b.wants("Anna signed in", "1 cardea-agent", "1 cardea-tray")
		b.happens(other, annaLeft, belaSits)
		b.wants("Bela sits where Anna sat", "1 cardea-agent", "1 cardea-tray", "2 cardea-agent", "2 cardea-tray")
		b.happens(signOut, annaLeft)
		b.wants("Bela signed out", "1 cardea-agent", "1 cardea-tray")
		b.happens(other, annaSits)
		b.wants("Anna is back", "1 cardea-agent", "1 cardea-tray")
		if n := len(b.starts[at(1, agent)]); n != 1 {
			b.t.Errorf("Anna's agent was started %d times", n)
		}
	})
}

func TestWhatFailsIsStartedAgainLaterEachTime(t *testing.T) {
	supervised(t, []session{annaSits}, func(b *bench) {
		here := at(1, agent)
		for range 8 {
			b.end(here, 3)
			synctest.Wait()
			b.wants("the agent just failed", "1 cardea-tray")
			time.Sleep(longestPause)
			synctest.Wait()
		}
		// It ran for what was left of each minute: never for a whole one.
		var gaps []time.Duration
		for i, start := range b.starts[here][1:] {
			gaps = append(gaps, start.Sub(b.starts[here][0].Add(time.Duration(i)*longestPause)))
		}
		want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute}
		if !slices.Equal(gaps, want) {
			b.t.Errorf("it was away for %v, want %v", gaps, want)
		}
		if n := len(b.starts[at(1, tray)]); n != 1 {
			b.t.Errorf("the tray was started %d times", n)
		}
	})
}

func TestOneThatRanForLongIsBackAfterASecond(t *testing.T) {
	supervised(t, []session{annaSits}, func(b *bench) {
		for range 5 {
			time.Sleep(steady)
			b.end(at(1, agent), 3)
			time.Sleep(firstPause)
			synctest.Wait()
			b.wants("a second later", "1 cardea-agent", "1 cardea-tray")
		}
	})
}

func TestWhatCannotBeStartedIsTriedLaterEachTime(t *testing.T) {
	supervised(t, nil, func(b *bench) {
		b.mu.Lock()
		b.broken = errors.New("there is no such file")
		b.mu.Unlock()
		b.happens(other, annaSits)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := len(b.starts[at(1, agent)]); n != 4 { // at 0, 1, 3 and 7 s
			b.t.Errorf("it was tried %d times in ten seconds", n)
		}
		b.mu.Lock()
		b.broken = nil
		b.mu.Unlock()
		time.Sleep(longestPause)
		synctest.Wait()
		b.wants("it can be started again", "1 cardea-agent", "1 cardea-tray")
	})
}

func TestWhatAPersonQuitsComesBackWithThem(t *testing.T) {
	locked := annaSits
	locked.locked = true
	supervised(t, []session{annaSits}, func(b *bench) {
		b.end(at(1, tray), 0)
		time.Sleep(time.Hour)
		synctest.Wait()
		b.wants("Anna quit the tray", "1 cardea-agent")
		b.happens(other, locked)
		b.wants("Anna locked the screen", "1 cardea-agent")
		b.happens(other, annaSits)
		b.wants("Anna unlocked it", "1 cardea-agent", "1 cardea-tray")
		b.end(at(1, tray), 0)
		time.Sleep(time.Second)
		b.happens(other, annaLeft)
		b.happens(other, annaSits)
		b.wants("Anna connected again", "1 cardea-agent", "1 cardea-tray")
	})
}

func TestWhatTheSystemEndsAtSignOutIsNotStartedAgain(t *testing.T) {
	supervised(t, []session{annaSits}, func(b *bench) {
		b.happens(signOut, annaSits) // the session is there still
		b.end(at(1, agent), 1073807364)
		b.end(at(1, tray), 1073807364)
		time.Sleep(departure - time.Second)
		b.set()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(b.starts[at(1, agent)]) + len(b.starts[at(1, tray)]); n != 2 {
			b.t.Errorf("there were %d starts, want the first two", n)
		}
		b.happens(other, annaSits)
		b.wants("Anna signed in again", "1 cardea-agent", "1 cardea-tray")
	})
}

func TestAnotherPersonInTheSameSessionGetsProgramsOfTheirOwn(t *testing.T) {
	supervised(t, []session{annaSits}, func(b *bench) {
		b.happens(other, session{number: 1, user: bela, active: true})
		b.wants("Bela has Anna's session", "2 cardea-agent", "2 cardea-tray")
	})
}

func TestASignInIsSeenBeforeTheSystemNamesThePerson(t *testing.T) {
	supervised(t, nil, func(b *bench) {
		b.happens(other, session{number: 1, active: true})
		b.set(annaSits)
		time.Sleep(lookAgain)
		synctest.Wait()
		b.wants("half a second later", "1 cardea-agent", "1 cardea-tray")
	})
}

func TestAMissedEventIsMadeUpForWithinAMinute(t *testing.T) {
	supervised(t, nil, func(b *bench) {
		b.set(annaSits)
		time.Sleep(lookEvery)
		synctest.Wait()
		b.wants("a minute later", "1 cardea-agent", "1 cardea-tray")
		b.set()
		time.Sleep(lookEvery)
		synctest.Wait()
		b.wants("the session went without a word")
	})
}

func TestASystemThatDoesNotTellItsSessionsCostsNobodyTheirs(t *testing.T) {
	supervised(t, []session{annaSits}, func(b *bench) {
		b.mu.Lock()
		b.blind = errors.New("the service is not there")
		b.mu.Unlock()
		b.happens(other)
		b.end(at(1, agent), 3)
		time.Sleep(10 * lookEvery)
		synctest.Wait()
		b.wants("for ten minutes", "1 cardea-agent", "1 cardea-tray")
		if n := strings.Count(b.log.String(), "cannot be listed"); n != 1 {
			b.t.Errorf("that was logged %d times", n)
		}
	})
}

func TestASessionOfWhichNothingIsToldHoldsNobodyElseUp(t *testing.T) {
	supervised(t, []session{annaSits}, func(b *bench) {
		untold := session{number: 1, active: true, untold: errors.New("access is denied")}
		b.happens(other, untold, belaSits)
		time.Sleep(time.Hour)
		synctest.Wait()
		b.wants("the system does not name Anna for an hour", "1 cardea-agent", "1 cardea-tray", "2 cardea-agent", "2 cardea-tray")
		if n := strings.Count(b.log.String(), "does not say whose"); n != 1 {
			b.t.Errorf("that was logged %d times", n)
		}
		b.happens(other, belaSits)
		b.wants("Anna's session is gone", "2 cardea-agent", "2 cardea-tray")
	})
}

func TestWithoutAutostartNothingIsStartedAndNothingStopped(t *testing.T) {
	supervised(t, []session{annaSits}, func(b *bench) {
		b.on.Store(false)
		b.happens(other, annaSits, belaSits)
		b.wants("Bela signed in", "1 cardea-agent", "1 cardea-tray")
		b.end(at(1, tray), 3)
		time.Sleep(time.Hour)
		synctest.Wait()
		b.wants("Anna's tray failed", "1 cardea-agent")
		b.on.Store(true)
		time.Sleep(lookEvery)
		synctest.Wait()
		b.wants("it is on again", "1 cardea-agent", "1 cardea-tray", "2 cardea-agent", "2 cardea-tray")
	})
}

func TestTheServiceEndsAlthoughAProgramDoesNot(t *testing.T) {
	supervised(t, []session{annaSits}, func(b *bench) {
		r := b.runs[at(1, tray)]
		r.stubborn = true
		begun := time.Now()
		b.stop()
		if d := time.Since(begun); d != patience {
			b.t.Errorf("the end took %v", d)
		}
		b.wants("what is stubborn", "1 cardea-tray")
		r.over = true // the system ends it with the service
		r.ended(stoppedCode)
	})
}
