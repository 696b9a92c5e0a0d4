package prompt

import (
	"context"
	"io"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
)

func TestTheTrayFollowsABatchAndStopsIt(t *testing.T) {
	path := socketPath(t)
	fake := newFake()
	seen := make(chan int)
	fake.showSigning = func(ctx context.Context, total int, signed <-chan int) error {
		if total != 250 {
			t.Errorf("the tray shows %d documents", total)
		}
		for {
			select {
			case n := <-signed:
				seen <- n
				if n == 9 {
					return &signin.Error{Code: signin.CodeCancelled}
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	fake.askPIN = answerWith(canary)
	var shown signin.About
	fake.open = func(_ context.Context, about signin.About) error { shown = about; return nil }
	server, _ := startServer(t, path, io.Discard)
	startTray(t, path, fake, io.Discard)
	batch := signin.About{Origin: "https://a.example", Purpose: signin.ToSign, Items: 250, Holder: "Anna", Reader: "R1"}
	d, err := server.Open(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	a, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 3}) // a batch begins with a PIN
	if err != nil {
		t.Fatal(err)
	}
	a.PIN.Wipe()
	if shown != batch {
		t.Errorf("the tray was shown %+v", shown)
	}
	numbers := make(chan int, 1)
	ended := make(chan error)
	go func() { ended <- d.ShowSigning(t.Context(), 250, numbers) }()
	for _, n := range []int{1, 5, 9} {
		numbers <- n
		if got := <-seen; got != n {
			t.Errorf("the tray shows %d, want %d", got, n)
		}
	}
	if err := <-ended; signin.CodeOf(err) != signin.CodeCancelled {
		t.Errorf("the person's stop is %v", err)
	}
}

func TestTheWindowOfABatchClosesWithIt(t *testing.T) {
	path := socketPath(t)
	fake := newFake()
	shown := make(chan struct{})
	fake.showSigning = func(ctx context.Context, _ int, _ <-chan int) error {
		close(shown)
		<-ctx.Done()
		return ctx.Err()
	}
	server, _ := startServer(t, path, io.Discard)
	startTray(t, path, fake, io.Discard)
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.ShowSigning(ctx, 2, make(chan int)) }()
	<-shown
	cancel()
	if err := <-ended; err == nil {
		t.Error("a batch that ended is no stop of the person's, and no success")
	}
	<-fake.closed
}
