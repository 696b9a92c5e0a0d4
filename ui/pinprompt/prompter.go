package pinprompt

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"fyne.io/fyne/v2"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
)

// guardTime is how long keys do not count in a window that just appeared.
const guardTime = 500 * time.Millisecond

// Prompter asks in the one window.
type Prompter struct {
	log *slog.Logger
	// do runs a function on Fyne's goroutine; after runs one there later.
	// Both are fields for the tests.
	do    func(func())
	after func(time.Duration, func())

	turn   *prompt.Turn // to have the window
	window *window      // touched on Fyne's goroutine alone
}

var _ signin.Prompter = (*Prompter)(nil)

// New makes a prompter and its window, which stays hidden. room tells how many
// pixels high the screen is, zero when that is not known. New is called on
// Fyne's goroutine, and so is room.
func New(app fyne.App, room func() int, log *slog.Logger) *Prompter {
	p := &Prompter{log: log, do: fyne.Do, turn: prompt.NewTurn()}
	p.after = func(d time.Duration, f func()) { time.AfterFunc(d, func() { p.do(f) }) }
	p.window = newWindow(app, room, log, func(d time.Duration, f func()) { p.after(d, f) })
	return p
}

// Warm does once what makes the first window slow, out of sight. It is called
// on Fyne's goroutine when the app has started.
func (p *Prompter) Warm() { p.window.warm() }

// Open begins a conversation. Its window appears with the first question.
func (p *Prompter) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	ctx, cancel := context.WithCancel(ctx)
	d := &dialog{prompter: p, about: about, ctx: ctx, cancel: cancel}
	context.AfterFunc(ctx, d.release)
	return d, nil
}

// dialog is one conversation. It has the window from its first question until
// its end.
type dialog struct {
	prompter *Prompter
	about    signin.About
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc

	mu   sync.Mutex // guards what follows
	has  bool       // the window
	over bool
}

// Close ends the conversation and hides its window.
func (d *dialog) Close() { d.cancel() }

// release gives the window to the next dialog, once.
func (d *dialog) release() {
	d.mu.Lock()
	has := d.has
	d.has, d.over = false, true
	d.mu.Unlock()
	if !has {
		return
	}
	p := d.prompter
	p.do(func() {
		p.window.hide()
		p.turn.Back() // after the hiding, so that it cannot hide the next one's
	})
}

// acquire waits for the window.
func (d *dialog) acquire(ctx context.Context) error {
	d.mu.Lock()
	has := d.has
	d.mu.Unlock()
	if has {
		return nil
	}
	settled := d.prompter.turn.Want()
	defer settled()
	select {
	case d.prompter.turn.C <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-d.ctx.Done():
		return context.Cause(d.ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over { // it ended while it waited
		d.prompter.turn.Back()
		return context.Canceled
	}
	d.has = true
	return nil
}

// result is what the person did.
type result struct {
	pin signin.PINAnswer
	key int
	err error
}

// ask shows a question in the window and waits. show is called on Fyne's
// goroutine and given where the answer goes; it answers once at most.
func (d *dialog) ask(ctx context.Context, show func(w *window, answer func(result))) result {
	began := time.Now()
	if err := d.acquire(ctx); err != nil {
		return result{err: err}
	}
	answers := make(chan result, 1)
	p := d.prompter
	p.do(func() {
		if d.ctx.Err() != nil {
			return
		}
		show(p.window, func(r result) {
			if d.ctx.Err() != nil {
				r.pin.PIN.Wipe() // nobody waits any more
				return
			}
			answers <- r
		})
		p.log.Info("window shown", "after", time.Since(began))
	})
	select {
	case r := <-answers:
		return r
	case <-ctx.Done():
	case <-d.ctx.Done():
	}
	d.Close()
	p.do(func() { // what was answered in the same moment
		select {
		case late := <-answers:
			late.pin.PIN.Wipe()
		default:
		}
	})
	if err := context.Cause(ctx); err != nil {
		return result{err: err}
	}
	return result{err: context.Cause(d.ctx)}
}

// AskPIN shows the PIN page and waits for OK, Cancel or an end.
func (d *dialog) AskPIN(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	r := d.ask(ctx, func(w *window, answer func(result)) { w.askPIN(d.about, q, answer) })
	return r.pin, r.err
}

// ChooseKey shows the list of keys and waits.
func (d *dialog) ChooseKey(ctx context.Context, choices []signin.KeyChoice) (int, error) {
	r := d.ask(ctx, func(w *window, answer func(result)) { w.chooseKey(d.about, choices, answer) })
	return r.key, r.err
}

// ShowSigning shows the signing page and follows the numbers until Stop or an
// end.
func (d *dialog) ShowSigning(ctx context.Context, total int, signed <-chan int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := d.ask(ctx, func(w *window, answer func(result)) {
		page := w.showSigning(d.about, total, answer)
		go func() {
			for {
				select {
				case n := <-signed:
					d.prompter.do(func() { page.bar.SetValue(float64(n)) })
				case <-ctx.Done():
					return
				}
			}
		}()
	})
	return r.err
}
