// Package peer finds out from the operating system which user, and where the
// system tells which session, owns the other end of a loopback TCP connection.
//
// Linux is asked with SOCK_DIAG, Windows with GetExtendedTcpTable, macOS with
// the sysctl net.inet.tcp.pcblist_n. The question names the exact four-tuple,
// and whatever is not a clear answer is an error: callers refuse on error.
//
// It never reads a byte of the connection, believes nothing that the other end
// says, needs no privilege and no cgo, and never compares account names: a user
// is a uid or a SID.
//
// The parsers of the three systems' answers are pure functions, tested with
// tables and fuzzed everywhere. On Linux the whole look-up is tested against
// real sockets of this user and of another one.
package peer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Owner is who owns one end of a connection.
type Owner struct {
	UID     string // decimal uid on Unix, SID on Windows
	Session string // the Windows session's number; empty on Linux and macOS, where a connection does not tell
}

// SameUser reports whether both are known and are the same user in the same
// session.
func (o Owner) SameUser(other Owner) bool {
	return o.UID != "" && o == other
}

// ErrNotFound is returned when the system knows no established connection with
// this four-tuple: its other end was closed, or is not on this machine.
var ErrNotFound = errors.New("peer: the connection's other end is not known to the system")

// ErrNotLoopback is returned for everything but TCP between loopback addresses.
var ErrNotLoopback = errors.New("peer: not a TCP connection between loopback addresses")

// System asks the operating system. The zero value is ready to be used; that of
// NewSystem asks faster.
type System struct{ line *line }

// NewSystem returns a System that keeps what it asks with, where there is
// something to keep. It may be used by several goroutines.
func NewSystem() System { return System{newLine()} }

// Of returns the owner of the other end of an accepted connection. Its errors
// wrap ErrNotFound or ErrNotLoopback, or are the system's own.
func (s System) Of(conn net.Conn) (Owner, error) {
	p, err := pairOf(conn)
	if err != nil {
		return Owner{}, err
	}
	return s.line.ownerOf(p)
}

// Self returns the user and session of this process.
func Self() (Owner, error) { return self() }

// pair is the four-tuple of a connection. Both are unmapped and without zone.
type pair struct {
	client netip.AddrPort // the other end: whose owner is asked for
	server netip.AddrPort // our end
}

func pairOf(conn net.Conn) (pair, error) {
	client, ok1 := conn.RemoteAddr().(*net.TCPAddr)
	server, ok2 := conn.LocalAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		return pair{}, fmt.Errorf("%w: %T", ErrNotLoopback, conn.RemoteAddr())
	}
	p := pair{plain(client.AddrPort()), plain(server.AddrPort())}
	if !p.client.Addr().IsLoopback() || !p.server.Addr().IsLoopback() {
		return pair{}, fmt.Errorf("%w: %v", ErrNotLoopback, p.client)
	}
	return p, nil
}

// plain makes addresses comparable: ::ffff:127.0.0.1 is 127.0.0.1.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
