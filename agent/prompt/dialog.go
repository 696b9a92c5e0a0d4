package prompt

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// serverDialog is one conversation, which outlives the tray that shows it: when
// that one goes away, the next one is asked the same again.
type serverDialog struct {
	server *Server
	number uint64
	about  signin.About
	stop   func() bool // takes the close at the context's end back

	mu     sync.Mutex // guards what follows; never held during I/O
	link   *trayLink  // the tray that shows it, nil while none does
	moves  int
	closed bool
}

// Open begins a conversation in the newest tray, and waits up to three seconds
// for one to connect and show it.
func (s *Server) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	d := &serverDialog{server: s, number: s.number(), about: about}
	if _, err := d.shown(ctx); err != nil {
		d.Close()
		return nil, err
	}
	d.stop = context.AfterFunc(ctx, d.hide)
	return d, nil
}

// shown returns the tray that shows the dialog, after moving it to another one
// if it has to.
func (d *serverDialog) shown(ctx context.Context) (*trayLink, error) {
	wait, cancel := context.WithTimeout(ctx, trayWait)
	defer cancel()
	for {
		d.mu.Lock()
		link, closed := d.link, d.closed
		d.mu.Unlock()
		if closed {
			return nil, &signin.Error{Code: signin.CodeCancelled, Err: errors.New("prompt: the dialog is closed")}
		}
		if link != nil {
			return link, nil
		}
		if err := d.show(wait); err != nil && !errors.Is(err, errTrayGone) {
			return nil, ended(ctx, err)
		}
	}
}

// show opens the dialog in the tray that is there.
func (d *serverDialog) show(ctx context.Context) error {
	link, err := d.server.waitTray(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.moves++
	tooMany := d.moves > maxMoves
	d.mu.Unlock()
	if tooMany {
		return fmt.Errorf("prompt: %d trays went away while they showed a window", maxMoves)
	}
	id := d.server.number()
	a := d.about
	r, err := link.call(ctx, id, kindOpen, opening{
		ID: id, Dialog: d.number, Origin: a.Origin, Purpose: a.Purpose, Items: a.Items, Holder: a.Holder, Reader: a.Reader, Lang: a.Lang})
	if errors.Is(err, errTrayGone) {
		// The server finds out a moment later: without this the same dead
		// link would be tried again at once.
		d.server.dropTray(link)
		return err
	}
	if err != nil {
		_ = link.write(kindClose, closing{d.number}) // it may yet show it
		return err
	}
	if r.kind != kindOpened {
		r.pin.Wipe()
		return failure(r)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.link = link
	return nil
}

// call asks a question of the dialog, again when it had to move. question makes
// the message that carries the answer's number.
func (d *serverDialog) call(ctx context.Context, k kind, want kind, question func(id uint64) any) (reply, error) {
	for {
		link, err := d.shown(ctx)
		if err != nil {
			return reply{}, err
		}
		id := d.server.number()
		r, err := link.call(ctx, id, k, question(id))
		switch {
		case errors.Is(err, errTrayGone):
			d.server.dropTray(link)
			d.mu.Lock()
			d.link = nil
			d.mu.Unlock()
		case err != nil:
			d.hide() // nobody waits for what would be typed
			return reply{}, ended(ctx, err)
		case r.kind != want:
			r.pin.Wipe()
			return reply{}, failure(r)
		default:
			return r, nil
		}
	}
}

// AskPIN asks for the PIN. When ctx ends, the window closes.
func (d *serverDialog) AskPIN(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	r, err := d.call(ctx, kindAskPIN, kindPINFollows, func(id uint64) any {
		return pinQuestion{ID: id, Dialog: d.number, TriesLeft: q.TriesLeft, Wrong: q.Wrong, LastTry: q.LastTry}
	})
	if err != nil {
		return signin.PINAnswer{}, err
	}
	return signin.PINAnswer{PIN: r.pin, LastTry: r.LastTry}, nil
}

// ChooseKey lets the person choose. When ctx ends, the window closes.
func (d *serverDialog) ChooseKey(ctx context.Context, keys []signin.KeyChoice) (int, error) {
	choices := make([]keyChoice, len(keys))
	for i, k := range keys {
		choices[i] = keyChoice{Holder: k.Holder, Issuer: k.Issuer, Expiry: k.Expiry.Truncate(time.Second), Reader: k.Reader}
	}
	r, err := d.call(ctx, kindChooseKey, kindChosen, func(id uint64) any {
		return keyQuestion{ID: id, Dialog: d.number, Keys: choices}
	})
	if err != nil {
		return 0, err
	}
	if r.Key < 0 || r.Key >= len(keys) {
		return 0, &signin.Error{Code: signin.CodeInternal, Err: fmt.Errorf("prompt: the tray chose key %d of %d", r.Key, len(keys))}
	}
	return r.Key, nil
}

// ShowSigning shows how far a batch is. When ctx ends, the window closes.
func (d *serverDialog) ShowSigning(ctx context.Context, total int, numbers <-chan int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			select {
			case n := <-numbers:
				d.mu.Lock()
				link := d.link
				d.mu.Unlock()
				if link != nil {
					_ = link.write(kindSigned, signed{d.number, n})
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	_, err := d.call(ctx, kindShowSigning, "", func(id uint64) any {
		return signingQuestion{ID: id, Dialog: d.number, Total: total}
	})
	return err
}

// Close ends the conversation and its window.
func (d *serverDialog) Close() {
	if d.stop != nil {
		d.stop()
	}
	d.hide()
}

func (d *serverDialog) hide() {
	d.mu.Lock()
	link := d.link
	d.closed, d.link = true, nil
	d.mu.Unlock()
	if link != nil {
		_ = link.write(kindClose, closing{d.number})
	}
}

// ended is the error of a wait that ended early: the request's own end, or
// that nothing could ask.
func ended(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*signin.Error](err); ok {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &signin.Error{Code: signin.CodeNoPromptUI, Err: err}
}

// failure is the error of an answer that is not the one awaited. Only the
// person's no is taken over from the tray.
func failure(r reply) error {
	if r.kind == kindFailed && r.Code == signin.CodeCancelled {
		return &signin.Error{Code: signin.CodeCancelled}
	}
	return &signin.Error{Code: signin.CodeNoPromptUI, Err: fmt.Errorf("prompt: the tray answered %q %q", r.kind, string(r.Code))}
}
