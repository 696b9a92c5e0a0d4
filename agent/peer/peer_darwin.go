package peer

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func ownerOf(p pair) (Owner, error) {
	list, err := pcblist()
	if err != nil {
		return Owner{}, fmt.Errorf("peer: net.inet.tcp.pcblist_n: %w", err)
	}
	uid, err := pcblistOwner(list, p)
	if err != nil {
		return Owner{}, err
	}
	return Owner{UID: strconv.FormatUint(uint64(uid), 10)}, nil
}

// pcblist reads the list. ENOMEM means that it grew meanwhile.
func pcblist() (list []byte, err error) {
	for range 5 {
		list, err = unix.SysctlRaw("net.inet.tcp.pcblist_n")
		if !errors.Is(err, unix.ENOMEM) {
			break
		}
	}
	return list, err
}

// self takes the effective uid, as the kernel does for a new socket.
func self() (Owner, error) { return Owner{UID: strconv.Itoa(os.Geteuid())}, nil }
