//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cardea-agent/cardea/agent/endpoint/endpointtest"
	"github.com/cardea-agent/cardea/agent/handover"
	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// The goals of the broker. Opening a connection through it may take a little
// longer than without it; a round trip may not, since it is out of the way then.
const (
	brokerConnectGoal   = 0.5  // ms above the floor
	brokerRoundTripGoal = 0.05 // ms above the floor, which is what two runs differ by
	brokerMemoryGoal    = 12   // MB
	brokerMemory500Goal = 16   // MB with 500 connections
	brokerRestartGoal   = 1000 // ms
)

// many is how many people share the machine, and held how many connections each
// of them keeps for the measurement of memory.
const (
	many = 50
	held = 10
)

// brokerNames are the figures of this file, for when they cannot be had.
var brokerNames = [][2]string{
	{"broker_connect_ms", "ms"}, {"broker_round_trip_ms", "ms"}, {"broker_signins_per_s", "1/s"},
	{"broker_rss_mb", "MB"}, {"broker_rss_500_mb", "MB"}, {"broker_restart_ms", "ms"},
}

// measureBroker measures what the broker adds. It needs root: the folder in
// which agents dial is root's, and so many people are so many users.
func measureBroker(ctx context.Context, program, folder string, rounds int) (figures []figure, err error) {
	why := ""
	switch {
	case program == "":
		why = "no cardea-broker was named"
	case os.Geteuid() != 0:
		why = "only root can be several users"
	}
	if why != "" {
		for _, f := range brokerNames {
			figures = append(figures, notMeasured(f[0], f[1], why))
		}
		return figures, nil
	}
	b, err := startBroker(program, folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	through := handover.Listen(b.meeting, slog.New(slog.DiscardHandler))
	s := inProcess()
	a, err := agentHere(s.driver, folder, through)
	if err != nil {
		return nil, errors.Join(err, through.Close())
	}
	w, err := newWard(ctx, s, a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	if err := connected(ctx, through); err != nil {
		return nil, err
	}
	for _, measure := range []func(context.Context, *brokerProcess, ward, int) ([]figure, error){
		measureConnections, measureCrowd, measureRestart,
	} {
		more, err := measure(ctx, b, w, rounds)
		if err != nil {
			return nil, err
		}
		figures = append(figures, more...)
	}
	return figures, nil
}

// connected waits until the broker keeps the agent.
func connected(ctx context.Context, l *handover.Listener) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		here, changed := l.Connected()
		if here {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the broker does not take an agent: %w", ctx.Err())
		}
	}
}

// measureConnections measures opening and one round trip, against the same agent
// without the broker.
func measureConnections(ctx context.Context, b *brokerProcess, w ward, rounds int) ([]figure, error) {
	open := func(address string) error {
		page, err := endpointtest.Open(ctx, address, origin)
		if err == nil {
			page.Close()
		}
		return err
	}
	floors, opened, err := compare(rounds,
		func() error { return open(w.address) },
		func() (time.Duration, error) {
			began := time.Now()
			err := open(b.address)
			return time.Since(began), err
		})
	if err != nil {
		return nil, err
	}
	direct, err := endpointtest.Open(ctx, w.address, origin)
	if err != nil {
		return nil, err
	}
	defer direct.Close()
	handed, err := endpointtest.Open(ctx, b.address, origin)
	if err != nil {
		return nil, err
	}
	defer handed.Close()
	ask := func(page *endpointtest.Page) error {
		return page.Call(ctx, protocol.MethodWatch, struct{}{}, nil)
	}
	floors2, asked, err := compare(rounds,
		func() error { return ask(direct) },
		func() (time.Duration, error) { began := time.Now(); err := ask(handed); return time.Since(began), err })
	if err != nil {
		return nil, err
	}
	mb, err := resident(b.process.Pid)
	if err != nil {
		return nil, err
	}
	return []figure{
		summary("broker_connect_ms", "ms", opened).above(floors).within(floors.median() + brokerConnectGoal),
		summary("broker_round_trip_ms", "ms", asked).above(floors2).within(floors2.median() + brokerRoundTripGoal),
		summary("broker_rss_mb", "MB", series{mb}).within(brokerMemoryGoal),
	}, nil
}

// measureCrowd has many people sign in at once, and keep connections.
func measureCrowd(ctx context.Context, b *brokerProcess, _ ward, rounds int) (figures []figure, err error) {
	people, leave, err := gather(ctx, many, b.meeting, b.address)
	defer func() { err = errors.Join(err, leave()) }()
	if err != nil {
		return nil, err
	}
	each := max(rounds/many, 1)
	began := time.Now()
	if err := people.all(fmt.Sprintf("signin %d", each)); err != nil {
		return nil, err
	}
	rate := float64(many*each) / time.Since(began).Seconds()
	if err := people.all(fmt.Sprintf("hold %d", held)); err != nil {
		return nil, err
	}
	mb, err := resident(b.process.Pid)
	if err != nil {
		return nil, err
	}
	return []figure{
		summary("broker_signins_per_s", "1/s", series{rate}),
		summary("broker_rss_500_mb", "MB", series{mb}).within(brokerMemory500Goal),
	}, nil
}

// measureRestart kills the broker, starts another on the same sockets, and waits
// for the next sign-in.
func measureRestart(ctx context.Context, b *brokerProcess, w ward, rounds int) ([]figure, error) {
	remove, err := w.insert(p256)
	if err != nil {
		return nil, err
	}
	defer remove() //nolint:errcheck // of the manager in this process
	if err := w.await(ctx, signin.Ready); err != nil {
		return nil, err
	}
	var took series
	for range min(rounds, slow) {
		began := time.Now()
		if err := b.restart(); err != nil {
			return nil, err
		}
		if err := signInSoon(ctx, b.address); err != nil {
			return nil, err
		}
		took.add(time.Since(began))
	}
	return []figure{summary("broker_restart_ms", "ms", took).within(brokerRestartGoal)}, nil
}

// signInSoon signs in with the first page that gets through, as the client
// library tries again.
func signInSoon(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		page, err := endpointtest.Open(ctx, address, origin)
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if err != nil {
			continue
		}
		_, err = signIn(ctx, page)
		page.Close()
		return err
	}
}

// brokerProcess is the program, and the sockets that this process keeps for it
// as a service manager does.
type brokerProcess struct {
	program string
	address string     // of the port
	meeting string     // where agents dial
	sockets []*os.File // for pages, and for agents
	process *os.Process
	end     func() error
}

func startBroker(program, folder string) (*brokerProcess, error) {
	// The way to where agents dial is open to all users.
	for f := folder; f != filepath.Clean(os.TempDir()) && f != "/"; f = filepath.Dir(f) {
		if err := os.Chmod(f, 0o711); err != nil { //nolint:gosec // see above
			return nil, err
		}
	}
	b := &brokerProcess{program: program, meeting: filepath.Join(folder, "run", "broker.sock")}
	pages, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	agents, err := handover.Meet(b.meeting)
	if err != nil {
		return nil, err
	}
	agents.(*net.UnixListener).SetUnlinkOnClose(false)
	for _, l := range append(pages, agents) {
		file, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			return nil, err
		}
		b.sockets = append(b.sockets, file)
		_ = l.Close() // the copy is kept
	}
	return b, b.start()
}

func (b *brokerProcess) start() error {
	// LISTEN_PID must be the program's own number, known only after the fork.
	cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf(`LISTEN_FDS=%d LISTEN_PID=$$ exec "$0"`, len(b.sockets)), b.program) //nolint:gosec // the person at the command line names it
	cmd.ExtraFiles = b.sockets
	var err error
	if b.address, b.end, err = listens(cmd); err != nil {
		return err
	}
	b.process = cmd.Process
	return nil
}

func (b *brokerProcess) restart() error {
	if err := b.process.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	_ = b.end() // it was killed
	return b.start()
}

func (b *brokerProcess) stop() error {
	err := b.end()
	for _, f := range b.sockets {
		err = errors.Join(err, f.Close())
	}
	return err
}
