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
	left  chan struct{} // closed when one is removed; nil while nobody waits
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
		i, wait := s.mutestLocked()
		if i < 0 && len(s.conns) < mostSilent {
			break
		}
		if i < 0 {
			s.waitLocked(wait)
			continue
		}
		_ = s.conns[i].Close()
		s.conns = slices.Delete(s.conns, i, i+1)
	}
	s.conns = append(s.conns, silentConn{conn, time.Now()})
}

// mutestLocked finds the oldest that had its time to speak and did not, -1 when
// there is none, and how long until the next one had its time. What was said and
// is yet to be read counts.
func (s *silent) mutestLocked() (i int, wait time.Duration) {
	for i, c := range s.conns {
		if left := timeToSpeak - time.Since(c.since); left > 0 {
			return -1, left
		}
		if !hasSpoken(c.Conn) {
			return i, 0
		}
	}
	return -1, timeToSpeak
}

// waitLocked waits until one is removed, as it is when it is read, or until the
// time is over.
func (s *silent) waitLocked(wait time.Duration) {
	if s.left == nil {
		s.left = make(chan struct{})
	}
	left := s.left
	s.mu.Unlock()
	defer s.mu.Lock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-left:
	case <-timer.C:
	}
}

func (s *silent) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.conns, func(c silentConn) bool { return c.Conn == conn })
	if i < 0 {
		return
	}
	s.conns = slices.Delete(s.conns, i, i+1)
	if s.left != nil {
		close(s.left)
		s.left = nil
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
