package pinprompt

import (
	"context"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/cardea-agent/cardea/agent/signin"
)

var batch = signin.About{
	Origin: "https://documents.hospital.example", Purpose: signin.ToSign, Items: 12, Holder: "Alex Morgan", Reader: "Reader A 00 00",
}

func TestThePINPageOfABatchSaysHowManyDocumentsAreSigned(t *testing.T) {
	for _, lang := range []string{"en", "cy"} {
		b := newBench(t)
		a := batch
		a.Lang = lang
		d, _ := b.Open(t.Context(), a)
		b.ask(d, signin.PINQuestion{TriesLeft: 3})
		b.sees(a.Origin, a.Holder, map[string]string{"en": "Sign documents with your smartcard", "cy": "Llofnodi dogfennau"}[lang], "12")
		b.picture(t, "sign-pin-"+lang)
		b.end(d)
	}
}

func TestABatchIsCountedInTheWindowAndTheKeyboardStopsIt(t *testing.T) {
	for name, stop := range map[string]func(*bench){
		"Escape":         func(b *bench) { b.presses(fyne.KeyEscape) },
		"Tab and Enter":  func(b *bench) { b.window.win.Canvas().FocusNext(); b.presses(fyne.KeyReturn) },
		"the window's x": func(b *bench) { b.window.cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			d, _ := b.Open(t.Context(), batch)
			done := b.ask(d, signin.PINQuestion{TriesLeft: 3})
			b.guardEnds()
			b.types(canary)
			b.presses(fyne.KeyReturn)
			b.wantPIN(done, canary)
			before := b.window.page
			numbers := make(chan int, 1)
			ended := make(chan error, 1)
			go func() { ended <- d.ShowSigning(t.Context(), 12, numbers) }()
			b.until(func() bool { return b.window.page != before })
			b.presses(fyne.KeyReturn) // still held from the PIN
			numbers <- 7
			page, _ := b.window.page.(*signingPage)
			b.until(func() bool { return page.bar.Value == 7 })
			b.sees("Signed: 7 of 12", batch.Origin, batch.Holder)
			b.picture(t, "sign-progress")
			select {
			case err := <-ended:
				t.Fatalf("it was stopped by the Enter of the PIN: %v", err)
			case <-time.After(10 * time.Millisecond):
			}
			stop(b)
			if err := <-ended; signin.CodeOf(err) != signin.CodeCancelled {
				t.Errorf("ended with %v", err)
			}
			b.end(d)
		})
	}
}

func TestTheWindowOfABatchGoesWithIt(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	d, _ := b.Open(ctx, batch)
	ended := make(chan error, 1)
	go func() { ended <- d.ShowSigning(ctx, 12, make(chan int)) }()
	b.until(func() bool { return b.window.visible })
	cancel()
	b.until(func() bool { return !b.window.visible })
	if err := <-ended; err == nil {
		t.Error("it ended well")
	}
}

func TestAPageThatWantsTheSigningCertificateIsNamed(t *testing.T) {
	b := newBench(t)
	d, _ := b.Open(t.Context(), signin.About{Origin: batch.Origin, Purpose: signin.ToShowCertificate})
	chosen := make(chan int, 1)
	go func() {
		n, _ := d.ChooseKey(context.Background(), []signin.KeyChoice{{Holder: "Alex Morgan", Issuer: "CA 1", Reader: "Reader A", Expiry: time.Unix(1819584000, 0)}})
		chosen <- n
	}()
	b.until(func() bool { return b.window.page != nil })
	b.sees("Show this website your signing", batch.Origin, "Nothing is signed", "Alex Morgan")
	b.picture(t, "sign-certificate")
	b.guardEnds()
	b.presses(fyne.KeyDown)
	b.presses(fyne.KeyReturn)
	if n := <-chosen; n != 0 {
		t.Errorf("chose %d", n)
	}
	b.end(d)
}

// picture keeps what the window shows where CARDEA_PICTURES names a folder.
func (b *bench) picture(t *testing.T, name string) {
	t.Helper()
	folder := os.Getenv("CARDEA_PICTURES")
	if folder == "" {
		return
	}
	f, err := os.Create(filepath.Join(folder, fmt.Sprint(name, ".png")))
	if err == nil {
		err = png.Encode(f, b.window.win.Canvas().Capture())
		_ = f.Close()
	}
	if err != nil {
		t.Error(err)
	}
}
