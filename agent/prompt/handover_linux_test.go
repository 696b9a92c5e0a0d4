package prompt

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

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
	s, _ := startServer(t, path, &safeBuffer{})
	tray := dialRaw(t, path)
	tray.hello()
	type outcome struct {
		dialog signin.Dialog
		err    error
	}
	opened := make(chan outcome, 1)
	go func() {
		d, err := s.Open(t.Context(), about)
		opened <- outcome{d, err}
	}()
	var o opening
	tray.expect(kindOpen, &o)
	tray.send(kindOpened, answer{ID: o.ID})
	r := <-opened
	if r.err != nil {
		t.Fatal(r.err)
	}
	d := r.dialog.(*serverDialog)
	// The tray that showed it is lost, and the request ends while the next
	// one opens the window.
	d.mu.Lock()
	d.link = nil
	d.mu.Unlock()
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		_, _ = d.shown(t.Context())
	}()
	tray.expect(kindOpen, &o)
	d.hide()
	tray.send(kindOpened, answer{ID: o.ID})
	<-moved
	d.Close()
	var c closing
	tray.expect(kindClose, &c)
	if c.Dialog != d.number {
		t.Errorf("dialog %d was closed, want %d", c.Dialog, d.number)
	}
}
