// Package audit writes one line for each decision about a PIN, a signature or a
// page that was let in or kept out: when, which origin, which certificate, how
// it ended. The lines are JSON, for an administrator and for the person
// themself. [Fields] is what they are made of, and docs/admin.md explains them.
//
// Each line goes to a file that is the person's own, and to the system's log,
// which they cannot rewrite.
//
// It never writes a PIN, a nonce or a token, because it is never given one.
//
// It is tested by reading back what it wrote.
package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/logfile"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/systemlog"
)

// SystemLog is the log that users cannot rewrite.
type SystemLog interface {
	Write(systemlog.Record) error
}

// Log is an audit log. Its fields are set before the first Record.
type Log struct {
	// Failed is told of a line that could not be written. Nil tells nobody.
	Failed func(signin.Event, error)
	// System gets each line too. Nil: no system's log.
	System SystemLog

	file io.Writer

	mu      sync.Mutex // guards what follows; held for a line
	buffer  bytes.Buffer
	handler slog.Handler
}

// limits are how much of the file is kept.
var limits = logfile.Limits{Bytes: 8 << 20, Files: 4}

// Open opens or makes the log file at path for its owner alone. The caller
// closes the returned Closer.
func Open(path string) (*Log, io.Closer, error) {
	f, err := logfile.Open(path, limits)
	if err != nil {
		return nil, nil, fmt.Errorf("audit: %w", err)
	}
	return New(f), f, nil
}

// New writes to w, a line in one Write.
func New(w io.Writer) *Log {
	l := &Log{file: w}
	l.handler = slog.NewJSONHandler(&l.buffer, &slog.HandlerOptions{ReplaceAttr: bare})
	return l
}

// bare leaves out the level: every line has the same.
func bare(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.LevelKey {
		return slog.Attr{}
	}
	return a
}

// Field is one field of a line.
type Field struct {
	Name    string // as in the line; that of a group's field is group.field
	Meaning string // for docs/admin.md
}

// Fields are all fields of the lines. A test holds docs/admin.md to them.
var Fields = []Field{
	{"time", "when, in RFC 3339"},
	{"msg", "what was decided on: `authenticate`, `resume`, `sign`, `getSigningCertificate`: a page's request; `pin`: a PIN that was typed; `allowOrigin`: the person's answer whether a site may ask; `revokeOrigin`: an answer that they took back; `refuse`: a connection that was not let in"},
	{"origin", "the page, as the browser names it"},
	{"outcome", "`ok`, or a code of [errors.md](errors.md)"},
	{"certificate.subject", "whose certificate; absent when none was chosen yet"},
	{"certificate.issuer", "who issued it"},
	{"certificate.serial", "its serial number, in hexadecimal"},
	{"certificate.sha256", "the hash of all of it"},
	{"items", "with `sign`: how many documents were to be signed"},
	{"signed", "with `sign`: how many were"},
	{"triesLeft", "with `pin` and `pinWrong`: how many tries are left, where the card tells"},
	{"right", "with `notPermitted`: the right that is missing"},
	{"reason", "with `refuse`: why. The same reason for the same origin is written once in a run of the agent"},
	{"peer", "with `refuse`: the user whose program it was, where that is the reason"},
}

// Record writes one line.
func (l *Log) Record(e signin.Event) {
	if err := l.record(e); err != nil && l.Failed != nil {
		l.Failed(e, err)
	}
}

func (l *Log) record(e signin.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buffer.Reset()
	line := slog.NewRecord(time.Now(), slog.LevelInfo, e.What, 0)
	line.AddAttrs(attributes(e)...)
	if err := l.handler.Handle(context.Background(), line); err != nil {
		return err
	}
	_, err := l.file.Write(l.buffer.Bytes())
	if l.System == nil {
		return err
	}
	return errors.Join(err, l.System.Write(systemlog.Record{
		Message: string(bytes.TrimSuffix(l.buffer.Bytes(), []byte("\n"))), Fields: systemFields(e),
	}))
}

func attributes(e signin.Event) []slog.Attr {
	attrs := []slog.Attr{slog.String("origin", e.Origin), slog.String("outcome", e.Outcome)}
	if c := e.Certificate; c != nil {
		sum := sha256.Sum256(c.Raw)
		attrs = append(attrs, slog.Group("certificate",
			"subject", c.Subject.String(), "issuer", c.Issuer.String(),
			"serial", c.SerialNumber.Text(16), "sha256", hex.EncodeToString(sum[:])))
	}
	if e.Items > 0 {
		attrs = append(attrs, slog.Int("items", e.Items), slog.Int("signed", e.Signed))
	}
	if tells(e) {
		attrs = append(attrs, slog.Int("triesLeft", e.TriesLeft))
	}
	for _, text := range []systemlog.Field{{Name: "right", Value: e.Right}, {Name: "reason", Value: e.Reason}, {Name: "peer", Value: e.Peer}} {
		if text.Value != "" {
			attrs = append(attrs, slog.String(text.Name, text.Value))
		}
	}
	return attrs
}

// tells reports whether an event's TriesLeft has a meaning.
func tells(e signin.Event) bool {
	return e.What == signin.WhatPIN && e.Outcome == string(signin.CodePINWrong) && e.TriesLeft >= 0
}

// systemFields are by what somebody looks for a record.
func systemFields(e signin.Event) []systemlog.Field {
	fields := []systemlog.Field{{Name: "what", Value: e.What}, {Name: "origin", Value: e.Origin}, {Name: "outcome", Value: e.Outcome}}
	if tells(e) {
		fields = append(fields, systemlog.Field{Name: "triesLeft", Value: strconv.Itoa(e.TriesLeft)})
	}
	return fields
}

var _ signin.Audit = (*Log)(nil)
