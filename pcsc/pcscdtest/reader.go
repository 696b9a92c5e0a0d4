//go:build linux

package pcscdtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// Reader is one slot of vpcd.
type Reader struct {
	Name string // as PC/SC lists it
	Addr string // where vpcd listens for the card, one connection at a time

	mu     sync.Mutex
	cancel context.CancelFunc // pulls the card; nil: the slot is empty
	ended  chan struct{}      // closed when the pulled card's goroutine is back
}

// Insert puts a card into the reader, in place of the one that is in it, until
// the test ends or Remove is called. serve answers one connection in vpcd's
// protocol (two bytes of length, most significant first, then the message; a
// message of one byte is 0 power off, 1 power on, 2 reset, 4 ATR, and only ATR
// is answered) and returns when the connection is closed. It is called again
// with a new connection after a restart of the daemon. PC/SC sees the card up
// to 400 ms later.
func (r *Reader) Insert(t testing.TB, serve func(net.Conn)) {
	t.Helper()
	r.Remove()
	ctx, cancel := context.WithCancel(context.Background())
	r.mu.Lock()
	defer r.mu.Unlock()
	ended := make(chan struct{})
	r.cancel, r.ended = cancel, ended
	go func() {
		defer close(ended)
		stay(ctx, r.Addr, serve)
	}()
	t.Cleanup(r.Remove)
}

// Remove pulls the card and returns when serve has. PC/SC sees it up to 400 ms
// later. If an APDU is sent and a card inserted before then, the pull is never
// seen: wait for the reader to be empty.
func (r *Reader) Remove() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel()
		<-r.ended
		r.cancel = nil
	}
}

// stay keeps the card connected while ctx lasts.
func stay(ctx context.Context, addr string, serve func(net.Conn)) {
	var dialer net.Dialer
	for ctx.Err() == nil {
		conn, err := dialer.DialContext(ctx, "tcp4", addr)
		if err != nil {
			select { // vpcd is not listening yet, or the daemon is stopped
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
			continue
		}
		pull := context.AfterFunc(ctx, func() { _ = conn.Close() })
		serve(conn)
		pull()
		_ = conn.Close() // at the latest now: the slot takes one connection
	}
}

// claimPorts finds two neighbouring free ports: vpcd's second slot listens on
// the first one's port + 1. They are below the range that the kernel hands out,
// so that no other test's ":0" takes them before vpcd does. No other daemon of
// this package takes them before the claim is closed: it is an abstract socket
// (unix(7)), which goes with its process.
func claimPorts() (port int, claim io.Closer, err error) {
	for range 50 {
		port = 20000 + rand.IntN(6000)*2 //nolint:gosec // no secret
		if claim, err = net.Listen("unix", fmt.Sprintf("@cardea-pcscdtest-%d", port)); err != nil {
			continue
		}
		if err = errors.Join(tryPort(port), tryPort(port+1)); err == nil {
			return port, claim, nil
		}
		_ = claim.Close()
	}
	return 0, nil, err
}

func tryPort(port int) error {
	l, err := net.Listen("tcp4", fmt.Sprintf(":%d", port))
	if err != nil {
		return err
	}
	return l.Close()
}
