//go:build linux || darwin

package systemlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// patience is how long a log may be busy. A decision waits for it.
const patience = 500 * time.Millisecond

// The priority of all records, as syslog(3) numbers it: they are about who was
// authorised (LOG_AUTHPRIV), and normal (LOG_NOTICE).
const (
	facility = 10
	severity = 5
)

// messageID is by what the journal finds all records of decisions
// (journalctl MESSAGE_ID=...).
const messageID = "6a5e1f0c9b7d4e02a3c84d1f7be92d56"

// place is where a log listens, and how it is spoken to.
type place struct {
	path   string
	format func(Record, time.Time) []byte
}

// Log is the system's log.
type Log struct {
	places []place // tried in order
}

// Open finds this system's log. It is looked for anew for each record, because
// a log daemon may be started again.
func Open() *Log { return &Log{places: system()} }

// Write writes one record.
func (l *Log) Write(r Record) error {
	now := time.Now()
	var failed error
	for _, p := range l.places {
		err := send(p.path, p.format(r, now))
		if err == nil {
			return nil
		}
		failed = errors.Join(failed, err)
	}
	return fmt.Errorf("%w: %w", ErrNone, failed)
}

// Close has nothing to close.
func (l *Log) Close() error { return nil }

// send connects anew each time: a record is written once in a while, and a
// connection to a daemon that is gone would look sound.
func send(path string, datagram []byte) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err = conn.Write(datagram)
	return err
}

// journalFormat is the native protocol of systemd's journal (systemd.io,
// "Journal Native Protocol"): NAME=value lines, or for a value of several lines
// the name, the length in 64 bits, little endian, and the value.
func journalFormat(r Record, _ time.Time) []byte {
	var b bytes.Buffer
	add := func(name, value string) {
		if !strings.Contains(value, "\n") {
			fmt.Fprintf(&b, "%s=%s\n", name, value)
			return
		}
		fmt.Fprintf(&b, "%s\n", name)
		b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(value))))
		fmt.Fprintf(&b, "%s\n", value)
	}
	add("MESSAGE", r.Message)
	add("MESSAGE_ID", messageID)
	add("PRIORITY", fmt.Sprint(severity))
	add("SYSLOG_FACILITY", fmt.Sprint(facility))
	add("SYSLOG_IDENTIFIER", Identifier)
	add("SYSLOG_PID", fmt.Sprint(os.Getpid()))
	for _, f := range r.Fields {
		add("CARDEA_"+fieldName(f.Name), f.Value)
	}
	return b.Bytes()
}

// fieldName makes a name as the journal takes it: capital letters and
// underscores, so triesLeft becomes TRIES_LEFT.
func fieldName(name string) string {
	var b strings.Builder
	for i, c := range name {
		switch {
		case c >= 'A' && c <= 'Z' && i > 0:
			b.WriteByte('_')
			b.WriteRune(c)
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9' && i > 0:
			b.WriteRune(c)
		default:
			b.WriteByte('_')
		}
	}
	return strings.ToUpper(b.String())
}

// syslogFormat is what syslog(3) sends to the daemon of the same machine
// (RFC 3164 section 4.1, without the host's name). The daemon takes a line.
func syslogFormat(r Record, now time.Time) []byte {
	line := strings.NewReplacer("\n", `\n`, "\x00", `\0`).Replace(r.Message)
	return fmt.Appendf(nil, "<%d>%s %s[%d]: %s", facility<<3|severity, now.Format(time.Stamp), Identifier, os.Getpid(), line)
}
