//go:build linux

// Command cardea-bench measures the agent against the raw card.
//
// It runs the agent on virtual cards, in this process and as the built program
// over a private pcscd, and between any two of its sign-ins it does the same
// work by hand in one loop: connect, begin, the same commands, end, disconnect.
// That is the floor, and the difference is what the agent costs. The floor uses
// the driver's seam of package pcsc, which over pcscd is a thin wrapper of
// ebfe/scard. Beside it are the agent's start, memory and idling, its sign-ins
// while a hostile process opens connections as fast as it may, and the tray's
// start, memory and window under Xvfb.
//
// A request passes through a prompt socket to a tray that answers at once, and
// the page, the tray and the raw loop are this process. The card behind pcscd is
// another, and the agent a third.
//
// A name that ends in _in_process is of the resource manager in this process;
// the same name without it is of the real pcscd. A goal is an upper bound of the
// median, where the table does not say p99. One whose unit is MB counts millions
// of bytes. A goal that is missed is told and is no failure: the program fails
// only where something could not be run. Every run is on a machine that does
// other things too, so the load is a figure of its own.
//
// It is never installed, asks nobody for anything and touches no reader of this
// machine. Its test runs a few rounds and looks that every figure is there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cardea-agent/cardea/pkcs11/host"
)

// options are the flags.
type options struct {
	agent, broker, tray, out string
	footprint                string
	rounds                   int
	idle, load               time.Duration
}

func main() {
	for _, be := range []func() (bool, error){beCard, bePerson, beFlood} {
		if is, err := be(); is {
			if err != nil {
				fmt.Fprintln(os.Stderr, "cardea-bench:", err)
				os.Exit(1)
			}
			return
		}
	}
	if len(os.Args) > 1 && os.Args[1] == moduleRole {
		if err := host.Serve(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "cardea-bench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.agent, "agent", "build/cardea-agent", "the built agent's `file`")
	flag.StringVar(&o.broker, "broker", "build/cardea-broker", "the built broker's `file`; empty to leave it out")
	flag.StringVar(&o.tray, "tray", "build/cardea-tray", "the built tray's `file`; empty to leave it out")
	flag.StringVar(&o.out, "out", "build/bench.json", "the `file` for the figures")
	flag.StringVar(&o.footprint, "footprint", "build/footprint.json", "the `file` that make pkg-check wrote, which need not be there")
	flag.IntVar(&o.rounds, "rounds", 500, "how often fast things are measured; slow ones less often")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long the agent is watched while it has nothing to do")
	flag.DurationVar(&o.load, "load", 30*time.Second, "how long the agent is under a hostile load")
	flag.Parse()
	if flag.NArg() > 0 || o.rounds < 1 || o.idle <= 0 || o.load <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := o.run(ctx, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cardea-bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// run measures, writes the file and prints the table.
func (o options) run(ctx context.Context, out, progress io.Writer) error {
	folder, err := os.MkdirTemp("", "cardea-bench")
	if err != nil {
		return err
	}
	figures, err := o.measure(ctx, folder, progress)
	if err := errors.Join(err, os.RemoveAll(folder)); err != nil {
		return err
	}
	if err := writeFile(o.out, figures); err != nil {
		return err
	}
	if err := printTable(out, figures); err != nil {
		return err
	}
	missed := 0
	for _, f := range figures {
		if f.missed() {
			missed++
		}
	}
	_, err = fmt.Fprintf(out, "%d goals missed; written to %s\n", missed, o.out)
	return err
}

// startGoal is for the time until the agent's port takes a connection.
const startGoal = 25 // ms

// slow bounds the rounds of what takes long.
const slow = 20

func (o options) measure(ctx context.Context, folder string, progress io.Writer) (figures []figure, err error) {
	pcscd, stop, err := startPCSCD()
	if err != nil {
		return nil, err
	}
	defer stop()
	var loads series
	part := func(what string, measure func() ([]figure, error)) {
		if err != nil {
			return
		}
		load, loadErr := loadAverage()
		loads = append(loads, load)
		fmt.Fprintf(progress, "%s (load %.2f)\n", what, load)
		var more []figure
		more, err = measure()
		if err = errors.Join(err, loadErr); err != nil {
			err = fmt.Errorf("%s: %w", what, err)
		}
		figures = append(figures, more...)
	}
	part("authenticate", func() ([]figure, error) { return measureAuthenticate(ctx, pcscd, o.rounds) })
	part("authenticate, in process", func() ([]figure, error) { return measureAuthenticate(ctx, inProcess(), o.rounds) })
	part("request, in process", func() ([]figure, error) { return o.requestsHere(ctx, folder) })
	part("modules", func() ([]figure, error) { return measureModules(ctx, folder, o.rounds) })
	part("OpenSC", func() ([]figure, error) { return measureOpenSC(ctx, pcscd, o.rounds) })
	part("events", func() ([]figure, error) { return measureEvents(ctx, folder, o.rounds) })
	part("starts", func() ([]figure, error) { return o.starts(ctx, folder) })
	part("the program", func() ([]figure, error) { return o.program(ctx, pcscd, folder) })
	part("a hostile load", func() ([]figure, error) { return o.hostile(ctx, pcscd, folder) })
	part("the broker", func() ([]figure, error) { return measureBroker(ctx, o.broker, folder, o.rounds) })
	part("the tray", func() ([]figure, error) { return measureTray(ctx, o.tray, folder, o.rounds) })
	part("what packages cost", func() ([]figure, error) { return footprints(o.footprint) })
	if err != nil {
		return nil, err
	}
	return append(figures, summary("load_average", "1", loads)), nil
}

// requestsHere measures requests to an agent in this process.
func (o options) requestsHere(ctx context.Context, folder string) (figures []figure, err error) {
	s := inProcess()
	a, err := agentHere(s.driver, folder)
	if err != nil {
		return nil, err
	}
	w, err := newWard(ctx, s, a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	return w.measureRequests(ctx, o.rounds)
}

// starts measures how long the program takes to listen.
func (o options) starts(ctx context.Context, folder string) ([]figure, error) {
	var starts series
	for range o.rounds {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		took, err := startToListening(o.agent, folder)
		if err != nil {
			return nil, err
		}
		starts.add(took)
	}
	return []figure{summary("start_to_listening_ms", "ms", starts).within(startGoal)}, nil
}

// program measures the program over pcscd: its requests, then its memory and
// its idling, then a sign-in with a slow card.
func (o options) program(ctx context.Context, pcscd stack, folder string) (figures []figure, err error) {
	a, err := startAgent(o.agent, folder)
	if err != nil {
		return nil, err
	}
	w, err := newWard(ctx, pcscd, a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	if figures, err = w.measureRequests(ctx, o.rounds); err != nil {
		return nil, err
	}
	mb, err := resident(a.process)
	if err != nil {
		return nil, err
	}
	figures = append(figures, summary("agent_rss_mb", "MB", series{mb}).within(memoryGoal))
	idle, err := measureIdle(ctx, a.process, o.idle)
	if err != nil {
		return nil, err
	}
	figures = append(figures, idle...)
	contact, err := w.measureContactCard(ctx, min(o.rounds, slow))
	if err != nil {
		return nil, err
	}
	return append(figures, contact), nil
}
