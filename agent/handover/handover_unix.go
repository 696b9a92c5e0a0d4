//go:build linux || darwin

package handover

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardea-agent/cardea/agent/peer"
	"github.com/cardea-agent/cardea/agent/peer/unixpeer"
)

// greet asks the kernel who dialled, and keeps them.
func (b *Broker) greet(conn net.Conn) error {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("handover: agents cannot dial %T", conn)
	}
	uid, err := unixpeer.UID(socket)
	if err != nil {
		return err
	}
	b.take(peer.Owner{UID: strconv.Itoa(uid)}, unixLink{socket})
	return nil
}

// unixLink passes connections through a unix socket.
type unixLink struct{ *net.UnixConn }

func (l unixLink) say(b byte) error { return l.send([]byte{b}, nil) }

func (l unixLink) send(b, rights []byte) error {
	if err := l.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, _, err := l.WriteMsgUnix(b, rights, nil)
	return err
}

// hand passes the socket of a connection. An agent whose queue stays full only
// loses the connection; the end of its own ends it.
func (l unixLink) hand(conn net.Conn) error {
	defer conn.Close()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return fmt.Errorf("handover: %T cannot be passed on", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = l.send([]byte{sayConnection}, unix.UnixRights(int(fd))) }); err != nil {
		return err
	}
	// ETOOMANYREFS: the agent's user has as many sockets on the way as may be.
	if errors.Is(sent, os.ErrDeadlineExceeded) || errors.Is(sent, unix.ETOOMANYREFS) {
		return fmt.Errorf("%w: %w", ErrAgentBusy, sent)
	}
	return sent
}

func (l unixLink) awaitEnd() error {
	var b [1]byte
	_, err := l.Read(b[:])
	if err == nil {
		return errTalks
	}
	return err
}

// Meet makes the socket that agents dial, where the service manager passes none.
// Everybody may dial; the folder is root's. A socket that was left behind is
// replaced.
func Meet(path string) (net.Listener, error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // agents of all users dial here
		return nil, fmt.Errorf("handover: %w", err)
	}
	if err := checkFolder(folder); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("handover: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil { //nolint:gosec // the same
		_ = l.Close()
		return nil, fmt.Errorf("handover: %w", err)
	}
	return l, nil
}
