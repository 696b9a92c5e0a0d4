// Package audit writes one line for each decision about a PIN or a signature:
// when, which origin, which certificate, how it ended. The lines are JSON, for
// an administrator and for the person themself.
//
// It never writes a PIN, a nonce or a token, because it is never given one.
//
// It is tested by reading back what it wrote.
package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cardea-agent/cardea/agent/signin"
)

// Log is an audit log.
type Log struct {
	log *slog.Logger
}

// keptBytes is how long a log may be when it is opened; a longer one is put
// aside, and takes the place of the one that was put aside before.
const keptBytes = 8 << 20

// Open opens or makes the log file at path for its owner alone. The caller
// closes the returned Closer.
func Open(path string) (*Log, io.Closer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, fmt.Errorf("audit: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > keptBytes {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, nil, fmt.Errorf("audit: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("audit: %w", err)
	}
	return New(f), f, nil
}

// New writes to w, a line in one Write.
func New(w io.Writer) *Log {
	return &Log{log: slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: bare}))}
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
	l.log.Info(e.What, attrs...)
}

var _ signin.Audit = (*Log)(nil)
