package nodump

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Disable turns core files off. The system's crash reports hold registers and
// stacks of addresses, not the heap. Debuggers are kept away by the hardened
// runtime that the programs are signed with.
func Disable() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("nodump: RLIMIT_CORE: %w", err)
	}
	return nil
}
