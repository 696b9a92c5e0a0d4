package handover

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/peer"
)

// newRelay joins a broker's end and an agent's.
func newRelay(t *testing.T) (relayLink, relayReceiver) {
	t.Helper()
	a, b := net.Pipe()
	link, err := newRelayLink(a)
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := newRelayReceiver(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = receiver.Close(); _ = link.Close() })
	return link, receiver
}

func tcpPair(t *testing.T) (page, accepted net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if page, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = page.Close() })
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	_ = page.SetDeadline(time.Now().Add(30 * time.Second))
	return page, accepted
}

func TestARelayedConnectionCarriesEveryByteBothWays(t *testing.T) {
	link, receiver := newRelay(t)
	page, accepted := tcpPair(t)
	if err := link.hand(accepted); err != nil {
		t.Fatal(err)
	}
	what, conn, err := receiver.next()
	if err != nil || what != sayConnection {
		t.Fatalf("%q, %v", what, err)
	}
	if conn.RemoteAddr().String() != page.LocalAddr().String() || conn.LocalAddr().String() != page.RemoteAddr().String() {
		t.Errorf("from %v to %v", conn.RemoteAddr(), conn.LocalAddr())
	}
	if _, err := (peer.System{}).Of(conn); err != nil {
		t.Errorf("the system cannot be asked about it: %v", err)
	}
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // more than every buffer on the way
	go func() { _, _ = io.Copy(conn, conn) }()
	go func() { _, _ = page.Write(sent) }()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(page, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("what came back is not what was sent, %v", err)
	}
	_ = conn.Close()
	if n, err := page.Read(got); err == nil {
		t.Errorf("%d bytes came after the end", n)
	}
}

func TestThePagesEndIsTheRelayedOnesEnd(t *testing.T) {
	link, receiver := newRelay(t)
	page, accepted := tcpPair(t)
	if err := link.hand(accepted); err != nil {
		t.Fatal(err)
	}
	_, conn, err := receiver.next()
	if err != nil {
		t.Fatal(err)
	}
	_ = page.Close()
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("the agent read %v", err)
	}
}

func TestWhatIsNoConnectionComesThroughARelayToo(t *testing.T) {
	link, receiver := newRelay(t)
	for _, b := range []byte{sayWelcome, sayTaken} {
		if err := link.say(b); err != nil {
			t.Fatal(err)
		}
		if what, conn, err := receiver.next(); what != b || conn != nil || err != nil {
			t.Errorf("%q came as %q with %v, %v", b, what, conn, err)
		}
	}
}

// unread is a connection of nothing but what a fuzzer says.
type unread struct {
	net.Conn
	*bytes.Reader
}

func (u unread) Read(p []byte) (int, error)    { return u.Reader.Read(p) }
func (unread) SetReadDeadline(time.Time) error { return nil }

func FuzzARelayedHeadIsReadOrRefused(f *testing.F) {
	f.Add([]byte{sayWelcome})
	f.Add([]byte("c\x00\x0f127.0.0.1:50123\x00\x0f127.0.0.1:24747"))
	f.Add([]byte("c\x00\x0b[::1]:50123\x00\x0b[::1]:24747"))
	f.Add([]byte("c\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		what, conn, err := readHead(unread{Reader: bytes.NewReader(b)})
		if err != nil {
			return
		}
		if (what == sayConnection) != (conn != nil) {
			t.Fatalf("%q with %v", what, conn)
		}
		if conn != nil {
			head, err := relayHead(conn)
			again, same, err2 := readHead(unread{Reader: bytes.NewReader(head)})
			if err != nil || err2 != nil || again != what || same.RemoteAddr().String() != conn.RemoteAddr().String() || same.LocalAddr().String() != conn.LocalAddr().String() {
				t.Fatalf("%q became %q: %v, %v", b, head, err, err2)
			}
		}
	})
}
