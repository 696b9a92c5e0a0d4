//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
)

const windowGoal = 150 // ms

// The figures of the tray.
const (
	trayStart  = "tray_start_ms"
	trayMemory = "tray_rss_mb"
	trayWindow = "click_to_pin_window_ms"
)

// screen is an X server, a bus and a window manager of our own.
type screen struct {
	env     []string
	started []*exec.Cmd
}

// startScreen fails with exec.ErrNotFound where a program is missing.
func startScreen(folder string) (s *screen, err error) {
	for _, program := range []string{"Xvfb", "dbus-daemon", "openbox", "xdotool"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, err
		}
	}
	home := filepath.Join(folder, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	s = &screen{env: append(os.Environ(), "LANG=en_US.UTF-8", "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home)}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	display, err := s.tell("DISPLAY=:", "Xvfb", "-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp")
	if err != nil {
		return nil, err
	}
	bus, err := s.tell("DBUS_SESSION_BUS_ADDRESS=", "dbus-daemon", "--session", "--nofork", "--print-address=3")
	if err != nil {
		return nil, err
	}
	s.env = append(s.env, display, bus)
	_, err = s.start(exec.Command("openbox"))
	return s, err
}

// start starts a program that ends with the screen.
func (s *screen) start(cmd *exec.Cmd) (*exec.Cmd, error) {
	cmd.Env = s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.started = append(s.started, cmd)
	return cmd, nil
}

// tell starts a program that tells on its file 3 where it is found, and returns
// that behind the prefix.
func (s *screen) tell(prefix, program string, args ...string) (string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	cmd := exec.Command(program, args...) //nolint:gosec // from the two calls above
	cmd.ExtraFiles = []*os.File{w}
	_, err = s.start(cmd)
	_ = w.Close()
	if err != nil {
		return "", err
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s did not start: %w", program, err)
	}
	return prefix + strings.TrimSpace(line), nil
}

// stop ends all programs, the last one first.
func (s *screen) stop() {
	for len(s.started) > 0 {
		end(s.started[len(s.started)-1])
		s.started = s.started[:len(s.started)-1]
	}
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
}

// pinWindowVisible asks the X server. The question itself takes some
// milliseconds, which are part of the figure.
func (s *screen) pinWindowVisible() bool {
	cmd := exec.Command("xdotool", "search", "--onlyvisible", "--name", "^Cardea$")
	cmd.Env = s.env
	out, err := cmd.Output()
	return err == nil && len(bytes.TrimSpace(out)) > 0
}

// awaitWindow asks again and again: no program here tells when a window comes.
func (s *screen) awaitWindow(ctx context.Context, visible bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for s.pinWindowVisible() != visible {
		if ctx.Err() != nil {
			return fmt.Errorf("the PIN window never became visible=%v: %w", visible, context.Cause(ctx))
		}
	}
	return nil
}

// arrivals sends a value for each tray that the prompt's log tells of.
type arrivals chan struct{}

func (a arrivals) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("tray connected")) {
		a <- struct{}{}
	}
	return len(line), nil
}

// measureTray measures the real tray on a screen of its own, where there is one.
func measureTray(ctx context.Context, program, folder string, rounds int) ([]figure, error) {
	without := func(why string) []figure {
		return []figure{notMeasured(trayStart, "ms", why), notMeasured(trayMemory, "MB", why), notMeasured(trayWindow, "ms", why)}
	}
	if program == "" {
		return without("no cardea-tray was named"), nil
	}
	s, err := startScreen(folder)
	if errors.Is(err, exec.ErrNotFound) {
		return without(err.Error()), nil
	} else if err != nil {
		return nil, err
	}
	defer s.stop()
	return s.measureTray(ctx, program, filepath.Join(folder, "screen", "prompt.sock"), rounds)
}

// measureTray starts the tray some times. The first one also shows its window.
func (s *screen) measureTray(ctx context.Context, program, socket string, rounds int) (figures []figure, err error) {
	came := make(arrivals, 1)
	server, err := prompt.NewServer(prompt.ServerConfig{Path: socket, Version: "bench", Log: slog.New(slog.NewTextHandler(came, nil))})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- server.Run(ctx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()
	var starts, memory, windows series
	for n := range min(rounds, 10) {
		began := time.Now()
		tray, err := s.start(trayCommand(program, socket))
		if err != nil {
			return nil, err
		}
		if err := came.await(ctx); err != nil {
			return nil, err
		}
		starts.add(time.Since(began))
		if n == 0 {
			if windows, err = s.windows(ctx, server, min(rounds, 50)); err != nil {
				return nil, err
			}
		}
		mb, err := resident(tray.Process.Pid)
		if err != nil {
			return nil, err
		}
		memory = append(memory, mb)
		end(tray)
		s.started = s.started[:len(s.started)-1]
	}
	return []figure{
		summary(trayStart, "ms", starts), summary(trayMemory, "MB", memory),
		summary(trayWindow, "ms", windows).within(windowGoal),
	}, nil
}

func trayCommand(program, socket string) *exec.Cmd {
	cmd := exec.Command(program, "--socket", socket, "--lang", "en") //nolint:gosec // the person at the command line names it
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	return cmd
}

func (a arrivals) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-a:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the tray did not connect: %w", context.Cause(ctx))
	}
}

// windows asks for a PIN again and again and measures until the X server shows
// the window.
func (s *screen) windows(ctx context.Context, server *prompt.Server, rounds int) (windows series, err error) {
	about := signin.About{Origin: origin, Purpose: signin.ToSignIn, Holder: "Robin Example", Reader: "Bench Reader", Lang: "en"}
	for range rounds {
		began := time.Now()
		dialog, err := server.Open(ctx, about)
		if err != nil {
			return nil, err
		}
		answered := make(chan error, 1)
		go func() {
			_, err := dialog.AskPIN(ctx, signin.PINQuestion{TriesLeft: 3})
			answered <- err
		}()
		err = s.awaitWindow(ctx, true)
		windows.add(time.Since(began))
		dialog.Close()
		closed := <-answered
		if err != nil {
			return nil, errors.Join(err, closed)
		}
		if err := s.awaitWindow(ctx, false); err != nil {
			return nil, err
		}
	}
	return windows, nil
}
