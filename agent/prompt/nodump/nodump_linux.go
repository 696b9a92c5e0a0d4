package nodump

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Disable turns core dumps off, and ptrace and /proc/PID/mem for other processes
// of the same user with them (prctl(2), PR_SET_DUMPABLE). The limit is for core
// handlers that do not ask for the flag, and for children.
func Disable() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("nodump: PR_SET_DUMPABLE: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("nodump: RLIMIT_CORE: %w", err)
	}
	return nil
}
