package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/kardianos/service"

	"github.com/cardea-agent/cardea/agent/handover"
	"github.com/cardea-agent/cardea/agent/loopback"
)

// logTo has the log written.
func (p *program) logTo(w io.Writer) {
	p.log = slog.New(slog.NewTextHandler(w, nil))
	p.broker = &handover.Broker{Log: p.log}
}

// listen takes what the service manager passed, and listens for what it did not.
func (p *program) listen(address, path string) (err error) {
	if p.pages, p.agents, err = passed(); err != nil {
		return err
	}
	if p.pages == nil {
		if p.pages, err = loopback.Listen(address); err != nil {
			return err
		}
	}
	if p.agents == nil {
		if p.agents, err = handover.Meet(path); err != nil {
			return err
		}
	}
	for _, l := range p.pages {
		p.log.Info("listening", "address", l.Addr().String(), "version", version)
	}
	return nil
}

// program is the broker as service managers know it.
type program struct {
	router
	open func() error // has it listen; nil when it does already

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
		if p.open != nil {
			p.err = p.open()
		}
		if p.err == nil {
			p.err = p.Run(ctx)
		}
		if p.err != nil && ctx.Err() == nil {
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
