package winservice

import (
	"strings"

	"github.com/cardea-agent/cardea/agent/systemlog"
)

// Log writes each line to the system's event log.
type Log struct{ log *systemlog.Log }

// OpenLog finds the event log. A service has no other place for its lines.
func OpenLog() Log { return Log{systemlog.Open()} }

// Write writes a line.
func (l Log) Write(line []byte) (int, error) {
	err := l.log.Write(systemlog.Record{Message: strings.TrimRight(string(line), "\n")})
	return len(line), err
}

// Close lets go of the log.
func (l Log) Close() error { return l.log.Close() }
