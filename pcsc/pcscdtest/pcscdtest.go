//go:build linux

// Package pcscdtest starts a private pcscd with two readers for tests.
//
// It runs the real daemon and the real vpcd driver of this machine on a socket,
// a configuration and ports of its own, so that many test processes can run at
// once and none sees a reader of the person at the machine. What is put into
// the readers is the test's: a function that speaks vpcd's card protocol over
// a connection (see Reader.Insert).
//
// libpcsclite reads the name of the socket once, at the first PC/SC call of a
// process, so all tests of a package share one daemon:
//
//	func TestMain(m *testing.M) { os.Exit(pcscdtest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		daemon := pcscdtest.Shared(t) // skips where pcscd is not installed
//		daemon.Readers[0].Insert(t, card.Serve)
//		...
//	}
//
// Programs that a test starts get the socket through Daemon.Env. With
// CARDEA_E2E_REQUIRED=1 a missing pcscd fails the tests instead of skipping
// them. The package is never part of a program that people install; its own tests are those of
// package pcsc, which kill and restart the daemon under a watch.
package pcscdtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Driver is where Debian's package vsmartcard-vpcd puts vpcd.
const driver = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"

// ErrMissing says that pcscd or vpcd is not installed.
var ErrMissing = errors.New("pcscdtest: pcscd or vsmartcard-vpcd is not installed")

// Daemon is one private pcscd.
type Daemon struct {
	Socket  string     // path of the socket that clients connect to
	Readers [2]*Reader // the two slots of its one vpcd

	dir   string
	ports io.Closer // keeps the readers' ports from other tests

	mu      sync.Mutex // guards process and exited, held while either changes
	process *os.Process
	exited  chan struct{} // closed when process has ended and was waited for
}

// Start starts a daemon whose readers are called name + " 00 00" and
// name + " 00 01". It does not touch this process's environment: use Env for a
// child process, Main for the tests of a package.
func Start(name string) (*Daemon, error) { return start(name, false) }

// StartWithKeypads is Start with readers on which a PIN can be typed: Type does.
// It needs gcc and the headers of pcsc-lite.
func StartWithKeypads(name string) (*Daemon, error) { return start(name, true) }

func start(name string, keypads bool) (*Daemon, error) {
	if _, err := exec.LookPath("pcscd"); err != nil {
		return nil, ErrMissing
	}
	if _, err := os.Stat(driver); err != nil {
		return nil, ErrMissing
	}
	dir, err := os.MkdirTemp("", "pcscd")
	if err != nil {
		return nil, err
	}
	d := &Daemon{dir: dir, Socket: filepath.Join(dir, "comm")}
	var port int
	if port, d.ports, err = claimPorts(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	for i := range d.Readers {
		d.Readers[i] = &Reader{
			Name: fmt.Sprintf("%s 00 %02d", name, i),
			Addr: fmt.Sprintf("127.0.0.1:%d", port+i),
		}
	}
	library := driver
	if keypads {
		if library, err = d.buildKeypad(); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	if err := errors.Join(d.configure(name, library, port), d.Restart()); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// configure writes the reader.conf that makes vpcd listen on the port and the
// next. It listens on every address: the form HOST:PORT, which dials the card
// instead, kills pcscd when a card is pulled in vpcd before June 2022, and that
// is what Debian 12 has (it selects on the socket -1).
func (d *Daemon) configure(name, library string, port int) error {
	conf := fmt.Sprintf("FRIENDLYNAME %q\nDEVICENAME /dev/null:%d\nLIBPATH %s\nCHANNELID %d\n",
		name, port, library, port)
	if err := os.Mkdir(filepath.Join(d.dir, "conf"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, "conf", "reader.conf"), []byte(conf), 0o600)
}

// Env is the setting that leads libpcsclite to this daemon, as NAME=value.
func (d *Daemon) Env() string { return "PCSCLITE_CSOCK_NAME=" + d.Socket }

// Restart stops the daemon if it runs and starts a new one on the same socket.
// Clients can connect when it returns; the readers keep what is in them.
func (d *Daemon) Restart() error {
	if err := d.Stop(); err != nil {
		return err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.Socket, Net: "unix"})
	if err != nil {
		return err
	}
	// Only the daemon may hold the socket: a copy of ours would let clients of
	// a dead daemon wait instead of failing.
	listener.SetUnlinkOnClose(false)
	defer listener.Close()
	if err := os.Chmod(d.Socket, 0o666); err != nil { //nolint:gosec // as pcscd's own socket; the folder is 0700
		return err
	}
	file, err := listener.File()
	if err != nil {
		return err
	}
	defer file.Close()
	return d.run(file)
}

// run starts pcscd with the listening socket as its file 3, the way systemd
// does it.
func (d *Daemon) run(socket *os.File) error {
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec pcscd "$@"`, "sh",
		"--foreground", "--config", filepath.Join(d.dir, "conf")}
	if help, err := exec.Command("pcscd", "--help").CombinedOutput(); err == nil &&
		strings.Contains(string(help), "--disable-polkit") {
		args = append(args, "--disable-polkit")
	}
	// LISTEN_PID must be the daemon's own number, known only after the fork.
	cmd := exec.Command("/bin/sh", args...) //nolint:gosec // a folder of ours
	cmd.ExtraFiles = []*os.File{socket}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}

	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel kills the daemon when the thread that started it ends, so
		// that a test binary that is killed leaves nothing behind.
		runtime.LockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it was killed: the state says nothing
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.process, d.exited = cmd.Process, exited
	return nil
}

// Stop kills the daemon, as a crash would, and removes its socket. It is no
// error if none runs.
func (d *Daemon) Stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.process != nil {
		if err := d.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		<-d.exited
		d.process = nil
	}
	if err := os.Remove(d.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Log is what the daemon wrote so far, for the message of a failing test.
func (d *Daemon) Log() string {
	text, err := os.ReadFile(filepath.Join(d.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Close stops the daemon, closes its readers and removes its files.
func (d *Daemon) Close() error {
	err := d.Stop()
	for _, r := range d.Readers {
		r.Remove()
	}
	return errors.Join(err, d.ports.Close(), os.RemoveAll(d.dir))
}

// shared is the daemon of this test process, or why there is none. Main sets it
// before the first test runs and nothing changes it after.
var shared struct {
	daemon *Daemon
	err    error
}

// Main starts the daemon that Shared hands out, runs the tests and stops it.
// m is a *testing.M, or what runs one. The result is the exit code.
func Main(m interface{ Run() int }) int {
	shared.daemon, shared.err = Start("Cardea Test Reader")
	if shared.err != nil {
		if !errors.Is(shared.err, ErrMissing) || os.Getenv("CARDEA_E2E_REQUIRED") == "1" {
			fmt.Fprintln(os.Stderr, shared.err)
			return 1
		}
		return m.Run()
	}
	name, value, _ := strings.Cut(shared.daemon.Env(), "=")
	if err := os.Setenv(name, value); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := shared.daemon.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Shared is the daemon that Main started, running and with empty readers. It
// skips the test where pcscd is not installed.
func Shared(t testing.TB) *Daemon {
	t.Helper()
	switch {
	case shared.err != nil:
		t.Skip(shared.err)
	case shared.daemon == nil:
		t.Fatal("pcscdtest: TestMain does not call pcscdtest.Main")
	}
	return shared.daemon
}
