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

func ownerOf(p pair) (Owner, error) {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return Owner{}, fmt.Errorf("peer: open SOCK_DIAG: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return Owner{}, fmt.Errorf("peer: SOCK_DIAG: %w", err)
	}
	answers, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request},
		Data:   diagRequest(p),
	})
	if errors.Is(err, unix.ENOENT) {
		return Owner{}, ErrNotFound
	}
	if err != nil {
		return Owner{}, fmt.Errorf("peer: ask SOCK_DIAG: %w", err)
	}
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
