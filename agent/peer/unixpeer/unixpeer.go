//go:build linux || darwin

// Package unixpeer says whose process made the other end of a unix socket, as
// the kernel noted it when the two were connected.
//
// It never reads a byte of the connection and believes nothing that the other
// end says. It is tested through the prompt's socket and the broker's, with
// processes of this user and of another one.
package unixpeer

import (
	"fmt"
	"net"
)

// UID is the user who made the other end.
func UID(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var uid int
	var uidErr error
	if err := raw.Control(func(fd uintptr) { uid, uidErr = peerUID(int(fd)) }); err != nil {
		return 0, err
	}
	if uidErr != nil {
		return 0, fmt.Errorf("unixpeer: who is the other end: %w", uidErr)
	}
	return uid, nil
}
