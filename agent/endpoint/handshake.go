package endpoint

import (
	"bufio"
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/weborigin"
)

// handle answers a request of this user's.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// No request has a body. net/http would wait for this one for ever,
		// before it answers.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	}
	switch r.RequestURI {
	case protocol.Path:
		s.upgrade(w, r)
	case protocol.HealthPath:
		s.health(w, r)
	default:
		s.refuse(w, r, http.StatusNotFound, "wrong path")
	}
}

// refuse answers with a status and not a byte more.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	s.refusals.logOrigin(r.Header.Get("Origin"), reason)
	w.Header().Set("Connection", "close")
	w.WriteHeader(status)
}

// notListed is why an origin in a browser's form is refused.
const notListed = "Origin is not on the list"

// admit checks where a request comes from. It returns why it is refused, ""
// when it is not, and the origin from when its form is right.
func (s *Server) admit(r *http.Request) (origin, reason string) {
	if !hostAllowed(r.Host, s.portOf(r)) {
		return "", "Host is not one of the agent's names"
	}
	origins := r.Header["Origin"]
	if len(origins) != 1 {
		return "", "not exactly one Origin"
	}
	if err := weborigin.Check(origins[0], s.Developer); err != nil {
		return "", err.Error()
	}
	if _, known := s.Origins.Rights(origins[0]); !known {
		return origins[0], notListed
	}
	return origins[0], ""
}

func (s *Server) portOf(r *http.Request) int {
	if s.Port != 0 {
		return s.Port
	}
	if own, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return own.Port
	}
	return protocol.DefaultPort
}

// stopping reports whether Serve's context, which is every request's, has ended.
func stopping(r *http.Request) bool { return r.Context().Err() != nil }

// upgrade makes a connection of a handshake that passes every check, and
// serves it to its end.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		s.refuse(w, r, http.StatusForbidden, "wrong method")
		return
	}
	origin, reason := s.admit(r)
	malformed := checkHandshake(r)
	if reason == "" {
		reason = malformed
	}
	if reason != "" {
		s.refuse(w, r, http.StatusForbidden, reason)
		if reason == notListed && malformed == "" {
			s.Origins.Refused(origin)
		}
		return
	}
	if stopping(r) {
		s.refuse(w, r, http.StatusServiceUnavailable, "stopping")
		return
	}
	release, ok := s.slots.reserve(origin, s.Origins.Listed(origin))
	if !ok {
		s.refuse(w, r, http.StatusTooManyRequests, "too many connections")
		return
	}
	defer release()
	raw, _ := r.Context().Value(connKey{}).(net.Conn)
	over := &takeover{ResponseWriter: w}
	ws, err := websocket.Accept(over, r, &websocket.AcceptOptions{
		Subprotocols:       []string{protocol.Subprotocol},
		InsecureSkipVerify: true, // admit was stricter: this check lets a missing Origin through
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		s.refusals.logOrigin(origin, "the handshake failed")
		if over.failed {
			_ = raw.Close()
			s.connState(raw, http.StateClosed)
		}
		return
	}
	defer s.live.Done()
	ws.SetReadLimit(maxMessage)
	if s.may(origin, rightSign) {
		ws.SetReadLimit(maxBatch)
	}
	newConnection(s, r.Context(), ws, raw, origin).serve()
}

// takeover notes when taking a connection over from net/http failed, which then
// neither closes the connection nor says what became of it.
type takeover struct {
	http.ResponseWriter
	failed bool
}

func (t *takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(t.ResponseWriter).Hijack()
	t.failed = err != nil
	return conn, buffered, err
}

// checkHandshake checks what websocket.Accept would refuse with words.
func checkHandshake(r *http.Request) (reason string) {
	keys := r.Header["Sec-Websocket-Key"]
	var key []byte
	if len(keys) == 1 {
		key, _ = base64.StdEncoding.DecodeString(keys[0])
	}
	switch {
	case !r.ProtoAtLeast(1, 1),
		!slices.ContainsFunc(tokens(r, "Connection"), func(t string) bool { return strings.EqualFold(t, "upgrade") }),
		!slices.ContainsFunc(tokens(r, "Upgrade"), func(t string) bool { return strings.EqualFold(t, "websocket") }),
		r.Header.Get("Sec-WebSocket-Version") != "13",
		len(key) != 16:
		return "not a WebSocket handshake"
	case !slices.Contains(tokens(r, "Sec-WebSocket-Protocol"), protocol.Subprotocol):
		return "without the subprotocol " + protocol.Subprotocol
	}
	return ""
}

// tokens are the comma-separated values of a header.
func tokens(r *http.Request, header string) []string {
	var all []string
	for _, line := range r.Header.Values(header) {
		for token := range strings.SplitSeq(line, ",") {
			all = append(all, strings.TrimSpace(token))
		}
	}
	return all
}

// health answers pages of allowed origins whether the agent runs, and browsers
// that ask first whether a page may ask (CORS, and the preflight of private
// network access in both its spellings).
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") == http.MethodGet
	if r.Method != http.MethodGet && !preflight {
		s.refuse(w, r, http.StatusForbidden, "wrong method")
		return
	}
	origin, reason := s.admit(r)
	if reason != "" {
		s.refuse(w, r, http.StatusForbidden, reason)
		return
	}
	if stopping(r) {
		s.refuse(w, r, http.StatusServiceUnavailable, "stopping")
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Vary", "Origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Connection", "close")
	if preflight {
		h.Set("Access-Control-Allow-Methods", http.MethodGet)
		for _, network := range []string{"Private-Network", "Local-Network"} {
			if r.Header.Get("Access-Control-Request-"+network) == "true" {
				h.Set("Access-Control-Allow-"+network, "true")
			}
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	snapshot, _ := s.Backend.Snapshot()
	body, err := protocol.Encode(protocol.Health{Agent: s.Version, Protocol: protocol.Version, State: snapshot.State})
	if err != nil {
		s.Log.Error("health cannot be encoded", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body)
}
