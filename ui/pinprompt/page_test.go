package pinprompt

import (
	"context"
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/cardea-agent/cardea/agent/signin"
)

func TestTheWindowShowsWhoAsksForWhatAndWhoseCardItIs(t *testing.T) {
	b := newBench(t)
	d := b.open()
	b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.sees(about.Origin, about.Holder, about.Reader, "Sign in with your smartcard", "Tries left: 3")
	b.end(d)
}

func TestANameFromACardOrAReaderCannotAddALineOfItsOwn(t *testing.T) {
	b := newBench(t)
	forged := about
	forged.Holder, forged.Reader = "Ann\nWebsite", "Reader\nTries left: 9"
	d, _ := b.Open(t.Context(), forged)
	b.ask(d, signin.PINQuestion{TriesLeft: 3})
	b.sees("Ann\uFFFDWebsite", "Reader\uFFFDTries left: 9")
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
