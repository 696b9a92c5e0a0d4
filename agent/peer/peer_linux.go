package peer

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// patience is far above the tenth of a millisecond that an answer takes.
const patience = 2 * time.Second

// line keeps sockets to the kernel from one question to the next: to open one
// costs more than to ask, which counts while somebody floods the door. A nil one
// keeps none.
type line struct{ idle chan *netlink.Conn }

// kept is how many listeners ask at once: one for each family.
const kept = 2

func newLine() *line { return &line{make(chan *netlink.Conn, kept)} }

func (l *line) take() (*netlink.Conn, error) {
	if l != nil {
		select {
		case conn := <-l.idle:
			return conn, nil
		default:
		}
	}
	return netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
}

// give keeps a socket whose last question was answered. Of any other an answer
// may still come.
func (l *line) give(conn *netlink.Conn, answered bool) {
	if l != nil && answered {
		select {
		case l.idle <- conn:
			return
		default:
		}
	}
	_ = conn.Close()
}

func (l *line) ownerOf(p pair) (owner Owner, err error) {
	conn, err := l.take()
	if err != nil {
		return Owner{}, fmt.Errorf("peer: open SOCK_DIAG: %w", err)
	}
	answered := false
	defer func() { l.give(conn, answered) }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return Owner{}, fmt.Errorf("peer: SOCK_DIAG: %w", err)
	}
	answers, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request},
		Data:   diagRequest(p),
	})
	if errors.Is(err, unix.ENOENT) {
		answered = true
		return Owner{}, ErrNotFound
	}
	if err != nil {
		return Owner{}, fmt.Errorf("peer: ask SOCK_DIAG: %w", err)
	}
	answered = true
	if len(answers) != 1 || answers[0].Header.Type != unix.SOCK_DIAG_BY_FAMILY {
		return Owner{}, fmt.Errorf("%w: %d answers", ErrNotFound, len(answers))
	}
	uid, err := diagOwner(answers[0].Data, p)
	if err != nil {
		return Owner{}, err
	}
	return Owner{UID: strconv.FormatUint(uint64(uid), 10)}, nil
}

// self takes the effective uid, as the kernel does for a new socket.
func self() (Owner, error) { return Owner{UID: strconv.Itoa(os.Geteuid())}, nil }
