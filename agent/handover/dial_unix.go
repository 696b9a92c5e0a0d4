//go:build linux || darwin

package handover

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// dial connects to the broker. Nobody but root can have put the socket there.
func dial(ctx context.Context, path string) (receiver, error) {
	if err := checkFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return unixReceiver{conn.(*net.UnixConn)}, nil
}

// checkFolder refuses a folder in which others than root could put a socket.
func checkFolder(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%w: %s is not a folder", errUntrusted, path)
	case !ok || owner.Uid != 0:
		return fmt.Errorf("%w: %s belongs to another user than root", errUntrusted, path)
	case info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("%w: others than root can write to %s", errUntrusted, path)
	}
	return nil
}

// unixReceiver is the agent's end.
type unixReceiver struct{ *net.UnixConn }

// next reads one byte, and what came with it.
func (r unixReceiver) next() (byte, net.Conn, error) {
	var b [1]byte
	rights := make([]byte, unix.CmsgSpace(4))
	n, size, flags, _, err := r.ReadMsgUnix(b[:], rights)
	if err != nil {
		return 0, nil, err
	}
	files, err := filesOf(rights[:size])
	if err != nil {
		return 0, nil, err
	}
	if n != 1 || (b[0] == sayConnection) != (len(files) == 1) || flags&unix.MSG_CTRUNC != 0 {
		for _, f := range files {
			_ = f.Close()
		}
		if b[0] == sayConnection && flags&unix.MSG_CTRUNC != 0 {
			return 0, nil, errNoRoom
		}
		return 0, nil, fmt.Errorf("handover: the broker said %q with %d files", b[:n], len(files))
	}
	if len(files) == 0 {
		return b[0], nil, nil
	}
	defer files[0].Close()
	conn, err := net.FileConn(files[0])
	if err != nil {
		return 0, nil, fmt.Errorf("handover: the broker gave what is no socket: %w", err)
	}
	return b[0], conn, nil
}

// filesOf takes over the files that came with a message.
func filesOf(rights []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return files, fmt.Errorf("handover: %w", err)
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "connection"))
		}
	}
	return files, nil
}
