package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/winservice"
)

const serviceName = "CardeaSupervisor"

// run is the service, or does the same in the foreground until it is interrupted.
func (o options) run() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var to io.Writer = os.Stderr
	if o.service {
		log := winservice.OpenLog()
		defer log.Close()
		to = log
	}
	log := slog.New(slog.NewTextHandler(to, nil)).With("service", serviceName)
	s := sessions{folder: filepath.Dir(self), arguments: o.arguments}
	if o.service {
		return svc.Run(serviceName, handler{system: s, log: log})
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	supervise(ctx, s, nil, log)
	return nil
}

func supervise(ctx context.Context, s system, events <-chan event, log *slog.Logger) {
	log.Info("supervising", "version", version)
	newSupervisor(s, newStarts(policy.System(), log).now, events, log).run(ctx)
}

// handler is the service as its manager knows it. It is written against the
// manager's own interface: kardianos/service, which runs the broker, passes on no
// events of sessions.
type handler struct {
	system system
	log    *slog.Logger
}

// Execute is called by the service manager. A fault ends the whole process, and
// the manager starts it again.
func (h handler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	status <- svc.Status{State: svc.StartPending}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	events := make(chan event, 16)
	done := make(chan struct{})
	go func() {
		defer close(done)
		supervise(ctx, h.system, events, h.log)
	}()
	status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown | svc.AcceptSessionChange}
	for r := range requests {
		switch r.Cmd {
		case svc.Interrogate:
			status <- r.CurrentStatus
		case svc.SessionChange:
			events <- eventOf(r.EventType)
		case svc.Stop, svc.Shutdown:
			status <- svc.Status{State: svc.StopPending, WaitHint: uint32(2 * patience.Milliseconds())}
			stop()
			<-done
			return false, 0
		}
	}
	return false, 0
}

func eventOf(kind uint32) event {
	if kind == windows.WTS_SESSION_LOGOFF {
		return signOut
	}
	return other
}
