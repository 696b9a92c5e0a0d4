package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-agent/cardea/agent/handover"
	"github.com/cardea-agent/cardea/agent/loopback"
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
		conn, err := loopback.Accept(ctx, l)
		if err != nil {
			<-asking
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		live.Go(func() {
			defer func() { <-asking }()
			r.route(conn)
		})
	}
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
