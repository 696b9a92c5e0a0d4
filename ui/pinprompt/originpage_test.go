package pinprompt

import (
	"context"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

const (
	newSite = "https://xn--bcher-kva.hospital.example:8443"
	reads   = "https://bücher.hospital.example:8443"
)

type verdict struct {
	allowed bool
	err     error
}

// asksAbout asks about a site and waits until the question is shown.
func (b *bench) asksAbout(ctx context.Context, site, readable string) chan verdict {
	b.t.Helper()
	done := make(chan verdict, 1)
	go func() {
		allowed, err := b.AskOrigin(ctx, site, readable)
		done <- verdict{allowed, err}
	}()
	b.until(func() bool { _, ok := b.window.page.(*originPage); return ok })
	return done
}

func (b *bench) originPage() *originPage { return b.window.page.(*originPage) }

// wants takes the answer, and the end of the window.
func (b *bench) wants(done chan verdict, allowed bool) {
	b.t.Helper()
	b.until(func() bool { return !b.window.visible })
	if v := <-done; v.allowed != allowed || v.err != nil {
		b.t.Errorf("got %v, %v", v.allowed, v.err)
	}
}

func TestTheWindowShowsTheWholeOriginOfASiteThatNobodyListed(t *testing.T) {
	b := newBench(t)
	b.asksAbout(t.Context(), newSite, reads)
	b.sees(newSite, reads, "Let this website use", "has not listed this website", "One moment")
	b.guardEnds()
	b.sees("go back to the website")
	b.window.cancel()
	b.until(func() bool { return !b.window.visible })
	b.asksAbout(t.Context(), newSite, newSite)
	if strings.Contains(b.shown(), "Written as") {
		t.Error("a name is shown twice")
	}
	b.window.cancel()
	b.until(func() bool { return !b.window.visible })
}

func TestEnterIsANoToASite(t *testing.T) {
	b := newBench(t)
	done := b.asksAbout(t.Context(), newSite, newSite)
	if b.window.win.Canvas().Focused() != b.originPage().no {
		t.Error("the No has not the focus")
	}
	b.guardEnds()
	b.presses(fyne.KeyReturn)
	b.wants(done, false)
}

func TestEscapeAndTheClosingOfTheWindowAreNoToASite(t *testing.T) {
	for name, refuse := range map[string]func(*bench){
		"escape":            func(b *bench) { b.presses(fyne.KeyEscape) },
		"escape on nothing": func(b *bench) { b.window.win.Canvas().Unfocus(); b.presses(fyne.KeyEscape) },
		"no":                func(b *bench) { test.Tap(b.originPage().no) },
		"window":            func(b *bench) { b.window.cancel() }, // the test driver knows no intercept
		"no, then allow":    func(b *bench) { p := b.originPage(); test.Tap(p.no); test.Tap(p.yes) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			done := b.asksAbout(t.Context(), newSite, newSite)
			b.guardEnds()
			refuse(b)
			b.wants(done, false)
		})
	}
}

func TestAllowIsAYesAfterTheFirstHalfSecondAlone(t *testing.T) {
	for name, allow := range map[string]func(*bench){
		"click": func(b *bench) { test.Tap(b.originPage().yes) },
		"keys":  func(b *bench) { b.window.win.Canvas().Focus(b.originPage().yes); b.presses(fyne.KeySpace) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			done := b.asksAbout(t.Context(), newSite, newSite)
			allow(b)
			b.presses(fyne.KeyReturn)
			b.presses(fyne.KeyEscape)
			if len(done) > 0 || !b.window.visible {
				t.Fatal("it was answered too early")
			}
			b.guardEnds()
			b.repeats(fyne.KeyReturn) // held from before
			if len(done) > 0 {
				t.Fatal("a held key answers")
			}
			allow(b)
			b.wants(done, true)
		})
	}
}

func TestAPINGoesBeforeAQuestionAboutASite(t *testing.T) {
	b := newBench(t)
	done := b.asksAbout(t.Context(), newSite, newSite)
	b.guardEnds()
	d := b.open()
	asked := make(chan outcome, 1)
	go func() {
		a, err := d.AskPIN(context.Background(), signin.PINQuestion{TriesLeft: 3})
		asked <- outcome{a, err}
	}()
	b.until(func() bool { _, ok := b.window.page.(*pinPage); return ok })
	if v := <-done; v.allowed || signin.CodeOf(v.err) != signin.CodeBusy {
		t.Errorf("the question ended with %v, %v", v.allowed, v.err)
	}
	b.types("12") // meant for the other window
	if b.page().entry.n != 0 {
		t.Error("keys count at once in the PIN window")
	}
	if allowed, err := b.AskOrigin(t.Context(), newSite, newSite); allowed || !errors.Is(err, prompt.ErrGaveWay) {
		t.Errorf("asked while a PIN is: %v, %v", allowed, err)
	}
	b.guardEnds()
	b.types(canary)
	b.presses(fyne.KeyReturn)
	b.wantPIN(asked, canary)
	b.end(d)
	done = b.asksAbout(t.Context(), newSite, newSite) // the window is free again
	b.window.cancel()
	b.wants(done, false)
}

func TestTheWindowAboutASiteGoesWithItsQuestion(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	done := b.asksAbout(ctx, newSite, newSite)
	cancel(context.DeadlineExceeded)
	b.until(func() bool { return !b.window.visible })
	if v := <-done; v.allowed || !errors.Is(v.err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v", v.allowed, v.err)
	}
}

// In every language the page fits into the window's width. With
// CARDEA_PICTURES its pictures are kept in that folder.
func TestTheQuestionAboutASiteIsReadableInEveryLanguage(t *testing.T) {
	for _, lang := range []string{"en", "cy"} {
		b := newBench(t)
		p := newOriginPage(translations.For(lang), newSite, reads, b.window.keys(), func() {})
		p.fit = func() { b.window.fit(p.whole) }
		b.window.present(p, func() {})
		b.guardEnds()
		if size := b.window.win.Canvas().Size(); size.Width > pageWidth+1 || size.Height > 600 {
			t.Errorf("%s: the window is %v", lang, size)
		}
		if folder := os.Getenv("CARDEA_PICTURES"); folder != "" {
			file, err := os.Create(filepath.Join(folder, "origin-"+lang+".png"))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(png.Encode(file, b.window.win.Canvas().Capture()), file.Close()); err != nil {
				t.Fatal(err)
			}
		}
		b.window.hide()
	}
}
