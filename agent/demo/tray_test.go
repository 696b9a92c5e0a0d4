package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// actAsTray makes the test program be a tray that behaves as the value says.
const actAsTray = "CARDEA_DEMO_TEST_TRAY"

// actTray is the tray's main. It writes its arguments to the standard error.
func actTray(as string) int {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	fmt.Fprintln(os.Stderr, strings.Join(os.Args[1:], " "))
	switch as {
	case "die":
		return 3
	case "quit":
		return 0
	}
	<-interrupted
	return 0
}

// lines passes on each write.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func next(t *testing.T, l lines) string {
	t.Helper()
	select {
	case line := <-l:
		return line
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was written")
		panic("unreachable")
	}
}

// runTray runs the supervisor with this program as the tray.
func runTray(t *testing.T, as string, notice io.Writer) (wrote lines, end func(), ended <-chan error) {
	t.Helper()
	t.Setenv(actAsTray, as)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	wrote = make(lines, 16)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	supervised := tray{path: self, socket: "the-socket", notice: notice, trace: wrote, log: slog.New(slog.DiscardHandler)}
	go func() { done <- supervised.run(ctx) }()
	return wrote, cancel, done
}

func TestATrayThatDiesIsStartedAgain(t *testing.T) {
	notice := make(lines, 16)
	wrote, end, ended := runTray(t, "die", notice)
	for range 2 {
		if got := next(t, wrote); got != "--socket the-socket\n" {
			t.Errorf("the tray was started with %q", got)
		}
	}
	if got := next(t, notice); !strings.Contains(got, "died") {
		t.Errorf("the person hears %q", got)
	}
	end()
	if err := <-ended; err != nil || len(notice) > 0 {
		t.Errorf("it ends with %v, and the person hears %d more lines", err, len(notice))
	}
}

func TestATrayThatThePersonQuitStaysAway(t *testing.T) {
	notice := make(lines, 16)
	wrote, end, ended := runTray(t, "quit", notice)
	defer end()
	if err := <-ended; err != nil || len(wrote) != 1 {
		t.Errorf("it ends with %v after %d starts", err, len(wrote))
	}
	if got := next(t, notice); !strings.Contains(got, "closed") {
		t.Errorf("the person hears %q", got)
	}
}

func TestTheTrayEndsWithTheDemo(t *testing.T) {
	notice := make(lines, 16)
	wrote, end, ended := runTray(t, "stay", notice)
	next(t, wrote) // it runs, and takes signals
	end()
	select {
	case err := <-ended:
		if err != nil || len(notice) > 0 {
			t.Errorf("it ends with %v, and the person hears %d lines", err, len(notice))
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the tray goes on")
	}
}

func TestWithoutScreenOrTrayTheTerminalAsks(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("there is always a screen")
	}
	for display, want := range map[string]string{"": "no screen", ":99": "not beside"} {
		t.Setenv("DISPLAY", display)
		t.Setenv("WAYLAND_DISPLAY", "")
		got := choosePrompt(t.TempDir())
		if got.prompter == nil || got.trayPath != "" || !strings.Contains(got.sentence, want) {
			t.Errorf("with the screen %q: %+v", display, got)
		}
	}
}

func TestTheTraysSocketIsInTheDemosOwnFolder(t *testing.T) {
	folder := t.TempDir()
	got := socketIn(folder)
	if runtime.GOOS == "windows" && strings.HasPrefix(got, `\\.\pipe\`) {
		return
	}
	if filepath.Dir(got) != folder {
		t.Errorf("the socket is %s", got)
	}
}
