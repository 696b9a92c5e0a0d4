// Package logs makes the agent's log: to a file, to standard error, and the last
// records to memory, for a support report.
//
// What is written can be made more or less while the agent runs, through the
// slog.LevelVar. Memory takes every record, also those that the files leave out,
// but only so many and each only so long.
//
// It decides nothing about what is logged. No PIN, nonce or token is ever given
// to it; the tests of the whole agent search everything that is written for one.
package logs

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
)

// Limits of what memory keeps.
const (
	KeptRecords = 1000
	keptBytes   = 2 << 10 // of one record
)

// New makes a log that writes records of at least level to each of the writers,
// and every record to memory.
func New(level slog.Leveler, writers ...io.Writer) (*slog.Logger, *Memory) {
	memory := &Memory{}
	handlers := []slog.Handler{memory.handler()}
	for _, w := range writers {
		handlers = append(handlers, slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(slog.NewMultiHandler(handlers...)), memory
}

// Memory keeps the last records.
type Memory struct {
	mu    sync.Mutex // guards what follows
	lines [KeptRecords]string
	next  int // where the next line goes
	full  bool
}

// Lines returns the records, the oldest first, each a line without its end.
func (m *Memory) Lines() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := make([]string, 0, KeptRecords)
	if m.full {
		lines = append(lines, m.lines[m.next:]...)
	}
	return append(lines, m.lines[:m.next]...)
}

// Write keeps one line, as slog's handlers give it.
func (m *Memory) Write(line []byte) (int, error) {
	kept := bytes.TrimSuffix(line, []byte("\n"))
	text := string(kept[:min(len(kept), keptBytes)])
	if len(kept) > keptBytes {
		text += "..."
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines[m.next] = text
	if m.next++; m.next == len(m.lines) {
		m.next, m.full = 0, true
	}
	return len(line), nil
}

// everything is below every level that slog names.
const everything = slog.LevelDebug - 4

func (m *Memory) handler() slog.Handler {
	return slog.NewTextHandler(m, &slog.HandlerOptions{Level: everything})
}

// Toggle changes a level between its own and debug, and says which it is now.
func Toggle(level *slog.LevelVar, own slog.Level) slog.Level {
	next := slog.LevelDebug
	if level.Level() == slog.LevelDebug {
		next = own
	}
	level.Set(next)
	return next
}

// Announce logs a level that changed, at whatever level is written.
func Announce(ctx context.Context, log *slog.Logger, level slog.Level) {
	log.Log(ctx, slog.LevelWarn, "what is logged changed", "least", level.String())
}
