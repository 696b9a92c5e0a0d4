package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"go.uber.org/goleak"
)

// otherProcess is set where a test starts this test program again as another
// process; it reports whether this is that process.
var otherProcess = func() bool { return false }

func TestMain(m *testing.M) {
	if otherProcess() {
		return
	}
	goleak.VerifyTestMain(m, staying...)
}

// limit is far above what anything here takes.
const limit = 30 * time.Second

// canary is a PIN that must be found nowhere but in pin frames.
const canary = "73920461"

var about = signin.About{Origin: "https://login.hospital.example:8443", Purpose: signin.ToSignIn,
	Holder: "Alex Morgan", Reader: "Reader 00 00", Lang: "cy"}

// fakePrompter answers as its functions say and remembers what it was asked.
type fakePrompter struct {
	open        func(ctx context.Context, about signin.About) error
	askPIN      func(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error)
	chooseKey   func(ctx context.Context, keys []signin.KeyChoice) (int, error)
	showKeypad  func(ctx context.Context, q signin.PINQuestion) error
	lastTry     func(ctx context.Context, q signin.PINQuestion) error
	showSigning func(ctx context.Context, total int, signed <-chan int) error
	closed      chan struct{} // gets one value for each dialog's Close
}

func newFake() *fakePrompter { return &fakePrompter{closed: make(chan struct{}, 16)} }

func (f *fakePrompter) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	if f.open != nil {
		if err := f.open(ctx, about); err != nil {
			return nil, err
		}
	}
	return &fakeDialog{fakePrompter: f}, nil
}

type fakeDialog struct {
	*fakePrompter
	once sync.Once
}

func (d *fakeDialog) AskPIN(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	return d.askPIN(ctx, q)
}

func (d *fakeDialog) ChooseKey(ctx context.Context, keys []signin.KeyChoice) (int, error) {
	return d.chooseKey(ctx, keys)
}

func (d *fakeDialog) ConfirmLastTry(ctx context.Context, q signin.PINQuestion) error {
	return d.lastTry(ctx, q)
}

func (d *fakeDialog) ShowKeypad(ctx context.Context, q signin.PINQuestion) error {
	return d.showKeypad(ctx, q)
}

func (d *fakeDialog) ShowSigning(ctx context.Context, total int, signed <-chan int) error {
	return d.showSigning(ctx, total, signed)
}

func (d *fakeDialog) Close() { d.once.Do(func() { d.closed <- struct{}{} }) }

// running is something with a Run method that a test started.
type running struct {
	stop context.CancelFunc
	done chan error
}

func start(t *testing.T, run func(context.Context) error) running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := running{cancel, make(chan error, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.done <- run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(limit):
			t.Error("Run did not return")
		}
	})
	return r
}

func (r running) end(t *testing.T) error {
	t.Helper()
	r.stop()
	select {
	case err := <-r.done:
		return err
	case <-time.After(limit):
		t.Fatal("Run did not return")
		return nil
	}
}

func startServer(t *testing.T, path string, log io.Writer) (*Server, running) {
	t.Helper()
	s, err := NewServer(ServerConfig{Path: path, Version: "1.2.3", Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, s.Run)
	passFirst(t, path)
	return s, r
}

func startTray(t *testing.T, path string, p signin.Prompter, log io.Writer) (running, <-chan Report) {
	t.Helper()
	reports := make(chan Report, 64)
	c, err := NewClient(ClientConfig{Path: path, Version: "tray", Prompter: p,
		OnReport: func(r Report) { reports <- r }, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, c.Run), reports
}

// await takes reports until one is as wanted.
func await(t *testing.T, reports <-chan Report, what string, ok func(Report) bool) Report {
	t.Helper()
	late := time.After(limit)
	for {
		select {
		case r := <-reports:
			if ok(r) {
				return r
			}
		case <-late:
			t.Fatalf("no report that is %s", what)
		}
	}
}

func connected(r Report) bool    { return r.Connected }
func disconnected(r Report) bool { return !r.Connected }

func wantCode(t *testing.T, err error, code signin.Code) {
	t.Helper()
	if err == nil || signin.CodeOf(err) != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
}

// rawTray is the tray's end written by hand.
type rawTray struct {
	t    *testing.T
	conn net.Conn
}

func dialRaw(t *testing.T, path string) rawTray {
	t.Helper()
	conn, err := dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(limit))
	return rawTray{t, conn}
}

func (r rawTray) hello() {
	r.t.Helper()
	r.send(kindHello, hello{wireVersion, "raw"})
	if f := r.read(); f.kind != kindHello {
		r.t.Fatalf("%q in place of hello", f.kind)
	}
}

func (r rawTray) send(k kind, v any) {
	r.t.Helper()
	if err := writeFrame(r.conn, k, v); err != nil {
		r.t.Fatal(err)
	}
}

// sendPIN sends a pin frame that nothing announced.
func (r rawTray) sendPIN() {
	r.t.Helper()
	if _, err := r.conn.Write(append(head(kindPIN, len(canary)), canary...)); err != nil {
		r.t.Fatal(err)
	}
}

func (r rawTray) read() frame {
	r.t.Helper()
	f, err := readFrame(r.conn)
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// expect reads one frame of kind k into v.
func (r rawTray) expect(k kind, v any) {
	r.t.Helper()
	f := r.read()
	if f.kind != k {
		r.t.Fatalf("frame %q, want %q", f.kind, k)
	}
	if err := f.decode(v); err != nil {
		r.t.Fatal(err)
	}
}

func (r rawTray) expectEnd() {
	r.t.Helper()
	if f, err := readFrame(r.conn); err == nil {
		r.t.Fatalf("frame %q, want the connection to end", f.kind)
	} else if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		r.t.Fatal("the connection did not end")
	}
}

func pinOf(t *testing.T, a signin.PINAnswer) (pin string) {
	t.Helper()
	if err := a.PIN.Use(func(b []byte) error { pin = string(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return pin
}

func answerWith(pin string) func(context.Context, signin.PINQuestion) (signin.PINAnswer, error) {
	return func(_ context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
		return signin.PINAnswer{PIN: signin.NewPIN([]byte(pin)), LastTry: q.LastTry}, nil
	}
}

func waitUntilGone(ctx context.Context, _ signin.PINQuestion) (signin.PINAnswer, error) {
	<-ctx.Done()
	return signin.PINAnswer{}, fmt.Errorf("the window closed: %w", ctx.Err())
}
