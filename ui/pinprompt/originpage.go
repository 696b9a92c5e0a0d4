package pinprompt

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

var _ prompt.OriginAsker = (*Prompter)(nil)

// originPage asks whether a site that no administrator listed may ask for
// sign-ins. The No has the focus.
type originPage struct {
	say     *translations.Catalogue
	whole   *sheet
	note    *note
	no, yes *button
	keys    keys
	fit     func()
}

func newOriginPage(say *translations.Catalogue, site, readable string, k keys, allow func()) *originPage {
	p := &originPage{say: say, note: newNote(), keys: k}
	p.no = newButton(say.Say(translations.OriginNo), k, k.cancel)
	p.no.Importance = widget.HighImportance
	p.yes = newButton(say.Say(translations.OriginYes), k, allow)
	known := [][2]fyne.CanvasObject{fact(say.Say(translations.PINWebsite), origin(site))}
	if readable != site {
		known = append(known, fact(say.Say(translations.OriginReads), origin(readable)))
	}
	p.whole = newSheet([]fyne.CanvasObject{
		heading(say.Say(translations.OriginTitle)),
		facts(known...),
		banner(theme.ColorNameWarning, say.Say(translations.OriginUnknown)),
		value(say.Say(translations.OriginMeans)),
	}, p.note.label, buttons(p.yes, p.no))
	p.note.say(say.Say(translations.PINNotReady), widget.MediumImportance)
	return p
}

func (p *originPage) content() *sheet       { return p.whole }
func (p *originPage) focus() fyne.Focusable { return p.no }
func (p *originPage) wipe()                 {}

// ready is called when keys and clicks count.
func (p *originPage) ready() {
	p.note.say(p.say.Say(translations.OriginLater), widget.MediumImportance)
	p.fit()
}

// strayRune and strayKey: no key but Escape does anything without the focus.
func (p *originPage) strayRune(rune)             {}
func (p *originPage) strayKey(ev *fyne.KeyEvent) { p.keys.handle(ev) }

// AskOrigin shows the page if nothing else has or wants the window, and gives it
// back when something does.
func (p *Prompter) AskOrigin(ctx context.Context, site, readable string) (allowed bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !p.turn.Try(func() { cancel(prompt.ErrGaveWay) }) {
		return false, prompt.ErrGaveWay
	}
	answers := make(chan bool, 1)
	p.do(func() {
		if ctx.Err() != nil {
			return
		}
		p.window.askOrigin(site, readable, func(yes bool) { answers <- yes })
		p.log.Info("window shown", "for", "a site")
	})
	select {
	case allowed = <-answers:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.do(func() {
		p.window.hide()
		p.turn.Back()
	})
	if e, ok := errors.AsType[*signin.Error](err); ok {
		return false, e
	}
	return allowed, err
}

func (w *window) askOrigin(site, readable string, answer func(yes bool)) {
	answered := false
	give := func(yes bool) {
		if !answered {
			answered = true
			answer(yes)
		}
	}
	p := newOriginPage(translations.For(""), site, readable, w.keys(), func() { give(true) })
	p.fit = func() { w.fit(p.whole) }
	w.present(p, func() { give(false) })
}
