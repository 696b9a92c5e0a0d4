//go:build unix

package approvals

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// exclusively waits until no other process has the lock. It is given back when
// the file is closed.
func exclusively(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX) // #nosec G115 -- descriptors are small
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
