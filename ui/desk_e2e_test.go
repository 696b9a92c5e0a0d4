//go:build e2e

package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
)

// screenshots is where web/e2e keeps its own, below what a build makes.
const screenshots = "../build/e2e"

// need skips the test, or fails it where CARDEA_E2E_REQUIRED is set, when a
// program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("CARDEA_E2E_REQUIRED") == "1" {
				t.Fatal(err)
			}
			t.Skip("needs a program that is not here: ", err)
		}
	}
}

// desk is a screen with a window manager, an agent's prompt server and the real
// tray program.
type desk struct {
	t      *testing.T
	env    []string
	server *prompt.Server
	tray   *exec.Cmd
	log    *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var trayProgram = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cardea-tray")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "cardea-tray")
	out, err := exec.Command("go", "build", "-tags=x11", "-o", path, ".").CombinedOutput()
	if err != nil {
		_, _ = os.Stderr.Write(out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := trayProgram(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// newDesk starts it all, and ends it with the test. env is for the tray.
func newDesk(t *testing.T, env ...string) *desk {
	t.Helper()
	return newDeskOf(t, false, nil, env...)
}

func newDeskWith(t *testing.T, panel bool, env ...string) *desk {
	t.Helper()
	return newDeskOf(t, panel, nil, env...)
}

// newDeskKeeping is newDesk with a panel, and an agent that knows answers about
// sites.
func newDeskKeeping(t *testing.T, answers prompt.SiteKeeper, env ...string) *desk {
	t.Helper()
	return newDeskOf(t, true, answers, env...)
}

func newDeskOf(t *testing.T, panel bool, answers prompt.SiteKeeper, env ...string) *desk {
	t.Helper()
	need(t, "Xvfb", "openbox", "xdotool", "import")
	home := t.TempDir()
	d := &desk{t: t, log: &logBuffer{}}
	d.env = append(os.Environ(), "LANG=en_US.UTF-8", "LC_ALL=", "LANGUAGE=", "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home,
		"DISPLAY="+d.startScreen())
	d.startBus()
	d.start("openbox")
	if panel {
		d.startPanel(home)
	}
	socket := filepath.Join(home, "run", "prompt.sock")
	server, err := prompt.NewServer(prompt.ServerConfig{Path: socket, Version: "dev", Log: slog.New(slog.NewTextHandler(d.log, nil)), Sites: answers})
	if err != nil {
		t.Fatal(err)
	}
	d.server = server
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-served
	})
	program, err := trayProgram()
	if err != nil {
		t.Fatal(err)
	}
	d.env = append(d.env, env...)
	d.tray = d.start(program, "--socket", socket)
	d.waitForTray()
	t.Cleanup(func() {
		if log := d.log.String(); strings.Contains(log, "Error in Fyne call thread") || strings.Contains(log, "panic:") {
			t.Errorf("the tray complained:\n%s", log)
		}
	})
	return d
}

// startScreen starts Xvfb on a display that it chooses.
func (d *desk) startScreen() string {
	d.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	d.run(cmd)
	_ = w.Close()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		d.t.Fatal("Xvfb did not start: ", err)
	}
	return ":" + strings.TrimSpace(line)
}

// startBus gives the desk a session bus of its own, where the tray's icon and
// menu go.
func (d *desk) startBus() {
	d.t.Helper()
	need(d.t, "dbus-daemon")
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address")
	cmd.Env = d.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	d.run(cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		d.t.Fatal("dbus-daemon did not start: ", err)
	}
	d.env = append(d.env, "DBUS_SESSION_BUS_ADDRESS="+strings.TrimSpace(line))
}

func (d *desk) start(name string, args ...string) *exec.Cmd {
	d.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = d.env
	cmd.Stdout, cmd.Stderr = d.log, d.log
	d.run(cmd)
	return cmd
}

func (d *desk) run(cmd *exec.Cmd) {
	d.t.Helper()
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// eventually waits until ok, asking every 20 ms: what is awaited happens in
// other programs that tell nobody.
func (d *desk) eventually(what string, ok func() bool) {
	d.t.Helper()
	for limit := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			d.t.Fatalf("never: %s\n%s", what, d.log.String())
		}
	}
}

func (d *desk) waitForTray() {
	d.t.Helper()
	d.eventually("the tray connects", func() bool { return strings.Contains(d.log.String(), "tray connected") })
}

// do runs a program on the desk.
func (d *desk) do(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = d.env
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func (d *desk) must(name string, args ...string) string {
	d.t.Helper()
	out, err := d.do(name, args...)
	if err != nil {
		d.t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}

// windowVisible tells whether the PIN window is on the screen.
func (d *desk) windowVisible() bool {
	out, err := d.do("xdotool", "search", "--onlyvisible", "--name", "^Cardea$")
	return err == nil && out != ""
}

func (d *desk) screenshot(name string) {
	d.t.Helper()
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		d.t.Fatal(err)
	}
	d.must("import", "-window", "root", filepath.Join(screenshots, name+".png"))
}

// rss is the resident memory of the tray in MiB.
func (d *desk) rss() int {
	d.t.Helper()
	f, err := os.Open("/proc/" + strconv.Itoa(d.tray.Process.Pid) + "/status")
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		d.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		d.t.Fatal(err)
	}
	return kib / 1024
}

// asking is a question that is on the screen.
type asking struct {
	answer chan signin.PINAnswer
	err    chan error
}

func (d *desk) ask(dialog signin.Dialog, q signin.PINQuestion) asking {
	a := asking{make(chan signin.PINAnswer, 1), make(chan error, 1)}
	ctx := d.t.Context()
	go func() {
		answer, err := dialog.AskPIN(ctx, q)
		if err != nil {
			a.err <- err
			return
		}
		a.answer <- answer
	}()
	return a
}

// pin waits for the answer.
func (d *desk) pin(a asking) (pin string, lastTry bool) {
	d.t.Helper()
	select {
	case answer := <-a.answer:
		if err := answer.PIN.Use(func(b []byte) error { pin = string(b); return nil }); err != nil {
			d.t.Fatal(err)
		}
		return pin, answer.LastTry
	case err := <-a.err:
		d.t.Fatal(err)
	case <-time.After(30 * time.Second):
		d.screenshot("failure")
		d.t.Fatal("no answer: see the screenshot")
	}
	return "", false
}
