package loopback

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for _, addr := range []string{
		"0.0.0.0:0", "[::]:0", ":0", "192.0.2.7:0", "example.com:0", "[::ffff:127.0.0.1]:0", "127.0.0.2:0", "127.1:0",
	} {
		l, err := Listen(addr)
		if err == nil {
			t.Errorf("%s: listens on %v", addr, l[0].Addr())
			_ = l[0].Close()
			continue
		}
		if host, _, _ := net.SplitHostPort(addr); !strings.Contains(err.Error(), fmt.Sprintf("%q", host)) {
			t.Errorf("%s is refused without its name: %v", addr, err)
		}
	}
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1"} {
		if _, err := Listen(addr); err == nil {
			t.Errorf("%s is accepted", addr)
		}
	}
}

func TestBothFamiliesListenOnOnePort(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0"} {
		listeners, err := Listen(addr)
		if err != nil {
			t.Fatal(err)
		}
		first := listeners[0].Addr().(*net.TCPAddr)
		for _, l := range listeners {
			own := l.Addr().(*net.TCPAddr)
			if !own.IP.IsLoopback() || own.Port != first.Port {
				t.Errorf("%s: %v beside %v", addr, own, first)
			}
		}
		if _, err := Listen(first.String()); !errors.Is(err, errInUse) {
			t.Errorf("a port in use: %v", err)
		}
		for _, l := range listeners {
			_ = l.Close()
		}
	}
}

// fakeListener is at an address and never accepts.
type fakeListener struct {
	net.Listener
	addr   string
	closed *int
}

func (f fakeListener) Addr() net.Addr {
	a, err := net.ResolveTCPAddr("tcp", f.addr)
	if err != nil {
		panic(err)
	}
	return a
}
func (f fakeListener) Close() error { *f.closed++; return nil }

func TestAMachineWithoutIPv6IsServedOnIPv4(t *testing.T) {
	for _, c := range []struct {
		v6Err         error
		port          int
		want, closed  int
		wantErr       error
		attemptsAtAll int
	}{
		{fmt.Errorf("listen: %w", errNoAddress), 24747, 1, 0, nil, 1},
		{fmt.Errorf("listen: %w", errNoFamily), 24747, 1, 0, nil, 1},
		{fmt.Errorf("listen: %w", errInUse), 24747, 0, 1, errInUse, 1},
		{fmt.Errorf("listen: %w", errInUse), 0, 0, attempts, errInUse, attempts},
	} {
		closed, tried := 0, 0
		listeners, err := listenBoth(c.port, func(network, addr string) (net.Listener, error) {
			if network == "tcp6" {
				return nil, c.v6Err
			}
			tried++
			return fakeListener{addr: "127.0.0.1:24747", closed: &closed}, nil
		})
		if len(listeners) != c.want || !errors.Is(err, c.wantErr) || closed != c.closed || tried != c.attemptsAtAll {
			t.Errorf("%v: %d listeners, %v, %d closed, %d tried", c.v6Err, len(listeners), err, closed, tried)
		}
	}
}
