package prompt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cardea-agent/cardea/agent/logs/logtest"
	"github.com/cardea-agent/cardea/agent/signin"
)

const strangerEnv = "CARDEA_TEST_STRANGER"

func init() { otherProcess = runAsStranger }

// runAsStranger is the other user's process of the test below.
func runAsStranger() bool {
	path := os.Getenv(strangerEnv)
	if path == "" {
		return false
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		os.Stdout.WriteString("cannot dial: " + err.Error())
		return true
	}
	if os.Getenv(inquireEnv) != "" {
		os.Stdout.WriteString(inquireAsStranger(conn))
		return true
	}
	_ = writeFrame(conn, kindHello, hello{wireVersion, "stranger"})
	if _, err := readFrame(conn); errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		os.Stdout.WriteString("refused")
		return true
	}
	os.Stdout.WriteString("served")
	return true
}

func asNobody(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root to run a process as another user")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), strangerEnv+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

// openUp lets everyone reach a file, so that the peer check alone is tested.
func openUp(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	for d := filepath.Dir(path); d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherUserIsRefusedByTheAgent(t *testing.T) {
	path := socketPath(t)
	cmd := asNobody(t, path)
	var log logtest.Log
	startServer(t, path, &log)
	openUp(t, path)
	out, err := cmd.Output()
	if err != nil || string(out) != "refused" {
		t.Fatalf("the other user was %q, %v", out, err)
	}
	log.Await(t, 1, "belongs to user 65534") // the other one may be gone before it is written
}

func TestAnotherUsersSocketIsRefusedByTheTray(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to act as another user")
	}
	path := socketPath(t)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := listenAs(path, 65534)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := checkServer(conn); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
		t.Errorf("the tray trusts it: %v", err)
	}
}

// listenAs makes a socket whose peer credentials are another user's: Linux
// notes them at listen(2), from the thread that calls it.
func listenAs(path string, uid int) (net.Listener, error) {
	var l net.Listener
	err := onOwnThread(func() error {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), path)
		defer f.Close()
		if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
			return err
		}
		if err := asThreadUser(uid, func() error { return syscall.Listen(fd, 8) }); err != nil {
			return err
		}
		l, err = net.FileListener(f)
		return err
	})
	return l, err
}

// wiretap passes bytes on between two connections and keeps what it saw.
type wiretap struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (w *wiretap) pass(dst, src net.Conn) {
	defer dst.Close()
	b := make([]byte, 4096)
	for {
		n, err := src.Read(b)
		w.mu.Lock()
		w.seen.Write(b[:n])
		w.mu.Unlock()
		if err != nil {
			return
		}
		if _, err := dst.Write(b[:n]); err != nil {
			return
		}
	}
}

func TestThePINIsInItsOwnFrameAndNowhereElse(t *testing.T) {
	path, tapped := socketPath(t), socketPath(t)
	var log logtest.Log
	server, _ := startServer(t, path, &log)
	l, err := listen(tapped)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var fromTray, fromAgent wiretap
	var taps sync.WaitGroup
	taps.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		agent, err := net.Dial("unix", path)
		if err != nil {
			return
		}
		taps.Go(func() { fromTray.pass(agent, conn) })
		taps.Go(func() { fromAgent.pass(conn, agent) })
	})
	fake := newFake()
	typed := []byte(canary)
	fake.askPIN = func(context.Context, signin.PINQuestion) (signin.PINAnswer, error) {
		return signin.PINAnswer{PIN: signin.NewPIN(typed)}, nil
	}
	tray, _ := startTray(t, tapped, fake, &log)
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 3})
	if err != nil {
		t.Fatal(err)
	}
	var kept []byte
	if err := a.PIN.Use(func(b []byte) error {
		kept = b
		if cap(b) != len(canary) || string(b) != canary {
			t.Errorf("the agent's buffer has room for %d bytes", cap(b))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, make([]byte, len(canary))) {
		t.Error("the agent's buffer was not wiped")
	}
	d.Close()
	<-fake.closed
	_ = tray.end(t)
	if !bytes.Equal(typed, make([]byte, len(canary))) {
		t.Error("the tray's buffer was not wiped")
	}
	_ = l.Close()
	taps.Wait()

	if strings.Contains(log.String(), canary) || bytes.Contains(fromAgent.seen.Bytes(), []byte(canary)) {
		t.Error("the PIN is in a log or went back to the tray")
	}
	pins := 0
	for r := bytes.NewReader(fromTray.seen.Bytes()); r.Len() > 0; {
		f, err := readFrame(r)
		if err != nil {
			t.Fatal(err)
		}
		if f.kind == kindPIN {
			pins++
		} else if bytes.Contains(f.body, []byte(canary)) {
			t.Errorf("the PIN is in a %q frame", f.kind)
		}
	}
	if pins != 1 {
		t.Errorf("%d pin frames", pins)
	}
}

// keepBuffers keeps the slices that it is asked to fill, and ends early.
type keepBuffers struct {
	r    io.Reader
	kept [][]byte
}

func (k *keepBuffers) Read(p []byte) (int, error) {
	k.kept = append(k.kept, p)
	return k.r.Read(p)
}

func TestAPINFrameThatIsCutOffIsWiped(t *testing.T) {
	whole := append(head(kindPIN, 2*len(canary)), canary...)
	r := &keepBuffers{r: bytes.NewReader(whole)}
	_, err := readFrame(r)
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), canary) {
		t.Errorf("error %v", err)
	}
	for _, b := range r.kept {
		if bytes.Contains(b, []byte(canary)) {
			t.Error("a buffer still holds it")
		}
	}
}

func TestAPINThatComesTooLateIsWiped(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	link := newTrayLink(ours)
	_ = server
	pin := []byte(canary)
	link.deliver(reply{kind: kindPINFollows, answer: answer{ID: 9}, pin: signin.NewPIN(pin)})
	if !bytes.Equal(pin, make([]byte, len(pin))) {
		t.Error("a PIN that nobody waits for is kept")
	}
	pin = []byte(canary)
	answered := make(chan reply, 1)
	link.waiting[9] = answered
	link.deliver(reply{kind: kindPINFollows, answer: answer{ID: 9}, pin: signin.NewPIN(pin)})
	link.forget(9, answered) // its request ended in the same moment
	if !bytes.Equal(pin, make([]byte, len(pin))) {
		t.Error("a PIN whose request ended is kept")
	}
}

func FuzzReadFrame(f *testing.F) {
	var b bytes.Buffer
	_ = writeFrame(&b, kindAskPIN, pinQuestion{ID: 1, Dialog: 2, TriesLeft: 3})
	f.Add(b.Bytes())
	f.Add(append(head(kindPIN, 4), "1234"...))
	f.Add([]byte{0, 0, 0, 1, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 5, 'h', 'e', 'l', 'l', 'o'})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		fr, err := readFrame(r)
		if err != nil {
			return
		}
		used := in[:len(in)-r.Len()]
		if again := append(head(fr.kind, len(fr.body)), fr.body...); !bytes.Equal(again, used) {
			t.Errorf("read %x, would write %x", used, again)
		}
		if n := binary.BigEndian.Uint32(used); int(n) != len(used)-4 {
			t.Errorf("%d bytes read of a frame of %d", len(used), n)
		}
		_ = fr.decode(&pinQuestion{})
		_ = fr.decode(&keyQuestion{})
		_ = fr.decode(&Status{})
	})
}
