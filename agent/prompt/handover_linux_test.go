package prompt

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardea-agent/cardea/agent/logs/logtest"
	"github.com/cardea-agent/cardea/agent/signin"
)

func TestEchoStaysOffFromOneDialogsEndToTheNextOnesPIN(t *testing.T) {
	for range 20 {
		p := newPerson(t)
		terminal := NewTerminal(p.tty, p.tty)
		ask := func() (end func()) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				d, err := terminal.Open(ctx, about)
				if err != nil {
					t.Error(err)
					return
				}
				defer d.Close()
				_, _ = d.AskPIN(ctx, signin.PINQuestion{TriesLeft: 3})
			}()
			return func() { cancel(); <-ended }
		}
		echo := func() bool {
			state, err := unix.IoctlGetTermios(int(p.tty.Fd()), getTermios)
			if err != nil {
				t.Fatal(err)
			}
			return state.Lflag&unix.ECHO != 0
		}
		first := ask()
		p.sees("PIN: ", 1)
		second := ask()
		first()
		p.sees("PIN: ", 2)
		if echo() {
			t.Fatal("the second PIN would be shown")
		}
		second()
		if !echo() {
			t.Fatal("the terminal is left without echo")
		}
	}
}

func TestAWindowThatOpensAfterItsRequestEndedIsClosed(t *testing.T) {
	path := socketPath(t)
	s, _ := startServer(t, path, &logtest.Log{})
	tray := dialRaw(t, path)
	tray.hello()
	ctx, endRequest := context.WithCancel(t.Context())
	d, err := s.Open(ctx, about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	asked := make(chan error, 1)
	go func() {
		_, err := d.AskPIN(t.Context(), signin.PINQuestion{})
		asked <- err
	}()
	var o opening
	tray.expect(kindOpen, &o)
	tray.expect(kindAskPIN, &pinQuestion{})
	endRequest()
	for ended := d.(*serverDialog); ; { // the end is noticed in a goroutine of its own
		ended.mu.Lock()
		closed := ended.closed
		ended.mu.Unlock()
		if closed {
			break
		}
		runtime.Gosched()
	}
	tray.send(kindOpened, answer{ID: o.ID})
	wantCode(t, <-asked, signin.CodeCancelled)
	var c closing
	tray.expect(kindClose, &c)
	if c.Dialog != o.Dialog {
		t.Errorf("dialog %d was closed, want %d", c.Dialog, o.Dialog)
	}
}

func TestTheFirstQuestionGoesOutWithTheOpeningAndAPINWithItsAnnouncement(t *testing.T) {
	path := socketPath(t)
	s, _ := startServer(t, path, &logtest.Log{})
	tray := dialRaw(t, path)
	tray.hello()
	d, err := s.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	asked := make(chan error, 1)
	go func() {
		_, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 3})
		asked <- err
	}()
	// One read of a unix socket takes what one write put there, here both.
	b := make([]byte, 4096)
	n, err := tray.conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	both := bytes.NewReader(b[:n])
	var o opening
	var q pinQuestion
	for _, want := range []struct {
		kind kind
		body any
	}{{kindOpen, &o}, {kindAskPIN, &q}} {
		f, err := readFrame(both)
		if err != nil || f.kind != want.kind {
			t.Fatalf("frame %q, %v, want %q", f.kind, err, want.kind)
		}
		if err := f.decode(want.body); err != nil {
			t.Fatal(err)
		}
	}
	if both.Len() > 0 || o.Dialog != q.Dialog || q.ID == o.ID {
		t.Errorf("opening %+v, question %+v, and %d bytes more", o, q, both.Len())
	}
	tray.send(kindOpened, answer{ID: o.ID})
	tray.send(kindFailed, answer{ID: q.ID, Code: signin.CodeCancelled})
	wantCode(t, <-asked, signin.CodeCancelled)

	// The other way, a pair of frames from the tray.
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := [2]net.Conn{}
	for i, fd := range pair {
		file := os.NewFile(uintptr(fd), "pair")
		if ends[i], err = net.FileConn(file); err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
		defer ends[i].Close()
	}
	if err := writePIN(ends[0], answer{ID: q.ID}, []byte(canary)); err != nil {
		t.Fatal(err)
	}
	if n, err = ends[1].Read(b); err != nil || !bytes.HasSuffix(b[:n], []byte(canary)) || !bytes.Contains(b[:n], []byte(kindPINFollows)) {
		t.Errorf("one read took %q, %v", b[:n], err)
	}
}

func TestADialogThatCannotBeOpenedIsForgotten(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	fake := newFake()
	var window context.Context
	fake.open = func(ctx context.Context, _ signin.About) error {
		window = ctx
		return errors.New("no OpenGL")
	}
	link := &agentLink{ctx: t.Context(), conn: ours, prompter: fake, dialogs: map[uint64]*clientDialog{}}
	frame, err := marshal(kindOpen, opening{ID: 7, Dialog: 8})
	if err != nil {
		t.Fatal(err)
	}
	f, err := readFrame(bytes.NewReader(frame))
	if err != nil {
		t.Fatal(err)
	}
	if err := link.take(f); err != nil {
		t.Fatal(err)
	}
	var a answer
	rawTray{t, theirs}.expect(kindFailed, &a)
	link.tasks.Wait()
	if a.ID != 7 || len(link.dialogs) > 0 {
		t.Errorf("answer %+v, %d dialogs are kept", a, len(link.dialogs))
	}
	if window.Err() == nil {
		t.Error("the dialog's context goes on")
	}
}
