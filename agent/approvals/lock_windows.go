package approvals

import (
	"os"

	"golang.org/x/sys/windows"
)

// exclusively waits until no other process has the lock. It is given back when
// the file is closed.
func exclusively(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped))
}
