//go:build linux && cgo

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/endpoint/endpointtest"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// station is the program as it is installed, in a folder of its own: with a card
// in the real pcscd, a socket at the journal's place, and a tray.
type station struct {
	t       *testing.T
	dir     string // all that is written
	daemon  *pcscdtest.Daemon
	tray    *signintest.Prompter
	agent   *exec.Cmd
	ended   chan error
	address string

	right, wrong string // PINs

	hold      atomic.Bool   // makes the card keep the next PIN
	verifying chan struct{} // closed when it does
	goOn      chan struct{} // lets it check the PIN after all when it is closed; nil: never

	mu      sync.Mutex
	journal bytes.Buffer
}

func digits(t *testing.T) string {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(90_000_000))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(10_000_000 + n.Int64())
}

func newStation(t *testing.T) *station {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root to put a socket at the journal's place")
	}
	s := &station{t: t, dir: t.TempDir(), tray: signintest.NewPrompter(), right: digits(t), wrong: digits(t)}
	var err error
	s.daemon, err = pcscdtest.Start("Reader")
	if errors.Is(err, pcscdtest.ErrMissing) && os.Getenv("CARDEA_E2E_REQUIRED") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.daemon.Close() })
	profile := virtual.P256("Anna Example").With(func(p *virtual.Profile) { p.PIN = s.right })
	card := virtual.NewCard(virtual.NewCA("Test CA"), profile)
	s.verifying = make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s.daemon.Readers[0].Insert(t, func(conn net.Conn) { _ = virtual.ServeVPCD(ctx, heldCard{conn, s}, card) })
	s.listen()
	s.start()
	s.connectTray()
	return s
}

// listen stands at the journal's place, in what will be the agent's /run/systemd.
func (s *station) listen() {
	s.t.Helper()
	folder := filepath.Join(s.dir, "systemd", "journal")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		s.t.Fatal(err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(folder, "socket"), Net: "unixgram"})
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		datagram := make([]byte, 256<<10)
		for {
			n, err := conn.Read(datagram)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.journal.Write(datagram[:n])
			s.mu.Unlock()
		}
	}()
	s.t.Cleanup(func() { _ = conn.Close(); <-done })
}

func (s *station) path(name string) string { return filepath.Join(s.dir, name) }

// environment is that of all programs of the station.
func (s *station) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.path("home"), "XDG_RUNTIME_DIR=" + s.path("run"), s.daemon.Env(),
		"DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + s.path("no-bus"), "GOTRACEBACK=crash",
	}
}

// program makes a command in which core files are allowed and land in the
// station's folder.
func (s *station) program(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	script := `ulimit -c unlimited; mkdir -p /run/systemd && mount --bind "$SYSTEMD" /run/systemd && exec -a cardea-agent "$SELF" "$@"`
	cmd := exec.Command("bash", append([]string{"-c", script, "bash"}, args...)...)
	cmd.Env = append(s.environment(), "SYSTEMD="+s.path("systemd"), "SELF="+self)
	cmd.Dir = s.path("run")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (s *station) start() {
	s.t.Helper()
	for _, folder := range []string{"home", "run"} {
		if err := os.Mkdir(s.path(folder), 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.path("home/policy.toml"), []byte(goodPolicy), 0o600); err != nil {
		s.t.Fatal(err)
	}
	stderr, err := os.Create(s.path("stderr"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer stderr.Close()
	s.agent = s.program("run", "--verbose", "--listen", "127.0.0.1:0", "--policy", s.path("home/policy.toml"))
	s.agent.Stdout, s.agent.Stderr = stderr, stderr
	if err := s.agent.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.agent.Wait() }()
	s.t.Cleanup(func() { _ = s.agent.Process.Kill() })
	s.address = s.await("stderr", `msg=listening address=(127\S+)`)
	s.await("stderr", `msg=listening address=\[::1\]`)
}

// await waits until a file has what a pattern says, and returns its first group.
func (s *station) await(file, pattern string) string {
	s.t.Helper()
	form := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(s.path(file))
		if match := form.FindStringSubmatch(string(text)); match != nil {
			return match[len(match)-1]
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s never had %s:\n%s", file, pattern, text)
		}
	}
}

func (s *station) connectTray() {
	s.t.Helper()
	connected := make(chan struct{}, 8)
	client, err := prompt.NewClient(prompt.ClientConfig{
		Path: s.path("run/cardea/prompt.sock"), Version: version, Prompter: s.tray, Log: slog.New(slog.DiscardHandler),
		OnReport: func(r prompt.Report) {
			if r.Known { // told after the agent knows the tray
				connected <- struct{}{}
			}
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = client.Run(ctx) }()
	s.t.Cleanup(func() { cancel(); <-ended })
	select {
	case <-connected:
	case <-time.After(30 * time.Second):
		s.t.Fatal("the tray never connected")
	}
}

// authenticate begins a sign-in, and returns where its end is told.
func (s *station) authenticate() <-chan error {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	page, err := endpointtest.Open(ctx, s.address, "https://portal.example")
	if err != nil {
		s.t.Fatal(err)
	}
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		defer page.Close()
		done <- page.Call(ctx, "authenticate", map[string]any{"nonce": base64.StdEncoding.EncodeToString(nonce)}, nil)
	}()
	return done
}

func (s *station) asked() signintest.Asked {
	s.t.Helper()
	select {
	case a := <-s.tray.Asked:
		return a
	case <-time.After(30 * time.Second):
		s.t.Fatal("nobody was asked")
		panic("unreachable")
	}
}

// awaitNoListener waits until nobody listens at the agent's place any more.
func (s *station) awaitNoListener() {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			s.t.Fatal("the agent still listens")
		}
	}
}
