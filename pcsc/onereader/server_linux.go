package onereader

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// variable names pcscd's socket to pcsc-lite's library.
const variable = "PCSCLITE_CSOCK_NAME"

// Server is a socket that programs take for pcscd's.
type Server struct {
	listener *net.UnixListener
	folder   string
	daemon   string // pcscd's own socket
	done     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	shown  map[int]*view // by the program's process
}

// view is what one process may see, and its connections.
type view struct {
	reader string
	open   map[*net.UnixConn]bool
}

// maxConnections is how many a process can have. pcsc-lite's library makes one
// for each context.
const maxConnections = 64

// Listen makes the socket, in a folder of its own that no other user can enter.
func Listen() (*Server, error) {
	base := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(base) {
		base = os.TempDir()
	}
	folder, err := os.MkdirTemp(base, "cardea-readers-")
	if err != nil {
		return nil, err
	}
	s := &Server{folder: folder, daemon: "/run/pcscd/pcscd.comm", shown: map[int]*view{}}
	if path := os.Getenv(variable); path != "" {
		s.daemon = path
	}
	s.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(folder, "pcscd.comm"), Net: "unix"})
	if err != nil {
		return nil, errors.Join(err, os.Remove(folder))
	}
	s.done.Go(s.accept)
	return s, nil
}

// Environ is what a program needs in its environment.
func (s *Server) Environ() []string { return []string{variable + "=" + s.listener.Addr().String()} }

// Show lets a process see a reader, by its PC/SC name, until hide is called. No
// process sees any before. hide ends the connections that it has.
func (s *Server) Show(pid int, reader string) (hide func()) {
	v := &view{reader, map[*net.UnixConn]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown[pid] = v
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.shown[pid] == v {
			delete(s.shown, pid)
		}
		v.close()
	}
}

func (v *view) close() {
	for conn := range v.open {
		_ = conn.Close()
	}
}

// Close ends all connections and removes the socket.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, v := range s.shown {
		v.close()
	}
	s.mu.Unlock()
	err := s.listener.Close()
	s.done.Wait()
	if e := os.Remove(s.folder); !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as no more files; nothing tells when there are again
			time.Sleep(100 * time.Millisecond)
			continue
		}
		v := s.admit(conn)
		if v == nil {
			_ = conn.Close()
			continue
		}
		s.done.Go(func() {
			defer s.dismiss(v, conn)
			s.serve(conn, v.reader)
		})
	}
}

// admit returns what the program at the other end may see; nil: nothing.
func (s *Server) admit(conn *net.UnixConn) *view {
	pid, err := peerPID(conn)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.shown[pid]
	if v == nil || s.closed || len(v.open) == maxConnections {
		return nil
	}
	v.open[conn] = true
	return v
}

func (s *Server) dismiss(v *view, conn *net.UnixConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(v.open, conn)
	_ = conn.Close()
}

func peerPID(conn *net.UnixConn) (pid int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	e := raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid, errors.Join(e, err)
}

// serve passes on what program and daemon say, until one of them ends.
func (s *Server) serve(program *net.UnixConn, reader string) {
	daemon, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.daemon, Net: "unix"})
	if err != nil {
		return
	}
	defer daemon.Close()
	var tables atomic.Int32 // that the daemon still owes
	var answers sync.WaitGroup
	answers.Go(func() {
		defer program.Close()
		_ = passAnswers(program, daemon, reader, &tables)
	})
	_ = passRequests(daemon, program, reader, &tables)
	_ = daemon.Close()
	answers.Wait()
}
