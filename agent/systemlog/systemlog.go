// Package systemlog writes to the operating system's own log, where a record
// stays as it was written: a user can add to it, and cannot change or remove
// what is there. The system notes beside each record which user and process it
// came from.
//
// On Linux that is systemd's journal, and where there is none the syslog
// daemon; on macOS the unified log, which takes what syslog is given; on Windows
// the event log "Application".
//
// It never waits long for the log, never starts one, and keeps nothing back for
// later: a record that cannot be written is an error. It is tested with real
// sockets at the places of the journal and of the syslog daemon.
package systemlog

import "errors"

// Identifier is what the records are found by.
const Identifier = "cardea-agent"

// Field is a name with a value. In the journal a name gets the prefix CARDEA_
// and capital letters; elsewhere fields are left to the message.
type Field struct{ Name, Value string }

// Record is one record.
type Record struct {
	Message string // one line
	Fields  []Field
}

// ErrNone means that this system has no log that can be written to.
var ErrNone = errors.New("systemlog: this system has no log that can be reached")
