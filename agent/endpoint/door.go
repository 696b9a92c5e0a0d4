package endpoint

import (
	"net"
	"slices"
	"sync"
)

// door is a listener that lets in this user's own connections alone. Others
// are closed before a byte of them is read: to another user the agent is not
// running in their session.
type door struct {
	net.Listener
	server *Server
}

// Accept asks the system once for each connection, which takes about a tenth
// of a millisecond.
func (d door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		owner, err := d.server.Peers.Of(conn)
		switch {
		case err != nil:
			d.server.refusals.logPeer("unknown", err.Error())
		case !owner.SameUser(d.server.Self):
			d.server.refusals.logPeer(owner.UID, "another user or session")
		default:
			return conn, nil
		}
		_ = conn.Close()
	}
}

// silent holds the connections that have not finished a handshake, the oldest
// first. A browser keeps one open for as long as it asks its user for leave.
type silent struct {
	mu    sync.Mutex
	conns []net.Conn
}

// add makes room by closing the oldest: a new caller is never refused because
// others are silent.
func (s *silent) add(conn net.Conn) {
	s.mu.Lock()
	var oldest net.Conn
	if len(s.conns) >= maxSilent {
		oldest = s.conns[0]
		s.conns = slices.Delete(s.conns, 0, 1)
	}
	s.conns = append(s.conns, conn)
	s.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close()
	}
}

func (s *silent) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.conns, conn); i >= 0 {
		s.conns = slices.Delete(s.conns, i, i+1)
	}
}

// slots counts upgraded connections.
type slots struct {
	mu        sync.Mutex
	perOrigin map[string]int
	total     int
	closed    bool
	open      sync.WaitGroup
}

// reserve takes a slot, which release gives back.
func (s *slots) reserve(origin string) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.total >= maxConnections || s.perOrigin[origin] >= maxPerOrigin {
		return nil, false
	}
	if s.perOrigin == nil {
		s.perOrigin = make(map[string]int)
	}
	s.total++
	s.perOrigin[origin]++
	s.open.Add(1)
	return func() { s.release(origin) }, true
}

func (s *slots) release(origin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.perOrigin[origin]--; s.perOrigin[origin] == 0 {
		delete(s.perOrigin, origin)
	}
	s.open.Done()
}

// wait gives no more slots and returns when all are given back.
func (s *slots) wait() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.open.Wait()
}
