package main

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// lines is what programs log, to be waited for.
type lines struct {
	mu      sync.Mutex
	b       bytes.Buffer
	changed chan struct{} // closed at the next write; nil when nobody waits
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// await waits for a line with all the words.
func (l *lines) await(t *testing.T, words ...string) {
	t.Helper()
	l.awaitTimes(t, 1, words...)
}

// awaitTimes waits for so many lines with all the words.
func (l *lines) awaitTimes(t *testing.T, times int, words ...string) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		l.mu.Lock()
		text := l.b.String()
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		if found(text, words) >= times {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%q is not logged %d times:\n%s", words, times, text)
		}
	}
}

func found(text string, words []string) (n int) {
	for line := range strings.Lines(text) {
		has := true
		for _, w := range words {
			has = has && strings.Contains(line, w)
		}
		if has {
			n++
		}
	}
	return n
}
