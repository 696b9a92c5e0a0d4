//go:build unix

package loopback

import "syscall"

const (
	errNoAddress = syscall.EADDRNOTAVAIL
	errNoFamily  = syscall.EAFNOSUPPORT
	errInUse     = syscall.EADDRINUSE
)

// exclusive has nothing to do: on Unix a port in use cannot be taken over.
func exclusive(string, string, syscall.RawConn) error { return nil }
