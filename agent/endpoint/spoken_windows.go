package endpoint

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// fionRead is FIONREAD of winsock2.h: how many bytes can be read at once.
const fionRead = 0x4004667f

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
		var waiting, size uint32
		err := windows.WSAIoctl(windows.Handle(fd), fionRead, nil, 0,
			(*byte)(unsafe.Pointer(&waiting)), uint32(unsafe.Sizeof(waiting)), &size, nil, 0)
		spoken = err == nil && waiting > 0
	})
	return spoken
}
