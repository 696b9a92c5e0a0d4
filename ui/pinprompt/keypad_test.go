package pinprompt

import (
	"testing"

	"fyne.io/fyne/v2"

	"github.com/cardea-agent/cardea/agent/signin"
)

// asks puts a question about the keypad and waits for its page.
func (b *bench) asks(question func() error) (*keypadPage, chan error) {
	b.t.Helper()
	before := b.window.page
	ended := make(chan error, 1)
	go func() { ended <- question() }()
	b.until(func() bool { return b.window.page != nil && b.window.page != before })
	page, ok := b.window.page.(*keypadPage)
	if !ok {
		b.t.Fatalf("the page is a %T", b.window.page)
	}
	return page, ended
}

func TestAPINForTheReaderIsNotTypedIntoTheWindow(t *testing.T) {
	for lang, want := range map[string]string{"en": "Enter your PIN on the reader.", "cy": "Rhowch eich PIN ar y darllenydd."} {
		b := newBench(t)
		a := about
		a.Lang = lang
		d, _ := b.Open(t.Context(), a)
		_, ended := b.asks(func() error { return d.ShowKeypad(t.Context(), signin.PINQuestion{TriesLeft: signin.TriesUnknown}) })
		b.guardEnds()
		b.sees(about.Origin, about.Holder, about.Reader, want)
		b.picture(t, "keypad-"+lang)
		b.types(canary)
		b.presses(fyne.KeyReturn)
		select {
		case err := <-ended:
			t.Errorf("keys ended it: %v", err)
		default:
		}
		b.presses(fyne.KeyEscape)
		if err := <-ended; signin.CodeOf(err) != signin.CodeCancelled {
			t.Errorf("Escape is %v", err)
		}
		b.end(d)
	}
}

func TestTheExtraYesComesBeforeTheReaderIsAsked(t *testing.T) {
	for text, q := range map[string]signin.PINQuestion{
		"This is your last try":                         {TriesLeft: 1, LastTry: true},
		"does not tell how many tries are left":         {TriesLeft: signin.TriesUnknown, LastTry: true},
		"That PIN was not right. This is your last try": {TriesLeft: 1, Wrong: true, LastTry: true},
	} {
		b := newBench(t)
		d := b.open()
		page, ended := b.asks(func() error { return d.ConfirmLastTry(t.Context(), q) })
		b.guardEnds()
		b.sees(text)
		page.goOn.OnTapped() // without the yes
		b.window.win.Canvas().Focus(page.confirm)
		select {
		case err := <-ended:
			t.Fatalf("it went on without a yes: %v", err)
		default:
		}
		b.types(" ")
		b.presses(fyne.KeyReturn)
		if err := <-ended; err != nil {
			t.Fatalf("a yes is %v", err)
		}
		_, awaited := b.asks(func() error { return d.ShowKeypad(t.Context(), q) })
		b.sees("Enter your PIN on the reader.")
		b.window.cancel()
		if err := <-awaited; signin.CodeOf(err) != signin.CodeCancelled {
			t.Errorf("the window's x is %v", err)
		}
		b.end(d)
	}
}

func TestACardThatDoesNotTellItsTriesIsNotSaidToHaveOneLeft(t *testing.T) {
	b := newBench(t)
	d := b.open()
	b.ask(d, signin.PINQuestion{TriesLeft: signin.TriesUnknown, Wrong: true, LastTry: true})
	b.sees("That PIN was not right. This card does not tell", "I know that my card may be blocked")
	b.end(d)
}
