package main

import (
	"log/slog"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/peer"
)

// quiet is how long refusals of one owner are only counted after one was
// logged: anybody may connect as often as they like.
const quiet = time.Minute

// maxOwners bounds what is remembered.
const maxOwners = 1024

// refusals logs why connections were cut off.
type refusals struct {
	mu     sync.Mutex
	owners map[peer.Owner]*refused
}

type refused struct {
	at    time.Time
	since int // that were not logged
}

func (r *refusals) note(log *slog.Logger, owner peer.Owner, err error) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.owners[owner]
	if last != nil && now.Sub(last.at) < quiet {
		last.since++
		return
	}
	unlogged := 0
	if last != nil {
		unlogged = last.since
	}
	if r.owners == nil || len(r.owners) >= maxOwners {
		r.owners = map[peer.Owner]*refused{}
	}
	r.owners[owner] = &refused{at: now}
	log.Warn("a connection was cut off", "user", owner.UID, "session", owner.Session, "reason", err, "unlogged", unlogged)
}
