//go:build linux || darwin

package prompt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cardea-agent/cardea/agent/peer/unixpeer"
)

// maxPath is the room for a socket's name in sockaddr_un, which is 108 bytes
// on Linux and 104 on macOS, its final zero included.
const maxPath = 103

// DefaultPath is where the agent and the tray of a user meet:
// $XDG_RUNTIME_DIR/cardea/prompt.sock, or the same below /run/user/UID where a
// program was started without that variable, or below the user's own cache
// folder where there is no such folder, as on macOS.
func DefaultPath() (string, error) {
	base := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(base) {
		base = fmt.Sprintf("/run/user/%d", os.Getuid())
		if info, err := os.Stat(base); err != nil || !info.IsDir() {
			if base, err = os.UserCacheDir(); err != nil {
				return "", fmt.Errorf("prompt: no folder for the socket: %w", err)
			}
		}
	}
	return filepath.Join(base, "cardea", "prompt.sock"), nil
}

// privateFolder makes sure that a folder exists, is a folder and no link, and
// that nobody but this user can even look into it.
func privateFolder(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return checkFolder(path)
}

func checkFolder(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", path)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to another user", path)
	}
	if info.Mode().Perm() != 0o700 {
		return fmt.Errorf("%s can be opened by other users (mode %#o): chmod 700 it, or remove it", path, info.Mode().Perm())
	}
	return nil
}

// lockedListener is a socket and the lock that says whose turn it is to listen.
type lockedListener struct {
	*net.UnixListener
	lock   *os.File
	once   sync.Once
	result error // of the one Close
}

// Close removes the socket first and lets go of the lock after it, so that the
// next agent's socket is never the one that is removed. Both are done when any
// call returns.
func (l *lockedListener) Close() error {
	l.once.Do(func() { l.result = errors.Join(l.UnixListener.Close(), l.lock.Close()) })
	return l.result
}

// listen makes the socket. A socket that was left behind is replaced; one that
// is served is an error. The lock tells the two apart without a race.
func listen(path string) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("the socket's path has %d bytes, the system allows %d: %s", len(path), maxPath, path)
	}
	if err := privateFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("another agent of this user serves %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = lock.Close()
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	locked := &lockedListener{UnixListener: l, lock: lock}
	// Until here the folder's mode alone keeps others out.
	if err := os.Chmod(path, 0o600); err != nil {
		_ = locked.Close()
		return nil, err
	}
	return locked, nil
}

// dial connects to the agent's socket, in a folder that no other user can have
// made.
func dial(ctx context.Context, path string) (net.Conn, error) {
	if err := checkFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("prompt: %w", err)
	}
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}

// checkClient and checkServer ask the system whose process the other end is.
func checkClient(conn net.Conn) error { return checkPeer(conn) }
func checkServer(conn net.Conn) error { return checkPeer(conn) }

func checkPeer(conn net.Conn) error {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("prompt: %T is not a unix socket", conn)
	}
	uid, err := unixpeer.UID(c)
	if err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	if uid != os.Getuid() {
		return fmt.Errorf("prompt: the other end belongs to user %d, not to %d", uid, os.Getuid())
	}
	return nil
}
