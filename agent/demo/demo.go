package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-agent/cardea/agent/audit"
	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/session"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/web/portal"
)

// config is what differs between a demo for a person, a check and a test.
type config struct {
	listen, site string          // where the agent and the site listen
	prompter     signin.Prompter // nil: the tray, over promptPath
	promptPath   string
	log          *slog.Logger
	trace        io.Writer // takes the audit log and what the tray writes
	folder       string    // for the site's mails
	notice       io.Writer // hears in a sentence what is not as asked for
}

// demo is an agent, its virtual cards and a site. It listens from newDemo on,
// so its addresses are known before it runs.
type demo struct {
	bench     *bench
	origin    string // of the site, as browsers write it
	agentPort int
	agent     session.Config
	listeners []net.Listener // of the site
	handler   http.Handler
	end       func() error // closes the site's accounts
}

// newDemo listens and puts the parts together. The caller must call run, which
// closes what newDemo opened.
func newDemo(c config) (*demo, error) {
	agentAt, err := listen(c.listen, defaultListen, "agent", c.notice)
	if err != nil {
		return nil, err
	}
	siteAt, err := listen(c.site, defaultSite, "site", c.notice)
	if err != nil {
		closeAll(agentAt)
		return nil, err
	}
	d := &demo{
		bench: newBench(), listeners: siteAt,
		origin: fmt.Sprintf("http://localhost:%d", portOf(siteAt)), agentPort: portOf(agentAt),
	}
	if err := d.join(c, agentAt); err != nil {
		closeAll(append(agentAt, siteAt...))
		return nil, err
	}
	return d, nil
}

// join makes the agent's configuration and the site.
func (d *demo) join(c config, agentAt []net.Listener) error {
	rules, err := policy.Parse(fmt.Appendf(nil, "[[origin]]\nurl = %q\nrights = [\"authenticate\", \"sign\"]\n", d.origin))
	if err != nil {
		return err
	}
	d.agent = session.Config{
		Driver: d.bench.manager, Policy: rules, Audit: audit.New(c.trace), Log: c.log, Version: version,
		Listeners: agentAt, Developer: true, Prompter: c.prompter, PromptPath: c.promptPath,
	}
	site, end, err := newSite(context.Background(), d.bench, d.origin, d.agentPort, c.folder, c.log)
	if err != nil {
		return err
	}
	d.end = end
	mux := http.NewServeMux()
	mux.Handle("/", site)
	control := portal.Guard(d.origin, d.agentPort, newControl(d.bench, mailFolder(c.folder)))
	mux.Handle("/control", control)
	mux.Handle("/control/", control)
	mux.Handle("POST "+ocspPath, d.bench.ca.OCSPHandler())
	d.handler = mux
	return nil
}

// run runs the agent, the site and the others until ctx ends or one of them
// fails, and returns when all have ended.
func (d *demo) run(ctx context.Context, others ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return session.Run(ctx, d.agent) })
	group.Go(func() error { return serve(ctx, d.handler, d.listeners) })
	for _, run := range others {
		group.Go(func() error { return run(ctx) })
	}
	return errors.Join(group.Wait(), d.end())
}

// serve serves HTTP until ctx ends, then lets open requests finish for a moment.
func serve(ctx context.Context, handler http.Handler, listeners []net.Listener) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(patience) != nil {
			return server.Close()
		}
		return nil
	})
	return group.Wait()
}

// listen listens on addr. Where addr is the usual one and cannot be had, any
// free port serves: the demo tells its site which one.
func listen(addr, usual, what string, notice io.Writer) ([]net.Listener, error) {
	listeners, err := loopback.Listen(addr)
	if err == nil || addr != usual {
		return listeners, err
	}
	host, port, splitErr := net.SplitHostPort(addr)
	if splitErr != nil {
		return nil, splitErr
	}
	free, freeErr := loopback.Listen(net.JoinHostPort(host, "0"))
	if freeErr != nil {
		return nil, err
	}
	fmt.Fprintf(notice, "Another program uses port %s, perhaps Cardea itself, so the demo's %s listens on port %d.\n\n", port, what, portOf(free))
	return free, nil
}

func portOf(listeners []net.Listener) int { return listeners[0].Addr().(*net.TCPAddr).Port }

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}
