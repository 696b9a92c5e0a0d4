package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Listener is the agent's side: its connections are those that the broker
// hands over. It dials again for ever, and a broker that is gone is no error.
type Listener struct {
	path     string
	log      *slog.Logger
	accepted chan net.Conn
	stop     context.CancelFunc
	ended    chan struct{}

	mu      sync.Mutex // guards what follows
	here    bool
	changed chan struct{} // closed when here changes
}

// receiver is the agent's end of the way to the broker.
type receiver interface {
	// next waits for what the broker says next, and takes over the connection
	// that came with it.
	next() (byte, net.Conn, error)
	Close() error
}

var (
	// errUntrusted is of a place where others could have put a socket.
	errUntrusted = errors.New("handover: this cannot be the broker's")
	errTaken     = errors.New("handover: another agent of this user is connected to the broker")
	// errNoRoom is of one connection, and of this process having too many open
	// files.
	errNoRoom = errors.New("handover: this process cannot open more files")
)

// The pauses between two attempts to reach the broker. The first is short: after
// its restart pages shall be served within a second.
const (
	firstPause  = 50 * time.Millisecond
	longestWait = 2 * time.Second
)

// Listen returns a listener for what the broker at path hands over. It does not
// wait for the broker.
func Listen(path string, log *slog.Logger) *Listener {
	ctx, stop := context.WithCancel(context.Background())
	l := &Listener{
		path: path, log: log, accepted: make(chan net.Conn), stop: stop,
		ended: make(chan struct{}), changed: make(chan struct{}),
	}
	go func() {
		defer close(l.ended)
		l.run(ctx)
	}()
	return l
}

// Accept waits for the next connection. After Close it fails with net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.ended:
		return nil, &net.OpError{Op: "accept", Net: "handover", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Close ends the connection to the broker and waits until all has ended that
// Listen started. What was accepted stays open.
func (l *Listener) Close() error {
	l.stop()
	<-l.ended
	return nil
}

// Addr names the way to the broker.
func (l *Listener) Addr() net.Addr { return addr(l.path) }

type addr string

func (addr) Network() string  { return "broker" }
func (a addr) String() string { return string(a) }

// Connected reports whether the broker keeps this agent, and a channel that is
// closed when that changes.
func (l *Listener) Connected() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.here, l.changed
}

func (l *Listener) setHere(here bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.here != here {
		l.here = here
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// run dials until ctx ends. The log hears of a change, not of each attempt.
func (l *Listener) run(ctx context.Context) {
	pause, said := firstPause, ""
	for ctx.Err() == nil {
		welcomed, err := l.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		if welcomed {
			pause, said = firstPause, ""
		}
		if why := err.Error(); why != said {
			said = why
			l.log.Warn("no connections come from the broker; trying again", "broker", l.path, "reason", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, longestWait)
	}
}

// serve hands on what comes, until the way to the broker ends.
func (l *Listener) serve(ctx context.Context) (welcomed bool, err error) {
	r, err := dial(ctx, l.path)
	if err != nil {
		return false, err
	}
	defer r.Close()
	defer context.AfterFunc(ctx, func() { _ = r.Close() })()
	defer l.setHere(false)
	for {
		what, conn, err := r.next()
		switch {
		case errors.Is(err, errNoRoom):
			l.log.Error("a connection was lost", "reason", err)
			continue
		case err != nil:
			return welcomed, err
		}
		switch what {
		case sayWelcome:
			welcomed = true
			l.setHere(true)
			l.log.Info("the broker hands over connections", "broker", l.path)
		case sayTaken:
			return false, errTaken
		case sayConnection:
			select {
			case l.accepted <- conn:
			case <-ctx.Done():
				_ = conn.Close()
				return true, ctx.Err()
			}
		default:
			return welcomed, fmt.Errorf("handover: the broker said %q", what)
		}
	}
}
