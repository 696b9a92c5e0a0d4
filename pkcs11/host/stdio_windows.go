package host

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// takeStdio takes the frames' pipes away from where a module would read and
// print, for modules that bring their C library or load it now. What one prints
// through a library that was loaded before still goes between the frames: then
// the parent takes the process for crashed.
func takeStdio() (in, out *os.File, err error) {
	in, err = duplicate(windows.Stdin)
	if err != nil {
		return nil, nil, fmt.Errorf("standard input: %w", err)
	}
	out, err = duplicate(windows.Stdout)
	if err != nil {
		return nil, nil, fmt.Errorf("standard output: %w", err)
	}
	if err := windows.SetStdHandle(windows.STD_INPUT_HANDLE, windows.InvalidHandle); err != nil {
		return nil, nil, fmt.Errorf("standard input: %w", err)
	}
	if err := windows.SetStdHandle(windows.STD_OUTPUT_HANDLE, windows.Stderr); err != nil {
		return nil, nil, fmt.Errorf("standard output: %w", err)
	}
	return in, out, nil
}

// duplicate makes a handle that is not inherited.
func duplicate(from windows.Handle) (*os.File, error) {
	var to windows.Handle
	self := windows.CurrentProcess()
	err := windows.DuplicateHandle(self, from, self, &to, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(to), "frames"), nil
}
