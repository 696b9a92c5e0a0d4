package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/cardea-agent/cardea/agent/audit"
	"github.com/cardea-agent/cardea/agent/logfile"
	"github.com/cardea-agent/cardea/agent/logs"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/systemlog"
)

// logLimits are how much of the agent's log is kept.
var logLimits = logfile.Limits{Bytes: 4 << 20, Files: 3}

// none, as a file's name, is no file.
const none = "none"

// logging is where the agent's records and decisions go.
type logging struct {
	log    *slog.Logger
	memory *logs.Memory
	level  *slog.LevelVar // what the files get
	own    slog.Level     // the level without a signal
	fixed  bool           // the policy does not say it
	path   string         // of the log file; empty without one
	system *systemLog
	audit  *audit.Log
	close  []io.Closer
}

// startLogging opens the log and the audit log. An agent without a log file
// runs, one without an audit log does not.
func startLogging(o options, errs io.Writer) (*logging, error) {
	l := &logging{level: new(slog.LevelVar)}
	if o.verbose {
		l.own, l.fixed = slog.LevelDebug, true
	}
	l.level.Set(l.own)
	writers := []io.Writer{errs}
	file, err := openLog(o.log)
	if file != nil {
		writers = append(writers, file)
		l.path, l.close = file.Path(), append(l.close, file)
	}
	l.log, l.memory = logs.New(l.level, writers...)
	if err != nil {
		l.log.Warn("there is no log file", "err", err)
	}
	path := o.audit
	if path == "" {
		if path, err = auditPath(); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	decisions, auditFile, err := audit.Open(path)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.audit, l.close = decisions, append(l.close, auditFile)
	l.system = &systemLog{log: systemlog.Open(), agent: l.log}
	l.close = append(l.close, l.system.log)
	decisions.System = l.system
	decisions.Failed = func(e signin.Event, err error) {
		l.log.Error("a decision is not in the audit log", "what", e.What, "origin", e.Origin, "outcome", e.Outcome, "err", err)
	}
	return l, nil
}

func openLog(path string) (*logfile.File, error) {
	if path == none {
		return nil, nil
	}
	if path == "" {
		var err error
		if path, err = logPath(); err != nil {
			return nil, err
		}
	}
	return logfile.Open(path, logLimits)
}

// Close closes the files.
func (l *logging) Close() error {
	var failed error
	for _, c := range l.close {
		failed = errors.Join(failed, c.Close())
	}
	return failed
}

// follow logs as much as the policy says, and more or less again at each signal,
// until ctx ends.
func (l *logging) follow(ctx context.Context, rules *policy.Live, signals <-chan struct{}) {
	for {
		p, changed := rules.Current()
		if own := p.LogLevel(); !l.fixed && own != l.own {
			l.own = own
			l.level.Set(own)
			logs.Announce(ctx, l.log, own)
		}
		select {
		case <-changed:
		case <-signals:
			logs.Announce(ctx, l.log, logs.Toggle(l.level, l.own))
		case <-ctx.Done():
			return
		}
	}
}

// systemLog tells the agent's log once that the system's is away, and once that
// it is back: not every system has one, and a decision is in the file as well.
type systemLog struct {
	log   *systemlog.Log
	agent *slog.Logger

	mu   sync.Mutex // guards what follows
	away error
}

// Write writes a record, or notes why that cannot be done.
func (s *systemLog) Write(r systemlog.Record) error {
	err := s.log.Write(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && s.away == nil:
		s.agent.Warn("decisions are not in the system's log", "err", err)
	case err == nil && s.away != nil:
		s.agent.Info("decisions are in the system's log again")
	}
	s.away = err
	return nil
}

// trouble is why the last record is not in the system's log; empty when it is.
func (s *systemLog) trouble() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away == nil {
		return ""
	}
	return s.away.Error()
}

var _ audit.SystemLog = (*systemLog)(nil)
