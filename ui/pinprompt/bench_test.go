package pinprompt

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"go.uber.org/goleak"

	"github.com/cardea-agent/cardea/agent/signin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "73920461"

var about = signin.About{Origin: "https://login.hospital.example:8443", Purpose: signin.ToSignIn,
	Holder: "Alex Morgan", Reader: "Reader 00 00", Lang: "en"}

// bench is a prompter whose Fyne goroutine and clock are the test's.
type bench struct {
	*Prompter
	t    *testing.T
	jobs chan func() // what would run on Fyne's goroutine
	log  bytes.Buffer

	room   int      // the screen's height
	timers []func() // set, and not yet run out

	forgets func() // the timer of a no that came too early
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, jobs: make(chan func(), 64)}
	b.Prompter = New(test.NewTempApp(t), func() int { return b.room }, slog.New(slog.NewTextHandler(&b.log, nil)))
	b.do = func(f func()) { b.jobs <- f }
	b.after = func(d time.Duration, f func()) {
		switch d {
		case guardTime:
			b.timers = append(b.timers, f)
		case declinedTime:
			b.forgets = f
		default:
			t.Errorf("a timer of %v", d)
		}
	}
	return b
}

// next runs one function of the queue, which someone is about to put there.
func (b *bench) next() {
	b.t.Helper()
	select {
	case f := <-b.jobs:
		f()
	case <-time.After(30 * time.Second):
		b.t.Fatal("nothing happened")
	}
}

// guardEnds lets the half second pass.
func (b *bench) guardEnds() {
	timers := b.timers
	b.timers = nil
	for _, f := range timers {
		f()
	}
}

type outcome struct {
	answer signin.PINAnswer
	err    error
}

// ask asks and waits until the question is shown.
func (b *bench) ask(d signin.Dialog, q signin.PINQuestion) chan outcome {
	b.t.Helper()
	done, before := make(chan outcome, 1), b.window.page
	ctx := b.t.Context()
	go func() {
		a, err := d.AskPIN(ctx, q)
		done <- outcome{a, err}
	}()
	b.until(func() bool { return b.window.page != nil && b.window.page != before })
	return done
}

// until runs what is queued until ok.
func (b *bench) until(ok func() bool) {
	b.t.Helper()
	for !ok() {
		b.next()
	}
}

func (b *bench) open() signin.Dialog {
	b.t.Helper()
	d, err := b.Open(b.t.Context(), about)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// end closes a dialog that has the window.
func (b *bench) end(d signin.Dialog) {
	d.Close()
	b.until(func() bool { return !b.window.visible })
}

func (b *bench) page() *pinPage { return b.window.page.(*pinPage) }

// types gives characters to what has the focus, each anew.
func (b *bench) types(s string) {
	c := b.window.win.Canvas()
	for _, r := range s {
		if f := c.Focused(); f != nil {
			f.TypedRune(r)
		} else {
			c.OnTypedRune()(r)
		}
	}
}

// presses presses and lets go of a key, as Fyne reports it.
func (b *bench) presses(k fyne.KeyName) {
	down, _ := b.window.win.Canvas().Focused().(desktop.Keyable)
	if down != nil {
		down.KeyDown(&fyne.KeyEvent{Name: k})
	}
	b.repeats(k)
	if down != nil {
		down.KeyUp(&fyne.KeyEvent{Name: k})
	}
}

// repeats is what is reported of a key that is held.
func (b *bench) repeats(k fyne.KeyName) {
	c, ev := b.window.win.Canvas(), &fyne.KeyEvent{Name: k}
	if f := c.Focused(); f != nil {
		f.TypedKey(ev)
	} else {
		c.OnTypedKey()(ev)
	}
}

func (b *bench) shown() string { return test.RenderToMarkup(b.window.win.Canvas()) }

func (b *bench) sees(texts ...string) {
	b.t.Helper()
	shown := b.shown()
	for _, s := range texts {
		if !strings.Contains(shown, s) {
			b.t.Errorf("%q is not shown", s)
		}
	}
}

func (b *bench) wantPIN(done chan outcome, want string) signin.PINAnswer {
	b.t.Helper()
	select {
	case o := <-done:
		if o.err != nil {
			b.t.Fatal(o.err)
		}
		var got string
		if err := o.answer.PIN.Use(func(pin []byte) error { got = string(pin); return nil }); err != nil {
			b.t.Fatal(err)
		}
		if got != want {
			b.t.Fatalf("PIN %q, want %q", got, want)
		}
		return o.answer
	case <-time.After(30 * time.Second):
		b.t.Fatal("no answer")
	}
	return signin.PINAnswer{}
}

func (b *bench) wantNone(done chan outcome) {
	b.t.Helper()
	select {
	case o := <-done:
		b.t.Fatalf("answered: %v", o.err)
	default:
	}
}
