//go:build linux || darwin

package prompt

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheSocketIsForItsUserAlone(t *testing.T) {
	path := socketPath(t)
	_, run := startServer(t, path, io.Discard)
	for p, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(p)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, %v; want %v", p, info.Mode(), err, mode)
		}
	}
	if _, err := NewServer(ServerConfig{Path: path}); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("a second agent listens too: %v", err)
	}
	if err := run.end(t); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket was left behind")
	}
}

func TestASocketLeftBehindIsReplaced(t *testing.T) {
	path := socketPath(t)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	_, reports := startTray(t, path, newFake(), io.Discard)
	startServer(t, path, io.Discard)
	await(t, reports, "connected", connected)
}

func TestAFolderThatOthersCanOpenIsRefused(t *testing.T) {
	for name, prepare := range map[string]func(folder string) error{
		"open to all": func(f string) error { return errors.Join(os.Mkdir(f, 0o700), os.Chmod(f, 0o755)) },
		"a link":      func(f string) error { return errors.Join(os.Mkdir(f+"2", 0o700), os.Symlink(f+"2", f)) },
		"a file":      func(f string) error { return os.WriteFile(f, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			path := socketPath(t)
			if err := prepare(filepath.Dir(path)); err != nil {
				t.Fatal(err)
			}
			if _, err := NewServer(ServerConfig{Path: path}); err == nil {
				t.Error("the agent listens there")
			}
			if _, err := dial(t.Context(), path); err == nil {
				t.Error("the tray dials there")
			}
		})
	}
}
