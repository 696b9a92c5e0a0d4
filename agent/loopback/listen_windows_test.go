package loopback

import (
	"context"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

func TestNobodyTakesThePortOverWithReuse(t *testing.T) {
	listeners, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reuse := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		var err error
		controlErr := conn.Control(func(fd uintptr) {
			err = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
		})
		if controlErr != nil {
			return controlErr
		}
		return err
	}}
	for _, l := range listeners {
		defer l.Close()
		if other, err := reuse.Listen(context.Background(), "tcp", l.Addr().String()); err == nil {
			_ = other.Close()
			t.Errorf("%s was taken over", l.Addr())
		}
	}
}
