//go:build unix

package host

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// takeStdio takes the frames' pipes away from where a module would read and
// print. The module finds an empty input, and its output is standard error.
// Programs that it starts do not inherit the pipes.
func takeStdio() (in, out *os.File, err error) {
	inFD, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, nil, fmt.Errorf("standard input: %w", err)
	}
	outFD, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, nil, fmt.Errorf("standard output: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	if err := dupTo(int(null.Fd()), 0); err != nil {
		return nil, nil, fmt.Errorf("standard input: %w", err)
	}
	if err := dupTo(2, 1); err != nil {
		return nil, nil, fmt.Errorf("standard output: %w", err)
	}
	return os.NewFile(uintptr(inFD), "frames in"), os.NewFile(uintptr(outFD), "frames out"), nil // #nosec G115 -- not negative
}
