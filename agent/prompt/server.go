package prompt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

const (
	// trayWait is how long a question waits for a tray, be it the first one
	// or one that takes the place of one that went away.
	trayWait = 3 * time.Second
	// helloWait bounds how long a connection may say nothing at first.
	helloWait = 3 * time.Second
	// writeWait bounds a write to a tray that stopped reading.
	writeWait = 2 * time.Second
	// maxMoves is how many trays a dialog may lose before it gives up: a
	// window that makes each tray crash must not go on for ever.
	maxMoves = 3
)

// ServerConfig is what a Server needs.
type ServerConfig struct {
	// Path is the socket, or on Windows the pipe. DefaultPath when empty.
	Path string
	// Log gets a line for each tray that comes and goes. Required.
	Log *slog.Logger
	// Version is the agent's, shown by the tray.
	Version string
	// Facts and Records answer inquiries: what the agent knows of itself beside
	// what the Server knows, and the last of its log. Nil tells nothing.
	Facts   func() Facts
	Records func() []string
	// Contact is whom people ask for the help of a kind, by the protocol's word
	// for who can act. Nil names nobody.
	Contact func(kind string) string
	// Sites has what the person answered about sites. Nil has nothing.
	Sites SiteKeeper
}

// Server is the agent's side: it asks its questions through the newest tray.
type Server struct {
	cfg      ServerConfig
	listener net.Listener

	mu     sync.Mutex // guards what follows; never held during I/O
	tray   *trayLink  // the newest, nil while there is none
	status *Status    // nil until the first Publish
	next   uint64     // the last number given to a dialog or an asking
	// changed is closed and replaced when tray or status changes.
	changed chan struct{}
}

var _ signin.Prompter = (*Server)(nil)

// NewServer checks the socket's folder and begins to listen. Run must be called
// after it, and lets go of the socket when it returns. It fails when another
// agent of the same user listens already.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Path == "" {
		path, err := DefaultPath()
		if err != nil {
			return nil, err
		}
		cfg.Path = path
	}
	l, err := listen(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("prompt: %w", err)
	}
	return &Server{cfg: cfg, listener: l, changed: make(chan struct{})}, nil
}

// Run serves trays until ctx ends, and returns when all connections are
// closed. Its error is nil when ctx ended.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() })
	defer stop()
	var links sync.WaitGroup
	defer links.Wait()
	defer cancel()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			_ = s.listener.Close() // waits for the one that ctx began
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("prompt: %w", err)
		}
		links.Go(func() {
			if err := s.serve(ctx, conn); err != nil && ctx.Err() == nil {
				s.cfg.Log.Info("tray connection ended", "reason", err)
			}
		})
	}
}

// serve speaks with one connection. It counts as a tray from its hello on.
func (s *Server) serve(ctx context.Context, conn net.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	version, err := s.greet(conn)
	if errors.Is(err, errInformed) {
		return nil
	}
	if err != nil {
		return err
	}
	link := newTrayLink(conn)
	link.version, link.since = version, time.Now()
	defer link.end()
	old := s.replaceTray(link)
	defer s.dropTray(link)
	s.cfg.Log.Info("tray connected", "version", version, "supersedes", old != nil)
	var writers sync.WaitGroup
	defer writers.Wait()
	defer cancel()
	if old != nil {
		writers.Go(old.supersede)
	}
	writers.Go(func() { s.pushStatus(ctx, link) })
	return link.readAnswers()
}

// errInformed is of a connection that was no tray and has its answer.
var errInformed = errors.New("prompt: an inquiry was answered")

// greet reads the other end's hello, checks who it is, and answers.
func (s *Server) greet(conn net.Conn) (version string, err error) {
	if err := conn.SetDeadline(time.Now().Add(helloWait)); err != nil {
		return "", err
	}
	f, err := readFrame(conn)
	if err != nil {
		return "", err
	}
	// Windows tells who the client is only after something was read.
	// Nothing that a stranger sent is parsed.
	if err := checkClient(conn); err != nil {
		clear(f.body)
		return "", err
	}
	switch f.kind {
	case kindHello:
	case kindInquire:
		var q inquiry
		if err := f.decode(&q); err != nil {
			return "", err
		}
		if err := s.inform(conn, q); err != nil {
			return "", err
		}
		return "", errInformed
	case kindListSites:
		var l listing
		if err := f.decode(&l); err != nil {
			return "", err
		}
		if err := s.tellSites(conn, l); err != nil {
			return "", err
		}
		return "", errInformed
	default:
		clear(f.body)
		return "", fmt.Errorf("%w: %q before hello", errFrame, f.kind)
	}
	var h hello
	if err := f.decode(&h); err != nil {
		return "", err
	}
	if err := writeFrame(conn, kindHello, hello{wireVersion, s.cfg.Version}); err != nil {
		return "", err
	}
	return h.Version, conn.SetDeadline(time.Time{})
}

// Publish gives the trays a new snapshot to show. Only the latest counts.
func (s *Server) Publish(snapshot signin.Snapshot) {
	status := statusOf(snapshot, s.cfg.Contact)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = &status
	s.changeLocked()
}

func (s *Server) pushStatus(ctx context.Context, link *trayLink) {
	var sent *Status
	for {
		s.mu.Lock()
		status, changed := s.status, s.changed
		s.mu.Unlock()
		if status != sent && status != nil {
			if link.write(kindStatus, status) != nil {
				return
			}
			sent = status
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) replaceTray(link *trayLink) (old *trayLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, s.tray = s.tray, link
	s.changeLocked()
	return old
}

func (s *Server) dropTray(link *trayLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tray == link {
		s.tray = nil
		s.changeLocked()
	}
}

func (s *Server) changeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) number() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.next
}

var errNoTray = errors.New("prompt: no tray is connected")

// waitTray returns the tray, or waits until ctx ends for one to connect.
func (s *Server) waitTray(ctx context.Context) (*trayLink, error) {
	for {
		s.mu.Lock()
		tray, changed := s.tray, s.changed
		s.mu.Unlock()
		if tray != nil {
			return tray, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, errNoTray
		}
	}
}
