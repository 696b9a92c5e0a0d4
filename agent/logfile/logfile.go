// Package logfile is a file that is written at its end and put aside when it is
// long: agent.log becomes agent.log.1, that becomes agent.log.2, and so on, and
// the oldest goes. The agent's log and its audit log are such files.
//
// It never loses a line to its own order: a file that cannot be put aside is
// written on. It is its owner's alone, and it starts nothing that runs on beside
// its Write, as the libraries for this do.
//
// It is tested with real files, one of them full.
package logfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// Limits say how much is kept.
type Limits struct {
	Bytes int64 // how long a file may become
	Files int   // how many are kept besides the one that is written; at least one
}

// File is a log file. Its methods may be called by several at a time.
type File struct {
	path   string
	limits Limits

	mu   sync.Mutex // guards what follows; held for a line
	file *os.File   // nil when it could not be opened again
	size int64
	over bool // Close was called
}

// Open opens or makes the file at path for its owner alone, and its folder.
func Open(path string, limits Limits) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("logfile: %w", err)
	}
	f := &File{path: path, limits: limits}
	if err := f.openLocked(); err != nil {
		return nil, fmt.Errorf("logfile: %w", err)
	}
	return f, nil
}

func (f *File) openLocked() error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, info.Size()
	return nil
}

// Path is where the file is.
func (f *File) Path() string { return f.path }

// Write writes one line. The file is closed before it is put aside, because
// Windows renames no file that is open.
func (f *File) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return 0, fmt.Errorf("logfile: %w", os.ErrClosed)
	}
	if f.file != nil && f.size > 0 && f.size+int64(len(line)) > f.limits.Bytes {
		_ = f.file.Close()
		f.file = nil
		f.putAside()
	}
	if f.file == nil {
		if err := f.openLocked(); err != nil {
			return 0, fmt.Errorf("logfile: %w", err)
		}
	}
	n, err := f.file.Write(line)
	f.size += int64(n)
	return n, err
}

// putAside renames the files, the oldest first. What cannot be renamed is
// written over or written on: a line is worth more than an order.
func (f *File) putAside() {
	for n := max(f.limits.Files, 1); n > 1; n-- {
		_ = os.Rename(aside(f.path, n-1), aside(f.path, n))
	}
	_ = os.Rename(f.path, aside(f.path, 1))
}

func aside(path string, n int) string { return path + "." + strconv.Itoa(n) }

// Close closes the file. No line is written after it.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	if f.file == nil {
		return nil
	}
	file := f.file
	f.file = nil
	return file.Close()
}
