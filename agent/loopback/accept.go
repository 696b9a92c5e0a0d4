package loopback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// restful is how long nothing is accepted where there is no room for it.
const restful = 100 * time.Millisecond

// Accept accepts a connection. An error that others' ends mend is waited out:
// who connects too often must not end what listens. It fails when the listener
// does, as at the end of ctx, when somebody closes that.
func Accept(ctx context.Context, l net.Listener) (net.Conn, error) {
	for {
		conn, err := l.Accept()
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil || !passes(err) {
			return nil, fmt.Errorf("loopback: %w", err)
		}
		timer := time.NewTimer(restful)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// passes reports whether an error of Accept is of one connection or of a moment
// (accept(2)).
func passes(err error) bool {
	for _, passing := range []error{syscall.ECONNABORTED, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}
