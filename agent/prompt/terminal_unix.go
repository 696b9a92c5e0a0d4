//go:build linux || darwin

package prompt

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// rawInput is a terminal that gives each key at once and echoes none, so that
// neither the screen nor the terminal's line buffer ever holds a PIN.
type rawInput struct {
	fd     int
	before unix.Termios
}

func openRaw(in *os.File) (*rawInput, error) {
	fd := int(in.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	raw := *before
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON
	raw.Lflag |= unix.ISIG
	raw.Iflag |= unix.ICRNL
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	// Flushed: keys that were pressed before the question do not count.
	if err := unix.IoctlSetTermios(fd, setTermiosFlush, &raw); err != nil {
		return nil, err
	}
	return &rawInput{fd: fd, before: *before}, nil
}

// Close gives the terminal back as it was.
func (r *rawInput) Close() error {
	return unix.IoctlSetTermios(r.fd, setTermiosFlush, &r.before)
}

// key waits for one byte, or for ctx to end. It polls the terminal together
// with a pipe, so that no read is left behind to take the next question's keys.
func (r *rawInput) key(ctx context.Context) (byte, error) {
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return 0, err
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = unix.Close(pipe[1]) // makes the other end readable
		close(woken)
	})
	defer func() {
		if stop() {
			_ = unix.Close(pipe[1])
		} else {
			<-woken
		}
		_ = unix.Close(pipe[0])
	}()
	fds := []unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}, {Fd: int32(pipe[0]), Events: unix.POLLIN}} // #nosec G115 -- descriptors are small
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, err
		case fds[1].Revents != 0:
			return 0, context.Cause(ctx)
		}
		var b [1]byte
		n, err := unix.Read(r.fd, b[:])
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, os.ErrClosed
		}
		return b[0], nil
	}
}
