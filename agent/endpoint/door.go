package endpoint

import (
	"net"
	"slices"
	"sync"
	"time"
)

// door is a listener that lets in this user's own connections alone. Others
// are closed before a byte of them is read: to another user the agent is not
// running in their session.
type door struct {
	net.Listener
	server *Server
}

// Accept asks the system once for each connection, which takes less than a tenth
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

// silent holds the connections that have not sent a request yet, the oldest
// first. A browser keeps one open for as long as it asks its user for leave.
type silent struct {
	mu    sync.Mutex
	conns []silentConn
}

type silentConn struct {
	net.Conn
	since time.Time
}

// add makes room by closing the oldest that say nothing: a new caller is never
// refused because others are silent. Where connections come faster than they can
// be read there are none yet, and those that have something to say must not be
// closed unread: then it may be some more, and at last the new one waits.
func (s *silent) add(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.conns) >= maxSilent {
		i := s.mutestLocked()
		if i < 0 && len(s.conns) < mostSilent {
			break
		}
		if i < 0 {
			s.mu.Unlock()
			time.Sleep(timeToSpeak / 100)
			s.mu.Lock()
			continue
		}
		_ = s.conns[i].Close()
		s.conns = slices.Delete(s.conns, i, i+1)
	}
	s.conns = append(s.conns, silentConn{conn, time.Now()})
}

// mutestLocked finds the oldest that had its time to speak and did not, -1 when
// there is none. What was said and is yet to be read counts.
func (s *silent) mutestLocked() int {
	for i, c := range s.conns {
		if time.Since(c.since) < timeToSpeak {
			break
		}
		if !hasSpoken(c.Conn) {
			return i
		}
	}
	return -1
}

func (s *silent) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.conns, func(c silentConn) bool { return c.Conn == conn }); i >= 0 {
		s.conns = slices.Delete(s.conns, i, i+1)
	}
}

// slots counts upgraded connections. Some are kept for the origins that an
// administrator listed, however many others a person allowed.
type slots struct {
	mu        sync.Mutex
	perOrigin map[string]int
	total     int
	unlisted  int
	closed    bool
	open      sync.WaitGroup
}

// reserve takes a slot, which release gives back.
func (s *slots) reserve(origin string, listed bool) (release func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.total >= maxConnections || s.perOrigin[origin] >= maxPerOrigin || !listed && s.unlisted >= maxUnlisted {
		return nil, false
	}
	if !listed {
		s.unlisted++
	}
	if s.perOrigin == nil {
		s.perOrigin = make(map[string]int)
	}
	s.total++
	s.perOrigin[origin]++
	s.open.Add(1)
	return func() { s.release(origin, listed) }, true
}

func (s *slots) release(origin string, listed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if !listed {
		s.unlisted--
	}
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
