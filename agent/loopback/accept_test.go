package loopback

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
)

// troubled is a listener that fails in turn.
type troubled struct {
	net.Listener
	errs []error
}

func (l *troubled) Accept() (net.Conn, error) {
	err := l.errs[0]
	l.errs = l.errs[1:]
	if err != nil {
		return nil, err
	}
	a, b := net.Pipe()
	_ = b.Close()
	return a, nil
}

func TestAMomentWithoutRoomIsWaitedOutAndAClosedListenerIsNot(t *testing.T) {
	l := &troubled{errs: []error{&net.OpError{Op: "accept", Err: syscall.EMFILE}, syscall.ECONNABORTED, nil}}
	conn, err := Accept(t.Context(), l)
	if err != nil || len(l.errs) != 0 {
		t.Fatalf("%v, with %d left", err, len(l.errs))
	}
	_ = conn.Close()
	if _, err := Accept(t.Context(), &troubled{errs: []error{net.ErrClosed}}); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Accept(ctx, &troubled{errs: []error{syscall.EMFILE}}); !errors.Is(err, syscall.EMFILE) {
		t.Error(err)
	}
}
