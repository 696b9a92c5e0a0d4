package pinprompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

func TestTheNextDialogWaitsForTheWindow(t *testing.T) {
	b := newBench(t)
	first, second := b.open(), b.open()
	b.ask(first, signin.PINQuestion{TriesLeft: 3})
	firstPage := b.page()
	done := make(chan outcome, 1)
	go func() {
		a, err := second.AskPIN(context.Background(), signin.PINQuestion{TriesLeft: 2})
		done <- outcome{a, err}
	}()
	b.end(first)
	b.until(func() bool { return b.window.page != nil })
	if b.page() == firstPage {
		t.Fatal("the first page is still there")
	}
	b.sees("Tries left: 2")
	b.guardEnds()
	b.types(canary)
	b.presses(fyne.KeyReturn)
	b.wantPIN(done, canary)
	b.end(second)
}

func TestADialogThatEndsWhileItWaitsNeverShows(t *testing.T) {
	b := newBench(t)
	first := b.open()
	b.ask(first, signin.PINQuestion{TriesLeft: 3})
	ctx, cancel := context.WithCancel(t.Context())
	second, _ := b.Open(ctx, about)
	done := make(chan error, 1)
	go func() {
		_, err := second.AskPIN(ctx, signin.PINQuestion{TriesLeft: 2})
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	b.sees("Tries left: 3")
	b.end(first)
}

func TestThePINIsWipedOnEveryPathAndIsNowhereToBeSeen(t *testing.T) {
	b := newBench(t)
	d := b.open()
	done := b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.guardEnds()
	e := b.page().entry
	b.types(canary)
	shown := b.shown()
	var picture bytes.Buffer
	if err := png.Encode(&picture, b.window.win.Canvas().Capture()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(shown, canary) || strings.Contains(e.AccessibilityLabel(), canary) {
		t.Error("the PIN can be read")
	}
	if _, ok := any(e).(fyne.Shortcutable); ok {
		t.Error("the field takes shortcuts: copy and paste")
	}
	b.presses(fyne.KeyReturn)
	b.wantPIN(done, canary)
	if e.pin != [maxPIN]byte{} || e.n != 0 {
		t.Error("the field still holds it")
	}
	b.end(d)
	if strings.Contains(b.log.String(), canary) {
		t.Error("the PIN is in the log")
	}
}

func TestAnAnswerThatComesAfterTheEndIsWiped(t *testing.T) {
	b := newBench(t)
	d := b.open()
	done := b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.guardEnds()
	b.types(canary)
	p := b.page()
	d.Close() // and before the window is hidden, the person presses Enter
	<-done
	var sent []byte
	submit := p.submit
	p.submit = func() {
		sent = p.entry.pin[:]
		submit()
	}
	p.trySubmit()
	if sent == nil || !bytes.Equal(sent, make([]byte, maxPIN)) {
		t.Error("the field still holds the PIN")
	}
	b.until(func() bool { return !b.window.visible })
	for len(b.jobs) > 0 {
		b.next()
	}
}

// choose shows a page with two keys.
func (b *bench) choose(d signin.Dialog) chan int {
	b.t.Helper()
	choices := []signin.KeyChoice{
		{Holder: "Alex Morgan", Issuer: "CA 1", Expiry: time.Date(2027, 8, 30, 12, 0, 0, 0, time.UTC), Reader: "Reader A"},
		{Holder: "B\u202E", Issuer: "CA 2", Expiry: time.Date(2028, 1, 2, 12, 0, 0, 0, time.UTC), Reader: "Reader B"},
	}
	chosen := make(chan int, 1)
	go func() {
		n, err := d.ChooseKey(context.Background(), choices)
		if err != nil {
			n = -1
		}
		chosen <- n
	}()
	b.until(func() bool { return b.window.page != nil })
	return chosen
}

func TestAKeyIsChosenWithTheKeyboard(t *testing.T) {
	b := newBench(t)
	d := b.open()
	chosen := b.choose(d)
	b.sees(about.Origin, "Alex Morgan", "Issued by CA 1", "30/08/2027", "Reader A", "B\uFFFD")
	b.presses(fyne.KeyReturn) // too early
	b.guardEnds()
	b.presses(fyne.KeyReturn) // no key has the focus
	b.presses(fyne.KeyDown)
	b.window.win.Canvas().FocusNext()
	b.presses(fyne.KeyReturn)
	if n := <-chosen; n != 1 {
		t.Errorf("chose %d", n)
	}
	b.end(d)
}

func TestEnterThatIsHeldChoosesNoKey(t *testing.T) {
	for name, hold := range map[string]func(b *bench){
		"from before the window": func(b *bench) {
			b.repeats(fyne.KeyReturn)
			b.guardEnds()
			b.repeats(fyne.KeyReturn)
		},
		"as some systems report it, pressed anew": func(b *bench) {
			b.guardEnds()
			b.presses(fyne.KeyReturn)
			b.repeats(fyne.KeyEnter)
		},
		"while a key gets the focus": func(b *bench) {
			b.guardEnds()
			b.window.win.Canvas().FocusNext()
			b.repeats(fyne.KeyReturn)
			b.repeats(fyne.KeySpace)
		},
		"pressed on one key, held on the next": func(b *bench) {
			b.window.win.Canvas().FocusNext()
			b.presses(fyne.KeyReturn) // too early
			b.guardEnds()
			b.repeats(fyne.KeyReturn)
			b.window.win.Canvas().FocusNext()
			b.repeats(fyne.KeyReturn)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			d := b.open()
			chosen := b.choose(d)
			hold(b)
			select {
			case n := <-chosen:
				t.Errorf("chose %d", n)
			case <-time.After(20 * time.Millisecond): // nothing tells that nothing happens
			}
			b.end(d)
			if n := <-chosen; n != -1 {
				t.Errorf("chose %d", n)
			}
		})
	}
}

func TestANoAfterAKeyWasChosenIsHeardThoughNoPINWasAskedYet(t *testing.T) {
	for name, refuse := range map[string]func(b *bench){
		"cancel": func(b *bench) { b.presses(fyne.KeyEscape) },
		"window": func(b *bench) { b.window.cancel() }, // the test driver knows no intercept
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			d := b.open()
			chosen := b.choose(d)
			b.guardEnds()
			b.window.win.Canvas().FocusNext()
			b.presses(fyne.KeyReturn)
			if n := <-chosen; n != 0 {
				t.Fatalf("chose %d", n)
			}
			refuse(b)
			if b.window.visible {
				t.Error("the window stays")
			}
			d.Close()
			next := b.open()
			done := make(chan outcome, 1)
			go func() {
				a, err := next.AskPIN(context.Background(), signin.PINQuestion{TriesLeft: 3})
				done <- outcome{a, err}
			}()
			b.next() // the first lets go of the window
			b.next() // and the next is answered
			if o := <-done; signin.CodeOf(o.err) != signin.CodeCancelled || b.window.visible {
				t.Errorf("got %v, and the window is there: %v", o.err, b.window.visible)
			}
			next.Close()
			b.next()
			next = b.open()
			b.ask(next, signin.PINQuestion{TriesLeft: 3}) // one no is for one question
			b.end(next)
		})
	}
}

func TestANoThatNothingCameAfterIsForgotten(t *testing.T) {
	b := newBench(t)
	b.window.decline(about.Origin)
	b.window.decline("https://other.example")
	b.forgets()
	d := b.open()
	b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.end(d)
	if b.window.declined != "" {
		t.Errorf("%s is still declined", b.window.declined)
	}
}

func TestOnALowScreenThePINFieldAndTheButtonsStayInSight(t *testing.T) {
	b := newBench(t)
	b.room = 420
	d := b.open()
	b.ask(d, signin.PINQuestion{TriesLeft: 1, Wrong: true, LastTry: true})
	height := b.window.win.Canvas().Size().Height
	if height > 420 {
		t.Errorf("the window is %v high", height)
	}
	for name, o := range map[string]fyne.CanvasObject{"yes": b.page().lastTry, "field": b.page().entry, "OK": b.page().ok} {
		top := fyne.CurrentApp().Driver().AbsolutePositionForObject(o)
		if bottom := top.Y + o.Size().Height; top.Y < 0 || bottom > height {
			t.Errorf("%s is from %v to %v of %v", name, top.Y, bottom, height)
		}
	}
	b.end(d)
}

func TestEveryPageIsWholeInEveryLanguage(t *testing.T) {
	for _, lang := range []string{"en", "cy"} {
		for _, purpose := range []signin.Purpose{signin.ToSignIn, signin.ToResume, signin.ToSign} {
			t.Run(fmt.Sprint(lang, purpose), func(t *testing.T) {
				b := newBench(t)
				a := about
				a.Lang, a.Purpose = lang, purpose
				d, _ := b.Open(t.Context(), a)
				b.ask(d, signin.PINQuestion{TriesLeft: 1, Wrong: true, LastTry: true})
				say := translations.For(lang)
				b.sees(say.Say(translations.PINLabel), say.Say(translations.PINOk), say.Say(translations.PINCancel))
				page := b.page().content()
				if has, needs := page.scroll.Size().Height, page.upper.MinSize().Height; has < needs {
					t.Errorf("the upper part has %v and needs %v", has, needs)
				}
				b.end(d)
			})
		}
	}
}
