package pcsc

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// fake is a resource manager whose every oddity can be had. It blocks on
// channels alone, so that synctest's clock runs on while it waits.
type fake struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	down     error         // what every call answers
	noPnP    bool          // as macOS
	restless bool          // waits return at once, with nothing changed
	deaf     int           // Cancels that are lost
	readers  map[string]StateFlag

	seen fakeLog
}

// fakeLog is what a fake was asked for.
type fakeLog struct {
	open        int             // contexts not released
	established []time.Time     // each Establish
	waits       []time.Duration // the timeout of each wait but the probes
	returns     int             // how many waits came back
	lists       int
	late        int // Cancels that were under way when their context was released
}

func newFake(readers ...string) *fake {
	f := &fake{changed: make(chan struct{}), readers: map[string]StateFlag{}}
	for _, name := range readers {
		f.readers[name] = StateEmpty
	}
	return f
}

// change alters the fake and wakes every wait.
func (f *fake) change(alter func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	alter()
	close(f.changed)
	f.changed = make(chan struct{})
}

// log returns what was asked for so far.
func (f *fake) log() fakeLog {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.seen
	log.established, log.waits = slices.Clone(log.established), slices.Clone(log.waits)
	return log
}

// insert and remove count in the upper half, as a resource manager does.
func (f *fake) insert(name string) { f.move(name, StatePresent) }
func (f *fake) remove(name string) { f.move(name, StateEmpty) }

func (f *fake) move(name string, flag StateFlag) {
	f.change(func() { f.readers[name] = StateFlag(uint16(f.readers[name]>>16)+1)<<16 | flag })
}

func (f *fake) Establish() (Context, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen.established = append(f.seen.established, time.Now())
	if f.down != nil {
		return nil, f.down
	}
	f.seen.open++
	return &fakeContext{fake: f, cancel: make(chan struct{})}, nil
}

type fakeContext struct {
	*fake
	waiting  bool
	released bool
	cancel   chan struct{}
}

func (c *fakeContext) ListReaders() ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.lists++
	if c.down != nil {
		return nil, c.down
	}
	if len(c.readers) == 0 {
		return nil, NoReadersAvailable
	}
	return slices.Collect(maps.Keys(c.readers)), nil
}

func (c *fakeContext) GetStatusChange(states []ReaderState, timeout time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if timeout > 0 {
		c.seen.waits = append(c.seen.waits, timeout)
		c.waiting = true
		defer func() { c.waiting = false; c.seen.returns++ }()
	}
	count := len(c.readers)
	deadline := time.After(timeout)
	for {
		if c.down != nil {
			return CommError
		}
		done, err := c.compare(states, count)
		if done || err != nil || c.restless && timeout > 0 {
			return err
		}
		changed, cancel := c.changed, c.cancel
		c.mu.Unlock()
		select {
		case <-changed:
		case <-cancel:
			err = Cancelled
		case <-deadline:
			err = Timeout
		}
		c.mu.Lock()
		if err != nil {
			return err
		}
	}
}

// compare fills in the states and reports whether one differs from what the
// caller knows. As in pcsc-lite before 2.3 the PnP reader has no counter and
// tells only of a reader that came after the start of the wait.
func (c *fakeContext) compare(states []ReaderState, count int) (changed bool, err error) {
	for i := range states {
		s := &states[i]
		now, known := c.readers[s.Reader]
		switch {
		case s.Reader == PnPReader && !c.noPnP:
			now = s.Current &^ StateChanged
			if len(c.readers) != count {
				now |= StateChanged
			}
		case !known:
			return false, UnknownReader
		case s.Current>>16 == 0 && s.Current != StateUnaware && uint16(now) == uint16(s.Current):
			// The counter 0 is not compared.
		case now != s.Current:
			now |= StateChanged
		}
		s.Event, s.ATR = now, nil
		if now&StatePresent != 0 {
			s.ATR = []byte{0x3B, 0x00}
		}
		changed = changed || now&StateChanged != 0
	}
	return changed, nil
}

func (c *fakeContext) Cancel() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.waiting || c.deaf > 0 {
		c.deaf--
		return nil // lost, and nobody is told
	}
	close(c.cancel)
	c.cancel = make(chan struct{})
	c.mu.Unlock()
	time.Sleep(time.Millisecond) // the wait is back before its Cancel is
	c.mu.Lock()
	if c.released {
		c.seen.late++
	}
	return nil
}

func (c *fakeContext) Release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.open--
	c.released = true
	return nil
}

func (c *fakeContext) Connect(string, ShareMode, Protocol) (Handle, error) {
	return nil, UnsupportedFeature
}
