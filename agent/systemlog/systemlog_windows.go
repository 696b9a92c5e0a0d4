package systemlog

import (
	"fmt"
	"sync"

	"golang.org/x/sys/windows/svc/eventlog"
)

// eventID is the one kind of event. A source without a message file of its own
// has numbers up to 1000 (eventlog.InstallAsEventCreate).
const eventID = 1

// source is what the installer registers below
// HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application. Without that the
// records are there too, beside a remark that their description is missing.
const source = "Cardea"

// Log is the system's log.
type Log struct {
	mu   sync.Mutex // guards what follows
	open *eventlog.Log
}

// Open finds this system's log.
func Open() *Log { return &Log{} }

// Write writes one record.
func (l *Log) Write(r Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		opened, err := eventlog.Open(source)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNone, err)
		}
		l.open = opened
	}
	if err := l.open.Info(eventID, r.Message); err != nil {
		_ = l.open.Close()
		l.open = nil
		return fmt.Errorf("%w: %w", ErrNone, err)
	}
	return nil
}

// Close lets go of the log.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		return nil
	}
	err := l.open.Close()
	l.open = nil
	return err
}
