package prompt

import (
	"context"
	"io"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
)

func TestTheTraySaysThatThePINIsAwaitedOnTheReader(t *testing.T) {
	path := socketPath(t)
	fake := newFake()
	shown := make(chan signin.PINQuestion)
	answers := make(chan error)
	fake.showKeypad = func(ctx context.Context, q signin.PINQuestion) error {
		shown <- q
		if !q.Wrong { // its page is taken away by the next, which answers
			<-ctx.Done()
			return ctx.Err()
		}
		return <-answers
	}
	server, _ := startServer(t, path, io.Discard)
	startTray(t, path, fake, io.Discard)
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ended := make(chan error, 1)
	ask := func(ctx context.Context, q signin.PINQuestion) {
		t.Helper()
		go func() { ended <- d.ShowKeypad(ctx, q) }()
		if got := <-shown; got != q {
			t.Errorf("the tray shows %+v, want %+v", got, q)
		}
	}
	first, typed := context.WithCancel(t.Context())
	ask(first, signin.PINQuestion{TriesLeft: signin.TriesUnknown})
	typed() // the card is asked, and refuses: the same window goes on
	if err := <-ended; err == nil {
		t.Error("a page that gave way is no answer of the person's")
	}
	ask(t.Context(), signin.PINQuestion{TriesLeft: 2, Wrong: true})
	answers <- &signin.Error{Code: signin.CodeCancelled}
	if err := <-ended; signin.CodeOf(err) != signin.CodeCancelled {
		t.Errorf("the person's no is %v", err)
	}
}

func TestTheTrayAsksForTheExtraYesAlone(t *testing.T) {
	path := socketPath(t)
	fake := newFake()
	question := signin.PINQuestion{TriesLeft: 1, LastTry: true}
	var said error
	fake.lastTry = func(_ context.Context, q signin.PINQuestion) error {
		if q != question {
			t.Errorf("the tray is asked %+v", q)
		}
		return said
	}
	server, _ := startServer(t, path, io.Discard)
	startTray(t, path, fake, io.Discard)
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.ConfirmLastTry(t.Context(), question); err != nil {
		t.Errorf("a yes is %v", err)
	}
	said = &signin.Error{Code: signin.CodeCancelled}
	if err := d.ConfirmLastTry(t.Context(), question); signin.CodeOf(err) != signin.CodeCancelled {
		t.Errorf("a no is %v", err)
	}
}
