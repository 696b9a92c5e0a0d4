package pinprompt

import (
	"log/slog"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

// page is what the window shows for one question.
type page interface {
	content() *sheet
	// focus is what gets the keys at first.
	focus() fyne.Focusable
	// ready is called when keys count. The others are called with each key
	// that nothing in the window had the focus for.
	ready()
	strayRune(r rune)
	strayKey(ev *fyne.KeyEvent)
	// wipe is called when the page is taken away, whatever the reason.
	wipe()
}

// window is the one window. All of it is touched on Fyne's goroutine alone.
type window struct {
	win   fyne.Window
	after func(time.Duration, func())
	room  func() int // the screen's height in pixels, zero when not known

	// declined is the origin whose person chose a key and then said no,
	// before the page for its PIN was there.
	declined string

	page    page
	cancel  func() // the person's no to the page, nil while none is possible
	visible bool
	counts  bool // keys count
	shows   int  // how often it appeared, to know a timer of an earlier time
	log     *slog.Logger
}

func newWindow(app fyne.App, room func() int, log *slog.Logger, after func(time.Duration, func())) *window {
	w := &window{win: app.NewWindow("Cardea"), room: room, after: after, log: log}
	if d, ok := w.win.(desktop.Window); ok {
		d.RequestAlwaysOnTop()
	}
	w.win.SetPadded(false)
	w.win.SetFixedSize(true)
	w.win.CenterOnScreen()
	w.win.SetCloseIntercept(func() {
		if w.cancel != nil {
			w.cancel()
		}
	})
	w.win.Canvas().SetOnTypedRune(func(r rune) {
		if w.page != nil {
			w.page.strayRune(r)
		}
	})
	w.win.Canvas().SetOnTypedKey(func(ev *fyne.KeyEvent) {
		if w.page != nil {
			w.page.strayKey(ev)
		}
	})
	return w
}

// warm creates the window and its fonts and textures without a person seeing
// more of it than a moment.
func (w *window) warm() {
	if w.visible {
		return
	}
	p := newPINPage(translations.For(""), signin.About{Origin: "https://"}, signin.PINQuestion{}, keys{func() bool { return false }, func() {}})
	p.fit = func() {}
	w.win.SetContent(p.content().whole)
	w.fit(p.content())
	w.win.Show()
	w.win.Hide()
}

// present shows a page, in place of the one before it. Keys begin to count half
// a second after the window appeared, not after each page: a person who answers
// a second question has seen the window.
func (w *window) present(p page, cancel func()) {
	if w.page != nil {
		w.page.wipe()
	}
	w.page, w.cancel = p, cancel
	w.win.SetContent(p.content().whole)
	w.fit(p.content())
	if !w.visible {
		w.appear()
	}
	w.win.Canvas().Focus(p.focus())
	if w.counts {
		w.ready()
	}
}

// ready lets keys count on the page that is shown.
func (w *window) ready() {
	w.page.ready()
	w.log.Info("keys count")
}

func (w *window) appear() {
	w.visible, w.counts = true, false
	w.shows++
	show := w.shows
	w.win.Show()
	w.win.CenterOnScreen() // shown again, Fyne puts it where it was
	w.win.RequestFocus()
	w.after(guardTime, func() {
		if !w.visible || w.shows != show {
			return
		}
		w.counts = true
		w.ready()
	})
}

// fit gives the window the size of a page, or of the screen if that is lower.
func (w *window) fit(s *sheet) {
	room := float32(w.room()) / w.win.Canvas().Scale()
	w.win.Resize(s.fit(room))
}

// hide takes the page away and hides the window.
func (w *window) hide() {
	if w.page != nil {
		w.page.wipe()
	}
	w.page, w.cancel, w.visible, w.counts = nil, nil, false, false
	w.win.Hide()
}

func (w *window) keys() keys {
	return keys{count: func() bool { return w.counts }, cancel: func() {
		if w.cancel != nil {
			w.cancel()
		}
	}}
}

// once makes an answer that is given at most one time.
func once(answer func(result)) func(result) {
	answered := false
	return func(r result) {
		if answered {
			r.pin.PIN.Wipe()
			return
		}
		answered = true
		answer(r)
	}
}

func (w *window) askPIN(about signin.About, q signin.PINQuestion, answer func(result)) {
	answer = once(answer)
	if w.takeNo(about.Origin) {
		answer(result{err: &signin.Error{Code: signin.CodeCancelled}})
		return
	}
	p := newPINPage(translations.For(about.Lang), about, q, w.keys())
	p.fit = func() { w.fit(p.whole) }
	p.submit = func() {
		w.cancel = nil // the card is asked: there is nothing to cancel
		answer(result{pin: signin.PINAnswer{PIN: signin.NewPIN(p.entry.take()), LastTry: p.lastTryYes()}})
		p.showChecking()
	}
	w.present(p, func() { answer(result{err: &signin.Error{Code: signin.CodeCancelled}}) })
}

// declinedTime is how long a no is kept for the page that it was too early for.
// The agent asks for the PIN as soon as the card told how many tries are left.
const declinedTime = 10 * time.Second

func (w *window) chooseKey(about signin.About, choices []signin.KeyChoice, answer func(result)) {
	answer = once(answer)
	p := newKeyPage(translations.For(about.Lang), about, choices, w.keys(), func(n int) {
		answer(result{key: n})
		w.cancel = func() { w.decline(about.Origin) }
	})
	w.present(p, func() { answer(result{err: &signin.Error{Code: signin.CodeCancelled}}) })
}

// takeNo reports whether the person of an origin said no before the page for
// the PIN was there.
func (w *window) takeNo(origin string) bool {
	declined := w.declined != "" && w.declined == origin
	if declined {
		w.declined = ""
	}
	return declined
}

// decline keeps a no that came after the key was chosen, when nobody waits for
// an answer, and takes the page away so that the person sees it was heard.
func (w *window) decline(origin string) {
	w.declined = origin
	w.hide()
	w.after(declinedTime, func() {
		if w.declined == origin {
			w.declined = ""
		}
	})
}
