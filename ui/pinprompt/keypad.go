package pinprompt

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

// keypadPage is for a PIN that is typed on the reader. It takes none here, and
// what is typed all the same goes nowhere. confirm is set on the page that asks
// for the extra yes before the last try, and nil on the one that says where the
// PIN is awaited.
type keypadPage struct {
	whole   *sheet
	confirm *check
	goOn    *button
	keys    keys
}

func newKeypadPage(say *translations.Catalogue, about signin.About, q signin.PINQuestion, k keys, yes func()) *keypadPage {
	p := &keypadPage{keys: k}
	no := newButton(say.Say(translations.PINCancel), k, k.cancel)
	if yes != nil {
		p.goOn = newButton(say.Say(translations.PINContinue), k, func() { p.tryOn(yes) })
		p.goOn.Importance = widget.HighImportance
		p.goOn.Disable()
		p.confirm = newCheck(say.Say(lastTryYes(q)), k, func(checked bool) {
			if checked {
				p.goOn.Enable()
			} else {
				p.goOn.Disable()
			}
		})
		p.confirm.enter = func() { p.tryOn(yes) }
		p.whole = newSheet(pinRows(say, about, q), p.confirm, buttons(no, p.goOn))
		return p
	}
	awaited := heading(say.Say(translations.PINOnReader))
	p.whole = newSheet(pinRows(say, about, q),
		container.NewBorder(nil, nil, nil, triesLabel(say, q), awaited), buttons(no))
	return p
}

func (p *keypadPage) tryOn(yes func()) {
	if p.confirm.Checked {
		yes()
	}
}

func (p *keypadPage) content() *sheet            { return p.whole }
func (p *keypadPage) focus() fyne.Focusable      { return nil } // Enter, still held, must decide nothing
func (p *keypadPage) ready()                     {}
func (p *keypadPage) strayRune(rune)             {}
func (p *keypadPage) strayKey(ev *fyne.KeyEvent) { p.keys.handle(ev) }
func (p *keypadPage) wipe()                      {}

// showKeypad shows where the PIN is awaited, or asks for the extra yes where
// there is something to do with it.
func (w *window) showKeypad(about signin.About, q signin.PINQuestion, confirm bool, answer func(result)) {
	answer = once(answer)
	if w.takeNo(about.Origin) {
		answer(result{err: &signin.Error{Code: signin.CodeCancelled}})
		return
	}
	var yes func()
	if confirm {
		yes = func() {
			w.cancel = nil // the next page comes at once
			answer(result{})
		}
	}
	p := newKeypadPage(translations.For(about.Lang), about, q, w.keys(), yes)
	w.present(p, func() { answer(result{err: &signin.Error{Code: signin.CodeCancelled}}) })
}

// ConfirmLastTry asks for the extra yes alone and waits.
func (d *dialog) ConfirmLastTry(ctx context.Context, q signin.PINQuestion) error {
	return d.ask(ctx, func(w *window, answer func(result)) { w.showKeypad(d.about, q, true, answer) }).err
}

// ShowKeypad shows where the PIN is awaited, until Cancel or an end.
func (d *dialog) ShowKeypad(ctx context.Context, q signin.PINQuestion) error {
	return d.ask(ctx, func(w *window, answer func(result)) { w.showKeypad(d.about, q, false, answer) }).err
}
