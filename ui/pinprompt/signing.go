package pinprompt

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

// signingPage shows how far a batch of signatures is, and lets the person stop
// it between two.
type signingPage struct {
	say   *translations.Catalogue
	whole *sheet
	total int
	bar   *widget.ProgressBar
	stop  *button
	keys  keys
}

func newSigningPage(say *translations.Catalogue, about signin.About, total int, k keys) *signingPage {
	p := &signingPage{say: say, total: total, bar: widget.NewProgressBar(), keys: k}
	p.bar.Max = float64(total)
	p.bar.TextFormatter = func() string { return p.text(int(p.bar.Value)) }
	p.stop = newButton(say.Say(translations.SigningStop), k, k.cancel)
	p.whole = newSheet([]fyne.CanvasObject{
		heading(title(say, about.Purpose)),
		facts(
			fact(say.Say(translations.PINWebsite), origin(about.Origin)),
			fact(say.Say(translations.PINHolder), value(prompt.Printable(about.Holder))),
		),
		value(say.Say(translations.SigningLead)),
	}, p.bar, buttons(p.stop))
	return p
}

func (p *signingPage) text(n int) string {
	return p.say.Say(translations.SigningCount, "done", strconv.Itoa(n), "total", strconv.Itoa(p.total))
}

func (p *signingPage) content() *sheet            { return p.whole }
func (p *signingPage) focus() fyne.Focusable      { return nil } // Enter, still held from the PIN, must not stop it
func (p *signingPage) ready()                     {}
func (p *signingPage) strayRune(rune)             {}
func (p *signingPage) strayKey(ev *fyne.KeyEvent) { p.keys.handle(ev) }
func (p *signingPage) wipe()                      {}

func (w *window) showSigning(about signin.About, total int, answer func(result)) *signingPage {
	answer = once(answer)
	p := newSigningPage(translations.For(about.Lang), about, total, w.keys())
	w.present(p, func() { answer(result{err: &signin.Error{Code: signin.CodeCancelled}}) })
	return p
}
