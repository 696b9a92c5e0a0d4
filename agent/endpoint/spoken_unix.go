//go:build unix

package endpoint

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// hasSpoken reports whether there is something to be read from a connection,
// which stays there.
func hasSpoken(conn net.Conn) (spoken bool) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT) // #nosec G115 -- descriptors are small
		spoken = err == nil && n > 0
	})
	return spoken
}
