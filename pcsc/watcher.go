package pcsc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// pollReaders is the longest wait where no PnP reader announces readers.
	pollReaders = time.Second
	// longWait is the wait while nothing happens. Its end costs about a hundred
	// context switches, half of them the Go scheduler's.
	longWait = 5 * time.Minute
	// firstWait is the wait after readers came or went: pcsc-lite before 2.3
	// loses a reader that comes between listing and waiting, and readers come in
	// groups. Each return lists again.
	firstWait = time.Second
	// firstRetry is the pause after the service was lost, doubled up to lastRetry.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
	// firstPause is the pause after the second wait in a row that returned for
	// nothing, doubled up to lastPause: no driver's oddity may become a busy loop.
	firstPause = 10 * time.Millisecond
	lastPause  = time.Second
	// cancelAgain is how often Cancel is repeated at the end of Run.
	cancelAgain = 5 * time.Millisecond
)

// Watcher follows the resource manager, its readers and their cards.
type Watcher struct {
	driver Driver

	// Owned by Run.
	readers    map[string]*tracked // the readers of the last list
	insertions map[string]uint64   // the last insertion of every reader ever seen
	last       uint64              // the highest insertion given out

	mu          sync.Mutex // guards what follows, held for no call but sends to free buffers
	current     *Snapshot  // nil before the first look
	subscribers map[chan Snapshot]struct{}
	started     bool
	ended       bool
}

// tracked is a reader as the last look saw it.
type tracked struct {
	looked bool      // the first look was had
	state  StateFlag // as fed back to the next wait
	atr    []byte
}

// NewWatcher returns a Watcher that sees nothing until Run is called.
func NewWatcher(driver Driver) *Watcher {
	return &Watcher{
		driver:      driver,
		readers:     map[string]*tracked{},
		insertions:  map[string]uint64{},
		subscribers: map[chan Snapshot]struct{}{},
	}
}

// Subscribe returns a channel that delivers the current snapshot first, once
// there is one, and then a whole one after each change. A receiver that is slow
// misses snapshots, never the newest. The channel is closed by cancel, which
// can be called more than once, and when Run returns.
func (w *Watcher) Subscribe() (snapshots <-chan Snapshot, cancel func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := make(chan Snapshot, 1)
	if w.ended {
		close(c)
		return c, func() {}
	}
	if w.current != nil {
		c <- *w.current
	}
	w.subscribers[c] = struct{}{}
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, ok := w.subscribers[c]; ok {
			delete(w.subscribers, c)
			close(c)
		}
	}
}

// Run watches until ctx ends, and then returns nil when the wait in C has
// returned too. It goes on when the service stops and when the last reader
// goes, for ever. It can be called once.
func (w *Watcher) Run(ctx context.Context) error {
	w.mu.Lock()
	again := w.started
	w.started = true
	w.mu.Unlock()
	if again {
		return errors.New("pcsc: Run of a Watcher was called twice")
	}
	defer w.end()

	retry := firstRetry
	for {
		worked, err := w.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		clear(w.readers)
		w.publish(Snapshot{Err: err})
		if worked {
			retry = firstRetry
		}
		if !sleep(ctx, retry) {
			return nil
		}
		retry = min(2*retry, lastRetry)
	}
}

// end closes every subscription.
func (w *Watcher) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	for c := range w.subscribers {
		close(c)
	}
	clear(w.subscribers)
}

// publish hands s to every subscriber if it differs from what they have.
func (w *Watcher) publish(s Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current != nil && s.equal(*w.current) {
		return
	}
	w.current = &s
	for c := range w.subscribers {
		select {
		case <-c: // an older one that nobody took
		default:
		}
		c <- s
	}
}

// session watches over one PC/SC context until it fails or ctx ends. worked is
// whether the context was ever of use.
func (w *Watcher) session(ctx context.Context) (worked bool, err error) {
	pc, err := w.driver.Establish()
	if err != nil {
		return false, opError(opEstablish, "", err)
	}
	defer func() { _ = pc.Release() }() // of a service that died: nothing to do about an error
	pnp, err := knowsPnP(pc)
	if err != nil {
		return false, err
	}
	announcer := ReaderState{Reader: PnPReader}
	settled, lastLook, pause := false, time.Now(), time.Duration(0)
	for {
		changed, err := w.list(pc)
		if err != nil {
			return worked, err
		}
		worked = true
		settled = settled && !changed
		states := w.states(time.Since(lastLook) >= longWait)
		if pnp {
			states = append(states, announcer)
		}
		err = awaitChange(ctx, pc, states, waitFor(pnp, settled))
		if ctx.Err() != nil {
			return worked, nil
		}
		switch {
		case err == nil:
			changed = w.look(states) || changed
			lastLook = time.Now()
			if pnp {
				// Its counter, where there is one, closes the gap between
				// listing and waiting.
				announcer.Current = states[len(states)-1].Event &^ StateChanged
			}
		case errors.Is(err, Timeout):
			settled, changed = true, true // as good as a change: it did wait
		case errors.Is(err, UnknownReader), errors.Is(err, Cancelled):
			// A reader went since it was listed, or another's Cancel: list again.
		default:
			return worked, opError("wait for a change", "", err)
		}
		if changed {
			pause = 0
			continue
		}
		if !sleep(ctx, pause) {
			return worked, nil
		}
		pause = min(max(2*pause, firstPause), lastPause)
	}
}

// waitFor is how long the next wait may last.
func waitFor(pnp, settled bool) time.Duration {
	switch {
	case !pnp:
		return pollReaders
	case !settled:
		return firstWait
	default:
		return longWait
	}
}

// knowsPnP reports whether a wait on this context ends when a reader comes.
func knowsPnP(pc Context) (bool, error) {
	states := []ReaderState{{Reader: PnPReader}}
	err := pc.GetStatusChange(states, 0)
	switch {
	case err == nil:
		return states[0].Event&StateUnknown == 0, nil
	case errors.Is(err, Timeout):
		return true, nil
	}
	if err = opError("ask for the PnP reader", "", err); errors.Is(err, ErrNoService) {
		return false, err
	}
	return false, nil
}

// list takes the list of readers over and reports whether it changed. A reader
// that went is published now, a new one when its first look is had.
func (w *Watcher) list(pc Context) (changed bool, err error) {
	names, err := pc.ListReaders()
	if err != nil && !errors.Is(err, NoReadersAvailable) {
		return false, opError("list readers", "", err)
	}
	// Windows Hello poses as a reader whose card is the computer.
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "Windows Hello") })
	for name := range w.readers {
		if !slices.Contains(names, name) {
			delete(w.readers, name)
			changed = true
		}
	}
	for _, name := range names {
		if w.readers[name] == nil {
			w.readers[name] = &tracked{}
			changed = true
		}
	}
	w.report()
	return changed, nil
}

// states is what the next wait is told. To pcsc-lite the counter 0 means "do
// not compare", so a card that was in when the daemon started can be swapped
// unseen: afresh makes the next wait return at once and tell the counters that
// were 0.
func (w *Watcher) states(afresh bool) []ReaderState {
	states := make([]ReaderState, 0, len(w.readers)+1)
	for name, r := range w.readers {
		s := ReaderState{Reader: name, Current: r.state}
		if afresh && s.Current>>16 == 0 {
			s.Current = StateUnaware
		}
		states = append(states, s)
	}
	return states
}

// look takes over what a wait returned and reports whether anything changed.
func (w *Watcher) look(states []ReaderState) (changed bool) {
	for _, s := range states {
		r := w.readers[s.Reader]
		if r == nil {
			continue // the PnP reader
		}
		now := s.Event &^ StateChanged
		if r.looked && inserted(r.state, now) || !r.looked && now&StatePresent != 0 {
			w.last++
			w.insertions[s.Reader] = w.last
		}
		changed = changed || !r.looked || now != r.state
		r.looked, r.state, r.atr = true, now, nil
		if now&StatePresent != 0 {
			r.atr = s.ATR
		}
	}
	w.report()
	return changed
}

// inserted reports whether a card was put in between two looks, whether it is
// still there or not.
func inserted(before, now StateFlag) bool {
	// The upper halves count insertions and removals, modulo 65536.
	moves := uint16(now>>16) - uint16(before>>16)
	switch was, is := before&StatePresent != 0, now&StatePresent != 0; {
	case !was && is:
		return true
	case was && !is:
		return moves > 1
	default:
		return moves != 0
	}
}

// report publishes the readers, unless one of them was not looked at yet: a
// snapshot is whole.
func (w *Watcher) report() {
	s := Snapshot{Readers: make([]Reader, 0, len(w.readers))}
	for name, r := range w.readers {
		if !r.looked {
			return
		}
		s.Readers = append(s.Readers, newReader(name, r, w.insertions[name]))
	}
	slices.SortFunc(s.Readers, func(a, b Reader) int { return strings.Compare(a.Name, b.Name) })
	w.publish(s)
}

// awaitChange waits in C and comes back soon after ctx ends. A Cancel that
// arrives before the wait has begun is lost, so it is repeated until the wait
// is back. With no state to wait for it just lets the time pass.
func awaitChange(ctx context.Context, pc Context, states []ReaderState, timeout time.Duration) error {
	if len(states) == 0 {
		sleep(ctx, timeout)
		return Timeout
	}
	back, quiet := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(quiet)
		for {
			_ = pc.Cancel() // an error is a Cancel that was lost
			select {
			case <-back:
				return
			case <-time.After(cancelAgain):
			}
		}
	})
	err := pc.GetStatusChange(states, timeout)
	close(back)
	if !stop() {
		<-quiet // the context may be released only after the last Cancel
	}
	return err
}

// sleep lets d pass and reports whether it did, and ctx did not end before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
