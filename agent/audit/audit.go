// Package audit writes one line for each decision about a PIN or a signature:
// when, which origin, which certificate, how it ended. The lines are JSON, for
// an administrator and for the person themself.
//
// It never writes a PIN, a nonce or a token, because it is never given one.
//
// It is tested by reading back what it wrote.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// Log is an audit log.
type Log struct {
	// Failed is told of a line that could not be written. It is set before the
	// first Record; nil tells nobody.
	Failed  func(signin.Event, error)
	handler slog.Handler
}

// keptBytes is how long a log may become; then it is put aside, and takes the
// place of the one that was put aside before.
const keptBytes = 8 << 20

// Open opens or makes the log file at path for its owner alone. The caller
// closes the returned Closer.
func Open(path string) (*Log, io.Closer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, fmt.Errorf("audit: %w", err)
	}
	f := &file{path: path}
	if err := f.open(); err != nil {
		return nil, nil, fmt.Errorf("audit: %w", err)
	}
	return New(f), f, nil
}

// file is a log file that is put aside when it is long. Its Write is called by
// one at a time, as slog's handlers do.
type file struct {
	path string
	*os.File
	size int64
}

func (f *file) open() (err error) {
	if f.File, err = os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	f.size = info.Size()
	return nil
}

// Write writes a line. A log that cannot be put aside is written on: a line is
// worth more than an order. It is closed first, because Windows renames no
// file that is open.
func (f *file) Write(line []byte) (int, error) {
	if f.size > keptBytes {
		_ = f.File.Close()
		_ = os.Rename(f.path, f.path+".old")
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	n, err := f.File.Write(line)
	f.size += int64(n)
	return n, err
}

// New writes to w, a line in one Write.
func New(w io.Writer) *Log {
	return &Log{handler: slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: bare})}
}

// bare leaves out the level: every line has the same.
func bare(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.LevelKey {
		return slog.Attr{}
	}
	return a
}

// Record writes one line.
func (l *Log) Record(e signin.Event) {
	attrs := []any{"origin", e.Origin, "outcome", e.Outcome}
	if c := e.Certificate; c != nil {
		sum := sha256.Sum256(c.Raw)
		attrs = append(attrs, slog.Group("certificate",
			"subject", c.Subject.String(), "issuer", c.Issuer.String(),
			"serial", c.SerialNumber.Text(16), "sha256", hex.EncodeToString(sum[:])))
	}
	if e.Items > 0 {
		attrs = append(attrs, "items", e.Items, "signed", e.Signed)
	}
	line := slog.NewRecord(time.Now(), slog.LevelInfo, e.What, 0)
	line.Add(attrs...)
	if err := l.handler.Handle(context.Background(), line); err != nil && l.Failed != nil {
		l.Failed(e, err)
	}
}

var _ signin.Audit = (*Log)(nil)
