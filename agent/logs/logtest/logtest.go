// Package logtest is a log that tests wait for. Several goroutines, or a program,
// write it; a test awaits a text in it and never a guessed time.
//
// It is for tests alone, holds no logic of the product, and is tested by those
// who use it.
package logtest

import (
	"bytes"
	"cmp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Log is a log, empty at first.
type Log struct {
	// Limit is how long Await waits, far above what it takes; 0 is 30 s.
	Limit time.Duration

	mu      sync.Mutex // guards what follows
	b       bytes.Buffer
	changed chan struct{} // closed at the next write; nil when nobody waits
}

// Write adds to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return l.b.Write(p)
}

// String is all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Await waits until the log has a text so many times.
func (l *Log) Await(t testing.TB, times int, text string) {
	t.Helper()
	late := time.After(cmp.Or(l.Limit, 30*time.Second))
	for {
		l.mu.Lock()
		all := l.b.String()
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		n := strings.Count(all, text)
		if n >= times {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%q is %d times in the log, want %d: %s", text, n, times, all)
		}
	}
}
