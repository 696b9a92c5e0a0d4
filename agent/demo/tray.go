package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// tray keeps cardea-tray running as a child.
type tray struct {
	path, socket string
	notice       io.Writer
	trace        io.Writer // takes what the child writes
	log          *slog.Logger
}

// How soon a tray that died is started again. One that ran for a while begins
// with the shortest wait.
const (
	shortestWait = 500 * time.Millisecond
	longestWait  = 30 * time.Second
	steady       = 10 * time.Second
)

// run starts the tray, and again when it dies, until ctx ends or the person
// quits it. When it returns the child has ended.
func (t tray) run(ctx context.Context) error {
	wait := shortestWait
	for deaths := 1; ; deaths++ {
		started := time.Now()
		err := t.once(ctx)
		if time.Since(started) > steady {
			wait = shortestWait
		}
		// Ctrl-C ends the child as well, and sometimes first.
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		if err == nil {
			fmt.Fprintln(t.notice, "Cardea’s icon was closed, so nothing can ask for a PIN now. Start the demo again to have it back.")
			return nil
		}
		if deaths == 1 {
			fmt.Fprintf(t.notice, "cardea-tray died (%v) and is started again; --verbose shows what it says.\n", err)
		}
		t.log.Warn("cardea-tray died and is started again", "reason", err, "after", time.Since(started))
		wait = min(2*wait, longestWait)
	}
}

// once runs the tray until it ends, or ends it with ctx. A demo that is killed
// takes it along.
func (t tray) once(ctx context.Context) error {
	// The signal of a parent's death is sent when the thread ends that started
	// the child (prctl(2)), so this goroutine keeps it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// The path is of the program beside this one; see findTray.
	cmd := exec.CommandContext(ctx, t.path, "--socket", t.socket) //nolint:gosec // not from outside
	cmd.Stderr = t.trace
	dieWithParent(cmd)
	if runtime.GOOS != "windows" { // which cannot interrupt a program of windows
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	}
	cmd.WaitDelay = 3 * time.Second
	return cmd.Run()
}
