// Package handover is how a connection of a page gets from the broker, which
// owns the port, to the agent of the person whose browser made it.
//
// Agents dial the broker and stay connected. The broker asks the operating
// system who dialled, and keeps one agent for each user (on Windows, for each
// session); whoever dials while that one lives is told so and tries again. On
// Unix a connection itself changes hands (SCM_RIGHTS, unix(7)): the broker
// relays nothing, and what was handed over outlives it. On Windows a Go program
// cannot take over a socket, so there the bytes go through one multiplexed pipe.
//
// What the broker says is one byte for each thing: welcome, another agent is
// here, and a connection. An agent says nothing at all, so there is nothing of
// it to parse.
//
// It never reads a byte of a page's connection, decides nothing about origins,
// and believes only the operating system about who is who. It is tested with
// real sockets, agents that die, hang and talk, and a broker that goes and comes
// back; together with agent/broker by processes of several users.
package handover

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/peer"
)

// What the broker says, in one byte each.
const (
	sayWelcome    = 'w'
	sayTaken      = 't' // another agent of the same user lives
	sayConnection = 'c' // and the connection with it
)

var (
	// ErrNoAgent is returned for an owner none of whose agents dialled in.
	ErrNoAgent = errors.New("handover: the owner of the connection has no agent")
	// ErrAgentBusy is returned for an agent that takes no connections.
	ErrAgentBusy = errors.New("handover: the agent takes no connections")
)

// patience is how long an agent may leave its connections lying.
const patience = time.Second

// Broker keeps the agents that dialled in. Its zero value is ready; it must not
// be copied.
type Broker struct {
	Log *slog.Logger // nil logs nothing

	mu     sync.Mutex // guards agents; held for no call
	agents map[peer.Owner]*agent
}

// agent is one that dialled in.
type agent struct {
	link link
	once sync.Mutex // one connection is handed over at a time
}

// Hand gives a connection to its owner's agent, and closes this process's hold
// of it in any case. It takes at most a second.
func (b *Broker) Hand(owner peer.Owner, conn net.Conn) error {
	b.mu.Lock()
	a := b.agents[owner]
	b.mu.Unlock()
	if a == nil {
		_ = conn.Close()
		return ErrNoAgent
	}
	a.once.Lock()
	defer a.once.Unlock()
	return a.link.hand(conn)
}

// Agents is how many agents are here.
func (b *Broker) Agents() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.agents)
}

// Serve takes agents that dial, until ctx ends or the listener fails. It takes the
// listener over, and returns when no agent is kept any more.
func (b *Broker) Serve(ctx context.Context, l net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	var live sync.WaitGroup
	defer live.Wait()
	defer stop()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := loopback.Accept(ctx, l)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		live.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			if err := b.greet(conn); err != nil {
				b.log().Warn("whoever dialled is no agent", "reason", err)
				_ = conn.Close()
			}
		})
	}
}

// take keeps an agent until its connection ends.
func (b *Broker) take(owner peer.Owner, l link) {
	log := b.log().With("user", owner.UID, "session", owner.Session)
	if !b.add(owner, &agent{link: l}) {
		log.Warn("a second agent was turned away")
		_ = l.say(sayTaken)
		_ = l.Close()
		return
	}
	log.Info("an agent is here")
	err := l.say(sayWelcome)
	if err == nil {
		err = l.awaitEnd()
	}
	b.mu.Lock()
	delete(b.agents, owner)
	b.mu.Unlock()
	_ = l.Close()
	log.Info("an agent went", "reason", err)
}

func (b *Broker) log() *slog.Logger {
	if b.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return b.Log
}

// add reports whether the place was free.
func (b *Broker) add(owner peer.Owner, a *agent) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.agents == nil {
		b.agents = map[peer.Owner]*agent{}
	}
	if b.agents[owner] != nil {
		return false
	}
	b.agents[owner] = a
	return true
}

// link is the broker's end of the way to one agent.
type link interface {
	say(b byte) error
	hand(conn net.Conn) error
	// awaitEnd returns when the agent is gone, or said something.
	awaitEnd() error
	io.Closer
}

// errTalks is of an agent that says anything: no agent of Cardea's does.
var errTalks = errors.New("handover: the agent talks")
