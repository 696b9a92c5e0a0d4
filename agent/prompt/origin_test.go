package prompt

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// asking is a fakePrompter that is asked about sites too.
type asking struct {
	*fakePrompter
	askOrigin func(ctx context.Context, origin, readable string) (bool, error)
}

func (a asking) AskOrigin(ctx context.Context, origin, readable string) (bool, error) {
	return a.askOrigin(ctx, origin, readable)
}

const (
	newSite  = "https://xn--bcher-kva.example"
	readable = "https://bücher.example"
)

func TestThePersonsAnswerAboutASiteComesBack(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	answers := make(chan error, 1)
	tray := asking{newFake(), func(_ context.Context, origin, read string) (bool, error) {
		if origin != newSite || read != readable {
			t.Errorf("asked about %q, which reads %q", origin, read)
		}
		err := <-answers
		return err == nil, err
	}}
	startTray(t, path, tray, io.Discard)
	for _, c := range []struct {
		answer  error
		allowed bool
		code    signin.Code
	}{
		{nil, true, ""},
		{&signin.Error{Code: signin.CodeCancelled}, false, ""},
		{ErrGaveWay, false, signin.CodeBusy},
		{&signin.Error{Code: signin.CodeNoPromptUI}, false, signin.CodeNoPromptUI},
		{errors.New("broken"), false, signin.CodeNoPromptUI},
	} {
		answers <- c.answer
		allowed, err := server.AskOrigin(t.Context(), newSite, readable)
		if allowed != c.allowed || (err == nil) != (c.code == "") || err != nil && signin.CodeOf(err) != c.code {
			t.Errorf("%v: got %v, %v", c.answer, allowed, err)
		}
	}
}

func TestANoWithoutAnErrorIsANo(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	startTray(t, path, asking{newFake(), func(context.Context, string, string) (bool, error) { return false, nil }}, io.Discard)
	if allowed, err := server.AskOrigin(t.Context(), newSite, readable); allowed || err != nil {
		t.Errorf("got %v, %v", allowed, err)
	}
}

func TestTheWindowAboutASiteClosesWithItsQuestion(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	shown, closed := make(chan struct{}), make(chan struct{})
	startTray(t, path, asking{newFake(), func(ctx context.Context, _, _ string) (bool, error) {
		close(shown)
		<-ctx.Done()
		close(closed)
		return false, ctx.Err()
	}}, io.Discard)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-shown; cancel(io.ErrNoProgress) }()
	if allowed, err := server.AskOrigin(ctx, newSite, readable); allowed || !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v, %v", allowed, err)
	}
	<-closed
}

func TestAQuestionAboutASiteEndsWithItsTray(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	tray := dialRaw(t, path)
	tray.hello()
	go func() {
		var q originQuestion
		tray.expect(kindAskOrigin, &q)
		_ = tray.conn.Close()
	}()
	_, err := server.AskOrigin(t.Context(), newSite, readable)
	wantCode(t, err, signin.CodeNoPromptUI)
}

func TestATrayWithoutAWindowForSitesAnswersSoAndGoesOn(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	fake := newFake()
	fake.askPIN = answerWith(canary)
	startTray(t, path, fake, io.Discard)
	_, err := server.AskOrigin(t.Context(), newSite, readable)
	wantCode(t, err, signin.CodeNoPromptUI)
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	a, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 3})
	if err != nil {
		t.Fatal(err)
	}
	a.PIN.Wipe()
}

func TestNobodyIsAskedAboutASiteWithoutATray(t *testing.T) {
	server, _ := startServer(t, socketPath(t), io.Discard)
	_, err := server.AskOrigin(t.Context(), newSite, readable)
	wantCode(t, err, signin.CodeNoPromptUI)
}

func TestAQuestionAboutASiteGivesWayToEveryOther(t *testing.T) {
	turn := NewTurn()
	gaveWay := make(chan struct{})
	if !turn.Try(func() { close(gaveWay) }) {
		t.Fatal("nobody has the turn, and it is not given")
	}
	if turn.Try(func() {}) {
		t.Error("two have the turn")
	}
	settled := turn.Want()
	<-gaveWay
	turn.Back()
	if turn.Try(func() {}) {
		t.Error("it goes before one that waits")
	}
	turn.C <- struct{}{}
	settled()
	settled()
	if turn.Try(func() {}) {
		t.Error("two have the turn")
	}
	turn.Back()
	if !turn.Try(func() {}) {
		t.Error("the turn was not given back")
	}
}

// What a tray or an agent sends is only ever refused or understood, whatever it
// is: the frames of both directions, one after the other.
func FuzzBothEndsTakeOrRefuseFrames(f *testing.F) {
	for k, v := range map[kind]any{
		kindOpen:       opening{ID: 1, Dialog: 2, Origin: "https://a.example", Purpose: signin.ToSignIn},
		kindAskPIN:     pinQuestion{ID: 1, Dialog: 2, TriesLeft: 3},
		kindChooseKey:  keyQuestion{ID: 1, Dialog: 2, Keys: []keyChoice{{Holder: "A"}}},
		kindAskLastTry: pinQuestion{ID: 1, Dialog: 2, TriesLeft: 1, LastTry: true},
		kindShowKeypad: pinQuestion{ID: 1, Dialog: 2, TriesLeft: 3},
		kindConfirmed:  answer{ID: 1},
		kindAskOrigin:  originQuestion{ID: 1, Dialog: 2, Origin: "https://a.example", Readable: "https://a.example"},
		kindSigned:     signed{1, 2},
		kindClose:      closing{2},
		kindAllowed:    answer{ID: 1},
		kindChosen:     answer{ID: 1, Key: 2},
		kindFailed:     answer{ID: 1, Code: signin.CodeCancelled},
		"strange":      unsupported{"strange"},
	} {
		b, err := marshal(k, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	pin, err := marshal(kindPINFollows, answer{ID: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(append(pin, head(kindPIN, 4)...), "1234"...))
	f.Fuzz(func(t *testing.T, in []byte) {
		tray := newTrayLink(silentConn{strings.NewReader(string(in))})
		answered := tray.expect(1)
		if err := tray.readAnswers(); err == nil {
			t.Error("the frames never end")
		}
		tray.forget(1, answered)

		ctx, cancel := context.WithCancel(t.Context())
		agent := &agentLink{ctx: ctx, conn: silentConn{}, prompter: newFake(), dialogs: make(map[uint64]*clientDialog)}
		fake := asking{newFake(), func(context.Context, string, string) (bool, error) { return false, nil }}
		fake.askPIN = waitUntilGone
		fake.chooseKey = func(ctx context.Context, _ []signin.KeyChoice) (int, error) { return 0, errClosed }
		fake.showSigning = func(ctx context.Context, _ int, _ <-chan int) error { return errClosed }
		fake.showKeypad = func(context.Context, signin.PINQuestion) error { return errClosed }
		fake.lastTry = func(context.Context, signin.PINQuestion) error { return nil }
		fake.closed = make(chan struct{}, len(in)) // more than there can be dialogs
		agent.prompter = fake
		for r := strings.NewReader(string(in)); ; {
			f, err := readFrame(r)
			if err != nil || agent.take(f) != nil {
				break
			}
		}
		cancel()
		agent.tasks.Wait()
	})
}

// silentConn reads what it is given and drops what is written.
type silentConn struct{ *strings.Reader }

func (silentConn) Write(b []byte) (int, error)      { return len(b), nil }
func (silentConn) Close() error                     { return nil }
func (silentConn) LocalAddr() net.Addr              { return nil }
func (silentConn) RemoteAddr() net.Addr             { return nil }
func (silentConn) SetDeadline(time.Time) error      { return nil }
func (silentConn) SetReadDeadline(time.Time) error  { return nil }
func (silentConn) SetWriteDeadline(time.Time) error { return nil }
