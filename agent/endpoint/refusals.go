package endpoint

import (
	"log/slog"
	"strconv"
	"sync"
)

// refusals logs each reason once per origin. A page can make as many origins
// and refusals as it likes, so both their length and their number are bounded.
type refusals struct {
	log  *slog.Logger
	mu   sync.Mutex
	seen map[[2]string]bool
}

const (
	maxRefusals = 256 // different ones that are logged
	maxLogged   = 200 // bytes of a string that others wrote
)

func (r *refusals) logOrigin(origin, reason string) {
	if r.first(origin, reason) {
		r.log.Warn("page refused", "origin", quoted(origin), "reason", reason)
	}
}

// logPeer is given the system's words only.
func (r *refusals) logPeer(owner, reason string) {
	if r.first("peer "+owner, "") {
		r.log.Warn("connection refused", "owner", owner, "reason", reason)
	}
}

func (r *refusals) first(who, reason string) bool {
	key := [2]string{quoted(who), reason}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[key] || len(r.seen) > maxRefusals {
		return false
	}
	if r.seen == nil {
		r.seen = make(map[[2]string]bool)
	}
	r.seen[key] = true
	if len(r.seen) > maxRefusals {
		r.log.Warn("further refusals are not logged")
		return false
	}
	return true
}

// quoted makes a string of somebody else's safe for a log: printable ASCII on
// one line, cut.
func quoted(s string) string {
	if len(s) > maxLogged {
		return strconv.QuoteToASCII(s[:maxLogged]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
