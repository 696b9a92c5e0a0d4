package loopback

import (
	"syscall"

	"golang.org/x/sys/windows"
)

const (
	errNoAddress = windows.WSAEADDRNOTAVAIL
	errNoFamily  = windows.WSAEAFNOSUPPORT
	errInUse     = windows.WSAEADDRINUSE
)

// soExclusiveAddrUse is SO_EXCLUSIVEADDRUSE of winsock2.h. Without it another
// program could take the port over with SO_REUSEADDR.
const soExclusiveAddrUse = ^windows.SO_REUSEADDR

func exclusive(_, _ string, conn syscall.RawConn) error {
	var err error
	if controlErr := conn.Control(func(fd uintptr) {
		err = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soExclusiveAddrUse, 1)
	}); controlErr != nil {
		return controlErr
	}
	return err
}
