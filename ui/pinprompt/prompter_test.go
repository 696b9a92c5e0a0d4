package pinprompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"log/slog"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"go.uber.org/goleak"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
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

	timers []func() // set, and not yet run out
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, jobs: make(chan func(), 64)}
	b.Prompter = New(test.NewTempApp(t), slog.New(slog.NewTextHandler(&b.log, nil)))
	b.do = func(f func()) { b.jobs <- f }
	b.after = func(d time.Duration, f func()) {
		if d != guardTime {
			t.Errorf("a timer of %v", d)
		}
		b.timers = append(b.timers, f)
	}
	return b
}

// next runs one function of the queue, which someone is about to put there.
func (b *bench) next() {
	b.t.Helper()
	select {
	case f := <-b.jobs:
		f()
	case <-time.After(5 * time.Second):
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

func (b *bench) presses(k fyne.KeyName) {
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
	case <-time.After(5 * time.Second):
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

func TestTheWindowShowsWhoAsksForWhatAndWhoseCardItIs(t *testing.T) {
	b := newBench(t)
	d := b.open()
	b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.sees(about.Origin, about.Holder, about.Reader, "Sign in with your smartcard", "Tries left: 3")
	b.end(d)
}

func TestALongOriginIsShownWhole(t *testing.T) {
	b := newBench(t)
	long := about
	long.Origin = "https://" + strings.Repeat("a23456789.", 24) + "example:65535"
	d, _ := b.Open(t.Context(), long)
	b.ask(d, signin.PINQuestion{TriesLeft: 3})
	shown := ""
	for line := range strings.SplitSeq(b.shown(), "\n") {
		if _, rest, ok := strings.Cut(line, "<text bold"); ok {
			_, text, _ := strings.Cut(rest, ">")
			text, _, _ = strings.Cut(text, "</text>")
			shown += text
		}
	}
	if !strings.Contains(shown, long.Origin) {
		t.Errorf("of %q only this is shown: %q", long.Origin, shown)
	}
	if size := b.window.win.Canvas().Size(); size.Width > pageWidth+1 {
		t.Errorf("the window is %v wide", size.Width)
	}
	b.end(d)
}

func TestKeysOfTheFirstHalfSecondDoNotCountAndTheWindowSaysSo(t *testing.T) {
	b := newBench(t)
	d := b.open()
	done := b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.sees("One moment")
	b.types("9876")
	b.presses(fyne.KeyReturn)
	b.presses(fyne.KeyEscape)
	b.sees("Please type your PIN again")
	if b.page().entry.n != 0 {
		t.Error("keys were taken")
	}
	b.guardEnds()
	b.sees("Please type your PIN again")
	b.types(canary)
	if strings.Contains(b.shown(), "Please type") {
		t.Error("it still complains")
	}
	b.presses(fyne.KeyEnter)
	b.wantPIN(done, canary)
	b.end(d)
}

func TestTheGuardOfAnEarlierWindowDoesNotEndThisOnes(t *testing.T) {
	b := newBench(t)
	first := b.open()
	b.ask(first, signin.PINQuestion{TriesLeft: 3})
	b.end(first)
	old := b.timers
	b.timers = nil
	second := b.open()
	b.ask(second, signin.PINQuestion{TriesLeft: 3})
	for _, f := range old {
		f()
	}
	b.types("1234")
	if b.page().entry.n != 0 {
		t.Error("keys count too early")
	}
	b.end(second)
}

func TestAWrongPINAsksAgainInTheSameWindowWithTheNewCount(t *testing.T) {
	b := newBench(t)
	d := b.open()
	done := b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.guardEnds()
	b.types("1111")
	b.presses(fyne.KeyReturn)
	b.wantPIN(done, "1111")
	b.sees("Checking with your card")
	b.types("5")
	if b.window.win.Canvas().Focused() != nil && b.page().entry.n != 0 {
		t.Error("keys are taken while the card is asked")
	}
	done = b.ask(d, signin.PINQuestion{TriesLeft: 2, Wrong: true})
	b.sees("That PIN was not right. Tries left: 2")
	b.types(canary) // no second half second: the person saw this window
	b.presses(fyne.KeyReturn)
	b.wantPIN(done, canary)
	b.end(d)
	if b.window.visible {
		t.Error("the window is still there")
	}
}

func TestTheLastTryNeedsAnExtraYes(t *testing.T) {
	b := newBench(t)
	d := b.open()
	done := b.ask(d, signin.PINQuestion{TriesLeft: 1, LastTry: true})
	b.guardEnds()
	b.sees("This is your last try")
	b.types(canary)
	b.presses(fyne.KeyReturn)
	test.Tap(b.page().ok)
	b.wantNone(done)
	b.sees("Tick the box")
	b.window.win.Canvas().Focus(b.page().lastTry)
	b.types(" ")
	b.presses(fyne.KeyReturn)
	if a := b.wantPIN(done, canary); !a.LastTry {
		t.Error("the answer carries no yes")
	}
	b.end(d)
}

func TestAPINThatIsTooShortIsNotSent(t *testing.T) {
	b := newBench(t)
	d := b.open()
	done := b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.guardEnds()
	b.types("123")
	b.presses(fyne.KeyReturn)
	b.wantNone(done)
	b.sees("at least 4")
	b.end(d)
	if o := <-done; !errors.Is(o.err, context.Canceled) {
		t.Errorf("ended with %v", o.err)
	}
}

func TestKeysThatCannotBeTakenAreNotLostSilently(t *testing.T) {
	b := newBench(t)
	d := b.open()
	done := b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.guardEnds()
	b.types("12é")
	b.sees("cannot be part of a PIN")
	b.types(strings.Repeat("3", maxPIN-2))
	b.types("4")
	b.sees("cannot be longer")
	b.presses(fyne.KeyBackspace)
	b.presses(fyne.KeyReturn)
	b.wantPIN(done, "12"+strings.Repeat("3", maxPIN-3))
	b.end(d)
}

func TestADigitTypedAfterAClickBesideTheFieldIsNotLost(t *testing.T) {
	b := newBench(t)
	d := b.open()
	done := b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.guardEnds()
	b.types("12")
	b.window.win.Canvas().Unfocus()
	b.types("34")
	b.presses(fyne.KeyReturn)
	b.wantPIN(done, "1234")
	b.end(d)
}

func TestEscapeAndCancelAndTheClosingOfTheWindowAreNo(t *testing.T) {
	for name, refuse := range map[string]func(*bench){
		"escape":           func(b *bench) { b.presses(fyne.KeyEscape) },
		"cancel":           func(b *bench) { test.Tap(b.page().no) },
		"escape on button": func(b *bench) { b.window.win.Canvas().Focus(b.page().no); b.presses(fyne.KeyEscape) },
		"window":           func(b *bench) { b.window.win.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			d := b.open()
			done := b.ask(d, signin.PINQuestion{TriesLeft: 3})
			b.guardEnds()
			b.types("12")
			if name == "window" {
				b.window.cancel() // the test driver knows no intercept
			} else {
				refuse(b)
			}
			if o := <-done; signin.CodeOf(o.err) != signin.CodeCancelled {
				t.Errorf("ended with %v", o.err)
			}
			e := b.page().entry
			b.end(d)
			if e.pin != [maxPIN]byte{} {
				t.Error("the PIN was not wiped")
			}
		})
	}
}

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

func TestAKeyIsChosenWithTheKeyboard(t *testing.T) {
	b := newBench(t)
	d := b.open()
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
	b.sees(about.Origin, "Alex Morgan", "Issued by CA 1", "30/08/2027", "Reader A", "B\uFFFD")
	b.presses(fyne.KeyReturn) // too early
	b.guardEnds()
	test.FocusNext(b.window.win.Canvas())
	b.presses(fyne.KeyReturn)
	if n := <-chosen; n != 1 {
		t.Errorf("chose %d", n)
	}
	b.end(d)
}

func TestEveryPageIsWholeInEveryLanguage(t *testing.T) {
	for _, lang := range []string{"en", "cy"} {
		for _, purpose := range []signin.Purpose{signin.ToSignIn, signin.ToResume} {
			t.Run(fmt.Sprint(lang, purpose), func(t *testing.T) {
				b := newBench(t)
				a := about
				a.Lang, a.Purpose = lang, purpose
				d, _ := b.Open(t.Context(), a)
				b.ask(d, signin.PINQuestion{TriesLeft: 1, Wrong: true, LastTry: true})
				say := translations.For(lang)
				b.sees(say.Say(translations.PINLabel), say.Say(translations.PINOk), say.Say(translations.PINCancel))
				size, least := b.window.win.Canvas().Size(), b.window.win.Content().MinSize()
				if size.Height < least.Height {
					t.Errorf("the window is %v high and needs %v", size.Height, least.Height)
				}
				b.end(d)
			})
		}
	}
}
