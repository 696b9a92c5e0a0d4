package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-agent/cardea/agent/handover"
	"github.com/cardea-agent/cardea/agent/peer"
)

// maxAsking is how many connections are looked up at once. More wait in the
// kernel's queue.
const maxAsking = 64

// router brings connections to their owners' agents.
type router struct {
	log    *slog.Logger
	pages  []net.Listener
	agents net.Listener
	peers  peer.System
	broker *handover.Broker

	refusals refusals
}

// Run routes until ctx ends or a listener fails, and returns when all that it
// started has ended. What was handed over goes on.
func (r *router) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.broker.Serve(ctx, r.agents) })
	asking := make(chan struct{}, maxAsking)
	for _, l := range r.pages {
		group.Go(func() error { return r.accept(ctx, l, asking) })
	}
	return group.Wait()
}

func (r *router) accept(ctx context.Context, l net.Listener, asking chan struct{}) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var live sync.WaitGroup
	defer live.Wait()
	for {
		asking <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			<-asking
			if ctx.Err() != nil {
				return nil
			}
			if pause(ctx, err) {
				continue
			}
			return fmt.Errorf("accept: %w", err)
		}
		live.Go(func() {
			defer func() { <-asking }()
			r.route(conn)
		})
	}
}

// restful is how long nothing is accepted where there is no room for it.
const restful = 100 * time.Millisecond

// pause reports whether an error of Accept will pass, and waits a little where
// only other connections' ends help.
func pause(ctx context.Context, err error) bool {
	switch {
	case errors.Is(err, syscall.ECONNABORTED):
		return true
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
		timer := time.NewTimer(restful)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return true
	}
	return false
}

// route hands a connection to its owner's agent, or closes it.
func (r *router) route(conn net.Conn) {
	owner, err := r.peers.Of(conn)
	if err != nil {
		_ = conn.Close()
		if !errors.Is(err, peer.ErrNotFound) { // whoever it was is gone
			r.refusals.note(r.log, peer.Owner{}, err)
		}
		return
	}
	if err := r.broker.Hand(owner, conn); err != nil {
		r.refusals.note(r.log, owner, err)
	}
}
