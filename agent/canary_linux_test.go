//go:build linux && cgo

package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
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
	s.daemon.Readers[0].Insert(t, func(conn net.Conn) { _ = virtual.ServeVPCD(ctx, heldCard{conn, &s.hold, s.verifying}, card) })
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
			if r.Connected && !r.Known {
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

func TestNoPINIsInAnythingThatIsWritten(t *testing.T) {
	s := newStation(t)
	done := s.authenticate()
	s.asked().Type(s.wrong)
	s.asked().Type(s.right)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"report": {"support-report", "--with-names", "--policy", s.path("home/policy.toml"), s.path("report.zip")},
		"doctor": {"doctor", "--json", "--policy", s.path("home/policy.toml")},
	} {
		out, err := s.program(args...).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != exitUnwell) {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		if err := os.WriteFile(s.path(name+".out"), out, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.abortWithAPINInMemory()
	s.checkWritten()
	if err := s.search(s.right, s.wrong); err != nil {
		t.Error(err)
	}
	s.checkThatCoresLandHere()
}

// checkThatCoresLandHere has a program crash that does not keep its memory to
// itself: its core file must be found, or the agent's would not have been.
func (s *station) checkThatCoresLandHere() {
	s.t.Helper()
	if cores := s.cores(); len(cores) > 0 {
		s.t.Errorf("the agent left %v", cores)
	}
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || bytes.ContainsAny(pattern, "|/") {
		s.t.Logf("core files go elsewhere here: %s", pattern)
		return
	}
	cmd := exec.Command("bash", "-c", `ulimit -c unlimited; SECRET="$0"; kill -ABRT $$; echo "$SECRET"`, s.right)
	cmd.Dir = s.path("run")
	_ = cmd.Run()
	if cores := s.cores(); len(cores) != 1 {
		s.t.Errorf("a crash leaves %v here", cores)
	}
	if err := s.search(s.right); err == nil {
		s.t.Error("the search does not find what is in a core file")
	}
}

func (s *station) cores() []string {
	s.t.Helper()
	cores, err := filepath.Glob(s.path("run/core*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return cores
}

// abortWithAPINInMemory has the agent crash while the card checks a PIN: it is in
// the agent's memory then, and a core file would have it.
func (s *station) abortWithAPINInMemory() {
	s.t.Helper()
	s.hold.Store(true)
	_ = s.authenticate()
	s.asked().Type(s.right)
	select {
	case <-s.verifying:
	case <-time.After(30 * time.Second):
		s.t.Fatal("the card was never given the PIN")
	}
	if err := s.agent.Process.Signal(syscall.SIGABRT); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGABRT {
			s.t.Fatalf("the agent ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		s.t.Fatal("the agent did not crash")
	}
}

// heldCard is the card's end of a connection, and can keep the PIN's command.
type heldCard struct {
	net.Conn
	hold      *atomic.Bool
	verifying chan struct{} // closed when it does
}

// Read reads, but holds a VERIFY with a PIN in it: 00 20 00 80 08.
func (c heldCard) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.hold.Load() && bytes.Contains(p[:n], []byte{0x00, 0x20, 0x00, 0x80, 0x08}) {
		close(c.verifying)
		return c.Conn.Read(p) // nothing more comes until it is pulled
	}
	return n, err
}

// checkWritten checks that all was written that a PIN is searched for in, and
// that a core file would be found here.
func (s *station) checkWritten() {
	s.t.Helper()
	for file, want := range map[string]string{
		"stderr":                             "SIGABRT",
		"home/.local/state/cardea/agent.log": "msg=listening",
		"home/.local/state/cardea/audit.log": `"msg":"pin","origin":"https://portal.example","outcome":"pinWrong"`,
		"report.zip":                         "PK",
		"report.out":                         "recent.log",
		"doctor.out":                         "cardKnown",
	} {
		text, err := os.ReadFile(s.path(file))
		if err != nil || !strings.Contains(string(text), want) {
			s.t.Errorf("%s lacks %s: %v\n%s", file, want, err, text)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, want := range []string{"CARDEA_WHAT=pin\n", "CARDEA_OUTCOME=pinWrong\n", "CARDEA_TRIES_LEFT=2\n", "CARDEA_WHAT=authenticate\n"} {
		if !strings.Contains(s.journal.String(), want) {
			s.t.Errorf("the journal lacks %s:\n%s", want, &s.journal)
		}
	}
}

// search says where a secret is in what was written.
func (s *station) search(secrets ...string) error {
	var found error
	look := func(where string, text []byte) {
		for _, secret := range secrets {
			for form, b := range map[string]string{
				"itself": secret, "in hexadecimal": hex.EncodeToString([]byte(secret)),
				"in base64": base64.RawStdEncoding.EncodeToString([]byte(secret)),
			} {
				if bytes.Contains(bytes.ToLower(text), bytes.ToLower([]byte(b))) {
					found = errors.Join(found, fmt.Errorf("a PIN is in %s, %s", where, form))
				}
			}
		}
	}
	s.mu.Lock()
	look("the journal", s.journal.Bytes())
	s.mu.Unlock()
	err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		look(path, text)
		if filepath.Ext(path) == ".zip" {
			return unzip(path, look)
		}
		return nil
	})
	return errors.Join(found, err)
}

func TestASecretIsFoundWhereverItIsWritten(t *testing.T) {
	const secret = "90817263"
	for name, write := range map[string]func(s *station){
		"a file":      func(s *station) { _ = os.WriteFile(s.path("a.log"), []byte("typed "+secret), 0o600) },
		"hexadecimal": func(s *station) { _ = os.WriteFile(s.path("a.log"), fmt.Appendf(nil, "%X", secret), 0o600) },
		"base64": func(s *station) {
			_ = os.WriteFile(s.path("a.log"), []byte(base64.StdEncoding.EncodeToString([]byte(secret))), 0o600)
		},
		"the journal": func(s *station) { s.journal.WriteString("MESSAGE=" + secret) },
		"a zip": func(s *station) {
			var b bytes.Buffer
			archive := zip.NewWriter(&b)
			w, _ := archive.Create("agent.log")
			_, _ = w.Write(bytes.Repeat([]byte(secret), 100))
			_ = archive.Close()
			_ = os.WriteFile(s.path("report.zip"), b.Bytes(), 0o600)
		},
	} {
		s := &station{t: t, dir: t.TempDir()}
		if err := s.search(secret); err != nil {
			t.Fatal(err)
		}
		if write(s); s.search(secret) == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

func unzip(path string, look func(string, []byte)) error {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		look(path+" "+f.Name, text)
	}
	return nil
}
