package main

import (
	"context"
	"os"

	"github.com/kardianos/service"
)

// program is the broker as service managers know it.
type program struct {
	router

	stop  context.CancelFunc
	ended chan struct{}
	err   error // of Run; set when ended is closed
}

// Start must not wait. A broker that fails ends the whole process: a manager
// starts it again.
func (p *program) Start(service.Service) error {
	ctx, stop := context.WithCancel(context.Background())
	p.stop, p.ended = stop, make(chan struct{})
	go func() {
		defer close(p.ended)
		if p.err = p.Run(ctx); p.err != nil && ctx.Err() == nil {
			p.log.Error("the broker failed", "reason", p.err)
			os.Exit(1)
		}
	}()
	return nil
}

func (p *program) Stop(service.Service) error {
	p.stop()
	<-p.ended
	return nil
}
