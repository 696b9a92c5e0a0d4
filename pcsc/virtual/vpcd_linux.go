package virtual

import (
	"net"
	"syscall"
)

// acknowledgeAtOnce sets TCP_QUICKACK, which the kernel forgets at every read.
// Without it each command takes 44 ms: vpcd sends with Nagle's algorithm and
// waits for an acknowledgement that the kernel holds back.
func acknowledgeAtOnce(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	// Only speed is lost if it fails.
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
}
