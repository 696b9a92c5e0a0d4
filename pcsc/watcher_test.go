package pcsc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// watched runs body beside a Watcher over f, on synctest's clock, and checks
// that Run ends well and gives every context back.
func watched(t *testing.T, f *fake, body func(*testing.T, *Watcher)) {
	t.Helper()
	watchedOver(t, f, f, body)
}

func watchedOver(t *testing.T, driver Driver, f *fake, body func(*testing.T, *Watcher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f.changed = make(chan struct{}) // of this bubble
		w := NewWatcher(driver)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		synctest.Wait()
		body(t, w)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
		synctest.Wait()
		if log := f.log(); log.open != 0 || log.late != 0 {
			t.Errorf("%d contexts were not released, %d under a Cancel", log.open, log.late)
		}
	})
}

// after lets time pass and returns the snapshot that a new subscriber gets.
func after(t *testing.T, w *Watcher, d time.Duration) Snapshot {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	snapshots, cancel := w.Subscribe()
	defer cancel()
	select {
	case s := <-snapshots:
		return s
	default:
		t.Fatal("a new subscriber gets no snapshot")
		panic("not reached")
	}
}

func names(s Snapshot) string {
	var all []string
	for _, r := range s.Readers {
		name := r.Name
		if r.Present {
			name += "+"
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func TestASubscriberGetsWholeSnapshotsAndTheNewestLast(t *testing.T) {
	f := newFake("B", "A", "Windows Hello for Business 1")
	watched(t, f, func(t *testing.T, w *Watcher) {
		snapshots, cancel := w.Subscribe()
		if s := <-snapshots; names(s) != "A B" || s.Err != nil {
			t.Errorf("the first snapshot is %+v", s)
		}
		f.insert("A")
		synctest.Wait()
		f.insert("B")
		synctest.Wait()
		if s := <-snapshots; names(s) != "A+ B+" {
			t.Errorf("a slow subscriber got %q", names(s))
		}
		cancel()
		cancel()
		if _, ok := <-snapshots; ok {
			t.Error("a cancelled subscription goes on")
		}
	})
}

func TestEverySubscriptionEndsWithTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatcher(newFake())
		before, cancel := w.Subscribe()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		synctest.Wait()
		if s := <-before; s.Err != nil || len(s.Readers) != 0 {
			t.Errorf("the first snapshot is %+v", s)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		later, cancelLater := w.Subscribe()
		for _, c := range []<-chan Snapshot{before, later} {
			if s, ok := <-c; ok {
				t.Errorf("after the end there is %+v", s)
			}
		}
		cancel()
		cancelLater()
		if err := w.Run(t.Context()); err == nil {
			t.Error("a Watcher could be run twice")
		}
	})
}

func TestTheInsertionChangesWithEveryCardThatCameInBetween(t *testing.T) {
	f := newFake("A", "B")
	watched(t, f, func(t *testing.T, w *Watcher) {
		seen := map[uint64]bool{}
		look := func(what string, present, fresh bool) {
			t.Helper()
			r := after(t, w, 0).Readers[0]
			if r.Present != present || seen[r.Insertion] == fresh {
				t.Errorf("%s: %+v, seen before %v", what, r, seen)
			}
			seen[r.Insertion] = true
		}
		look("at first", false, true)
		f.insert("A")
		look("a card", true, true)
		f.remove("A")
		look("no card", false, false)
		swap := func() { f.insert("A"); f.remove("A") }
		swap() // both before the Watcher can look
		look("a card that came and went", false, true)
		f.insert("A")
		look("another card", true, true)
		f.change(func() { f.readers["A"] += 2 << 16 }) // out and in
		look("a swapped card", true, true)
		f.change(func() { f.readers["A"] = (f.readers["A"]+3<<16)&^StatePresent | StateEmpty }) // out, in, out
		look("a card that came and went after another", false, true)
		f.change(func() { f.readers["B"] |= StateInUse })
		look("nothing", false, false)
		f.insert("A")
		look("a third card", true, true)
		f.change(func() { f.readers["A"] |= StateInUse })
		look("the same card in use", true, false)
		f.change(func() { delete(f.readers, "A") })
		synctest.Wait()
		f.change(func() { f.readers["A"] = StatePresent | StateInUse })
		look("a reader that came back", true, true)
	})
}

func TestTheFlagsOfAReaderAreTold(t *testing.T) {
	tests := []struct {
		state StateFlag
		want  Reader
	}{
		{StateEmpty, Reader{}},
		{StatePresent, Reader{Present: true}},
		{StatePresent | StateMute, Reader{Present: true, Mute: true}},
		{StatePresent | StateInUse, Reader{Present: true, InUse: true}},
		{StatePresent | StateExclusive, Reader{Present: true, InUse: true, Exclusive: true}},
		{StateUnavailable, Reader{}},
		{StateEmpty | StateMute | StateExclusive, Reader{}},
	}
	for _, test := range tests {
		got := newReader("A", &tracked{state: test.state}, 0)
		if test.want.Name = "A"; !got.equal(test.want) {
			t.Errorf("%04X is %+v, want %+v", test.state, got, test.want)
		}
	}
}

func TestTheServiceIsAwaitedForEverWithGrowingPauses(t *testing.T) {
	f := newFake("A")
	f.down = NoService
	watched(t, f, func(t *testing.T, w *Watcher) {
		if s := after(t, w, 24*time.Hour); !errors.Is(s.Err, ErrNoService) {
			t.Errorf("the snapshot is %+v", s)
		}
		var pauses []time.Duration
		established := f.log().established
		for i := range established[1:] {
			pauses = append(pauses, established[i+1].Sub(established[i]))
		}
		want := []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(pauses[:len(want)], want) || slices.Max(pauses) != lastRetry {
			t.Errorf("the pauses were %v", pauses[:len(want)])
		}
		f.change(func() { f.down = nil })
		if s := after(t, w, lastRetry); names(s) != "A" || s.Err != nil {
			t.Errorf("with the service back the snapshot is %+v", s)
		}
	})
}

func TestALostServiceIsSoughtAgainSoon(t *testing.T) {
	f := newFake("A")
	f.insert("A")
	watched(t, f, func(t *testing.T, w *Watcher) {
		insertion := after(t, w, 0).Readers[0].Insertion
		for range 3 {
			f.change(func() { f.down = NoService })
			if s := after(t, w, 0); !errors.Is(s.Err, ErrNoService) || s.Readers != nil {
				t.Errorf("without the service the snapshot is %+v", s)
			}
			f.change(func() { f.down = nil })
			s := after(t, w, firstRetry)
			if names(s) != "A+" || s.Readers[0].Insertion <= insertion {
				t.Errorf("with the service back the snapshot is %+v, the last insertion was %d", s, insertion)
			}
			insertion = s.Readers[0].Insertion
		}
	})
}

func TestReadersMayAllGoAndComeBack(t *testing.T) {
	for _, noPnP := range []bool{false, true} {
		f := newFake("A", "B")
		f.noPnP = noPnP
		watched(t, f, func(t *testing.T, w *Watcher) {
			delay := time.Duration(0)
			if noPnP {
				delay = pollReaders
			}
			for range 3 {
				f.change(func() { clear(f.readers) })
				if s := after(t, w, delay); s.Err != nil || len(s.Readers) != 0 {
					t.Errorf("without readers the snapshot is %+v", s)
				}
				f.change(func() { f.readers["A"], f.readers["B"] = StateEmpty, 7<<16|StatePresent })
				if s := after(t, w, delay); names(s) != "A B+" {
					t.Errorf("with readers the snapshot is %+v", s)
				}
			}
			f.change(func() { f.readers["C"] = StateEmpty })
			if s := after(t, w, delay); names(s) != "A B+ C" {
				t.Errorf("with a third reader the snapshot is %+v", s)
			}
		})
	}
}

// sneaky has a reader come just after the list was asked for, as old pcsc-lite
// does not notice.
type sneaky struct {
	Context
	once func()
}

func (c *sneaky) ListReaders() ([]string, error) {
	names, err := c.Context.ListReaders()
	c.once()
	return names, err
}

type sneakyDriver struct {
	*fake
	reader string
}

func (d sneakyDriver) Establish() (Context, error) {
	c, err := d.fake.Establish()
	return &sneaky{c, func() { d.change(func() { d.readers[d.reader] = StateEmpty }) }}, err
}

func TestAReaderThatComesBetweenListAndWaitIsFoundSoon(t *testing.T) {
	f := newFake()
	watchedOver(t, sneakyDriver{f, "A"}, f, func(t *testing.T, w *Watcher) {
		if s := after(t, w, time.Second); names(s) != "A" {
			t.Errorf("after a second the snapshot is %+v", s)
		}
	})
}

func TestAnIdleWatchHardlyEverWakes(t *testing.T) {
	f := newFake("A", "B")
	watched(t, f, func(t *testing.T, w *Watcher) {
		after(t, w, 10*time.Minute) // settle
		before := f.log()
		after(t, w, time.Hour)
		now := f.log()
		// Every five minutes one wait that times out, and one look afresh at
		// counters that are 0.
		if got := now.returns - before.returns; got > 2*12+1 {
			t.Errorf("%d waits returned in an idle hour", got)
		}
		if got := now.lists - before.lists; got < 12 {
			t.Errorf("the readers were listed only %d times in an hour", got)
		}
		if longest := slices.Max(now.waits); longest != longWait {
			t.Errorf("the longest wait was %v", longest)
		}
	})
}

func TestADriverThatNeverWaitsMakesNoBusyLoop(t *testing.T) {
	f := newFake("A")
	f.restless = true
	watched(t, f, func(t *testing.T, w *Watcher) {
		before := f.log().returns
		after(t, w, time.Minute)
		if got := f.log().returns - before; got > 80 {
			t.Errorf("%d waits in a minute", got)
		}
		f.insert("A")
		if s := after(t, w, lastPause); names(s) != "A+" {
			t.Errorf("the snapshot is %+v", s)
		}
	})
}

func TestASwapThatNoWaitTellsIsFoundInTheEnd(t *testing.T) {
	f := newFake("A")
	f.readers["A"] = StatePresent // in since before the service started: counter 0
	watched(t, f, func(t *testing.T, w *Watcher) {
		before := after(t, w, time.Minute).Readers[0]
		f.change(func() { f.readers["A"] += 2 << 16 })
		if now := after(t, w, 2*longWait).Readers[0]; now.Insertion == before.Insertion {
			t.Errorf("the swapped card is %+v, as before", now)
		}
	})
}

func TestACancelThatIsLostIsRepeated(t *testing.T) {
	f := newFake("A")
	watched(t, f, func(t *testing.T, w *Watcher) { f.change(func() { f.deaf = 25 }) })
	if f.deaf > 0 {
		t.Errorf("Run ended with %d Cancels left to lose", f.deaf)
	}
}

func TestANeverLookedAtReaderHoldsBackTheSnapshot(t *testing.T) {
	w := NewWatcher(newFake())
	w.readers["A"] = &tracked{}
	w.report()
	if w.current != nil {
		t.Errorf("half a snapshot was published: %+v", *w.current)
	}
}
