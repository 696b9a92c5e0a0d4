package handover

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// Where a connection cannot change hands, each is a stream of one multiplexed
// connection. A stream begins with the byte that says what it is; a page's goes
// on with the addresses of both its ends, so that the agent can ask the system
// about the same connection as the broker did, and then with its bytes.

// relayConfig keeps yamux quiet: what it would log is the end of a connection,
// which both ends report themselves.
func relayConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.LogOutput, c.Logger = nil, log.New(io.Discard, "", 0)
	c.StreamOpenTimeout = 0 // an agent may be slow to accept; its connection's end is enough
	return c
}

// relayLink is the broker's end.
type relayLink struct {
	*yamux.Session
	streams *sync.WaitGroup // that are being relayed
}

func newRelayLink(conn net.Conn) (relayLink, error) {
	s, err := yamux.Client(conn, relayConfig())
	return relayLink{s, &sync.WaitGroup{}}, err
}

func (l relayLink) say(b byte) error {
	stream, err := l.open([]byte{b})
	if err != nil {
		return err
	}
	return stream.Close()
}

func (l relayLink) open(head []byte) (net.Conn, error) {
	stream, err := l.Open()
	if err != nil {
		return nil, err
	}
	if err := stream.SetWriteDeadline(time.Now().Add(patience)); err == nil {
		_, err = stream.Write(head)
		if err == nil {
			err = stream.SetWriteDeadline(time.Time{})
		}
		if err == nil {
			return stream, nil
		}
	}
	_ = stream.Close()
	return nil, ErrAgentBusy
}

// hand relays in the background, uninterpreted, until either end closes.
func (l relayLink) hand(conn net.Conn) error {
	head, err := relayHead(conn)
	if err != nil {
		_ = conn.Close()
		return err
	}
	stream, err := l.open(head)
	if err != nil {
		_ = conn.Close()
		return err
	}
	l.streams.Go(func() { relay(conn, stream) })
	return nil
}

// relay copies both ways. The end of one is the end of both: a WebSocket says
// its goodbyes before.
func relay(a, b net.Conn) {
	closeBoth := sync.OnceFunc(func() { _ = a.Close(); _ = b.Close() })
	defer closeBoth()
	back := make(chan struct{})
	go func() {
		defer close(back)
		defer closeBoth()
		_, _ = io.Copy(a, b)
	}()
	_, _ = io.Copy(b, a)
	closeBoth()
	<-back
}

func (l relayLink) awaitEnd() error {
	stream, err := l.Accept()
	if err == nil {
		_ = stream.Close()
		return errTalks
	}
	return err
}

func (l relayLink) Close() error {
	err := l.Session.Close()
	l.streams.Wait()
	return err
}

// relayReceiver is the agent's end.
type relayReceiver struct{ *yamux.Session }

func newRelayReceiver(conn net.Conn) (relayReceiver, error) {
	s, err := yamux.Server(conn, relayConfig())
	return relayReceiver{s}, err
}

func (r relayReceiver) next() (byte, net.Conn, error) {
	stream, err := r.Accept()
	if err != nil {
		return 0, nil, err
	}
	what, conn, err := readHead(stream)
	if err != nil || conn == nil {
		_ = stream.Close()
	}
	return what, conn, err
}

// relayed is a page's connection with the addresses that it has in the broker.
type relayed struct {
	net.Conn
	local, remote net.Addr
}

func (r relayed) LocalAddr() net.Addr  { return r.local }
func (r relayed) RemoteAddr() net.Addr { return r.remote }

// maxAddress is room for any address with its port.
const maxAddress = 64

// relayHead is what a page's stream begins with.
func relayHead(conn net.Conn) ([]byte, error) {
	head := []byte{sayConnection}
	for _, a := range []net.Addr{conn.RemoteAddr(), conn.LocalAddr()} {
		text := a.String()
		if _, ok := a.(*net.TCPAddr); !ok || len(text) > maxAddress {
			return nil, fmt.Errorf("handover: %T at %s cannot be passed on", conn, text)
		}
		head = append(binary.BigEndian.AppendUint16(head, uint16(len(text))), text...) // #nosec G115 -- bounded above
	}
	return head, nil
}

func readHead(stream net.Conn) (what byte, conn net.Conn, err error) {
	if err := stream.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	var b [1]byte
	if _, err := io.ReadFull(stream, b[:]); err != nil {
		return 0, nil, fmt.Errorf("handover: the broker said nothing: %w", err)
	}
	if b[0] != sayConnection {
		return b[0], nil, nil
	}
	c := relayed{Conn: stream}
	for _, a := range []*net.Addr{&c.remote, &c.local} {
		if *a, err = readAddress(stream); err != nil {
			return 0, nil, err
		}
	}
	return b[0], c, stream.SetReadDeadline(time.Time{})
}

func readAddress(r io.Reader) (net.Addr, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, fmt.Errorf("handover: address: %w", err)
	}
	n := binary.BigEndian.Uint16(size[:])
	if n > maxAddress {
		return nil, fmt.Errorf("handover: an address of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("handover: address: %w", err)
	}
	at, err := netip.ParseAddrPort(string(text))
	if err != nil {
		return nil, fmt.Errorf("handover: address: %w", err)
	}
	return net.TCPAddrFromAddrPort(at), nil
}
