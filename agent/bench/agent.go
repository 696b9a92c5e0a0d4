//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/cardea-agent/cardea/agent/audit"
	"github.com/cardea-agent/cardea/agent/endpoint/endpointtest"
	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/session"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
)

// agent is a whole agent that runs, in this process or as the program.
type agent struct {
	address string // of its door
	socket  string // where it meets the tray
	process int    // its number; 0 in this process
	stop    func() error
}

// agentHere runs an agent in this process, which takes over more listeners.
func agentHere(driver pcsc.Driver, folder string, more ...net.Listener) (agent, error) {
	log, file, err := audit.Open(filepath.Join(folder, "audit.log"))
	if err != nil {
		return agent{}, err
	}
	listeners, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		return agent{}, errors.Join(err, file.Close())
	}
	a := agent{address: listeners[0].Addr().String(), socket: filepath.Join(folder, "here", "prompt.sock")}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- session.Run(ctx, session.Config{
			Driver: driver, Policy: parseRules(), Audit: log, Log: slog.New(slog.DiscardHandler), Version: "bench",
			Listeners: append(listeners, more...), PromptPath: a.socket,
		})
	}()
	a.stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ended, file.Close())
	})
	return a, nil
}

// listening is the program's line about its first address.
var listening = regexp.MustCompile(`msg=listening address=(\S+)`)

// startAgent starts the program and returns when it says where it listens.
func startAgent(program, folder string) (agent, error) {
	policy := filepath.Join(folder, "policy.toml")
	if err := os.WriteFile(policy, []byte(rules), 0o600); err != nil {
		return agent{}, err
	}
	a := agent{socket: filepath.Join(folder, "program", "prompt.sock")}
	cmd := exec.Command(program, "run", "--listen", "127.0.0.1:0", "--policy", policy, //nolint:gosec // the person at the command line names it
		"--audit", filepath.Join(folder, "audit.log"), "--log", filepath.Join(folder, "agent.log"), "--prompt-socket", a.socket)
	var err error
	a.address, a.stop, err = listens(cmd)
	if err != nil {
		return agent{}, err
	}
	a.process = cmd.Process.Pid
	return a, nil
}

// listens starts a program and returns when it says where it listens first.
func listens(cmd *exec.Cmd) (address string, stop func() error, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	// Not StderrPipe: Wait must not close it before the last line is read.
	r, w, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	cmd.Stderr = w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		return "", nil, errors.Join(err, r.Close())
	}
	lines := bufio.NewReader(r)
	said := ""
	for address == "" && err == nil {
		var line string
		line, err = lines.ReadString('\n')
		said += line
		if m := listening.FindStringSubmatch(line); m != nil {
			address = m[1]
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, lines)
		_ = r.Close()
	}()
	stop = sync.OnceValue(func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		err := cmd.Wait()
		<-drained
		return err
	})
	if address == "" {
		return "", nil, fmt.Errorf("%s does not listen: %w\n%s", cmd.Path, errors.Join(err, stop()), said)
	}
	return address, stop, nil
}

// startTray runs a tray in this process whose person is prompter, and returns
// when the agent knows it.
func startTray(ctx context.Context, socket string, prompter signin.Prompter) (stop func() error, err error) {
	connected := make(chan struct{})
	once := sync.OnceFunc(func() { close(connected) })
	client, err := prompt.NewClient(prompt.ClientConfig{
		Path: socket, Version: "bench", Prompter: prompter, Log: slog.New(slog.DiscardHandler),
		OnReport: func(r prompt.Report) {
			if r.Connected {
				once()
			}
		},
	})
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(running) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	ctx, giveUp := context.WithTimeout(ctx, patience)
	defer giveUp()
	select {
	case <-connected:
		return stop, nil
	case <-ctx.Done():
		return nil, errors.Join(errors.New("the agent does not take a tray"), ctx.Err(), stop())
	}
}

// await waits until pages hear of a state.
func (a agent) await(ctx context.Context, want signin.State) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, err := endpointtest.Open(ctx, a.address, origin)
	if err != nil {
		return err
	}
	defer p.Close()
	var heard protocol.Snapshot
	err = p.Call(ctx, protocol.MethodWatch, struct{}{}, &heard)
	for err == nil && heard.State != want {
		err = p.Next(ctx, protocol.NotifyStatus, &heard)
	}
	if err != nil {
		return fmt.Errorf("pages hear %s and never heard %s: %w", heard.State, want, err)
	}
	return nil
}

// startToListening is the time from the start of the program until its port
// takes a connection.
func startToListening(program, folder string) (took time.Duration, err error) {
	began := time.Now()
	a, err := startAgent(program, folder)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, a.stop()) }()
	conn, err := net.Dial("tcp", a.address)
	if err != nil {
		return 0, err
	}
	took = time.Since(began)
	return took, conn.Close()
}
