package endpoint

import (
	"log/slog"
	"strconv"
	"sync"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// refusals logs each reason once per origin, and writes it down as a decision. A
// page can make as many origins and refusals as it likes, so both their length
// and their number are bounded: nobody fills the audit log by being refused.
type refusals struct {
	log   *slog.Logger
	audit signin.Audit // nil writes nothing down
	mu    sync.Mutex
	seen  map[[2]string]bool
}

const (
	maxRefusals = 256 // different ones that are logged
	maxLogged   = 200 // bytes of a string that others wrote
)

func (r *refusals) logOrigin(origin, reason string) {
	if r.first(origin, reason) {
		r.log.Warn("page refused", "origin", quoted(origin), "reason", reason)
		r.record(signin.Event{What: signin.WhatRefuse, Origin: cut(origin), Outcome: string(protocol.CodeOriginRefused), Reason: reason})
	}
}

// logPeer is given the system's words only.
func (r *refusals) logPeer(owner, reason string) {
	if r.first("peer "+owner, "") {
		r.log.Warn("connection refused", "owner", owner, "reason", reason)
		r.record(signin.Event{What: signin.WhatRefuse, Outcome: string(protocol.CodeOriginRefused), Reason: reason, Peer: owner})
	}
}

// notPermitted is of a page that is let in and may not do what it asks.
func (r *refusals) notPermitted(method, origin, right string) {
	if r.first(origin, "not permitted: "+method) {
		r.log.Warn("request refused", "method", method, "origin", quoted(origin), "right", right)
		r.record(signin.Event{What: method, Origin: origin, Outcome: string(signin.CodeNotPermitted), Right: right})
	}
}

func (r *refusals) record(e signin.Event) {
	if r.audit != nil {
		r.audit.Record(e)
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

// cut is for a log that quotes by itself.
func cut(s string) string { return s[:min(len(s), maxLogged)] }
