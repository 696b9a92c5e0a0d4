package peer_test

import (
	"errors"
	"net"
	"testing"

	"github.com/cardea-agent/cardea/agent/peer"
)

func TestOwnersAreTheSameOnlyWhenKnownAndEqual(t *testing.T) {
	for _, c := range []struct {
		a, b peer.Owner
		same bool
	}{
		{peer.Owner{UID: "1000"}, peer.Owner{UID: "1000"}, true},
		{peer.Owner{UID: "1000"}, peer.Owner{UID: "1001"}, false},
		{peer.Owner{UID: "1000"}, peer.Owner{UID: "0"}, false},
		{peer.Owner{}, peer.Owner{}, false},
		{peer.Owner{Session: "1"}, peer.Owner{Session: "1"}, false},
		{peer.Owner{UID: "S-1-5-21-1", Session: "1"}, peer.Owner{UID: "S-1-5-21-1", Session: "2"}, false},
		{peer.Owner{UID: "S-1-5-21-1", Session: "2"}, peer.Owner{UID: "S-1-5-21-1", Session: "2"}, true},
	} {
		if got := c.a.SameUser(c.b); got != c.same {
			t.Errorf("%+v and %+v: same %v, want %v", c.a, c.b, got, c.same)
		}
	}
}

func TestOnlyTCPBetweenLoopbackAddressesIsLookedUp(t *testing.T) {
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	if _, err := (peer.System{}).Of(a); !errors.Is(err, peer.ErrNotLoopback) {
		t.Errorf("pipe: %v", err)
	}
	far := fakeConn{remote: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 1}, local: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2}}
	if _, err := (peer.System{}).Of(far); !errors.Is(err, peer.ErrNotLoopback) {
		t.Errorf("far address: %v", err)
	}
}

// fakeConn has addresses and nothing else: touching its bytes panics.
type fakeConn struct {
	net.Conn
	remote, local net.Addr
}

func (f fakeConn) RemoteAddr() net.Addr { return f.remote }
func (f fakeConn) LocalAddr() net.Addr  { return f.local }
