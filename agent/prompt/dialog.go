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

// Open waits up to three seconds for a tray to connect. Its window appears with
// the first question: one message less to wait for.
func (s *Server) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	wait, cancel := context.WithTimeout(ctx, trayWait)
	defer cancel()
	if _, err := s.waitTray(wait); err != nil {
		return nil, ended(ctx, err)
	}
	d := &serverDialog{server: s, number: s.number(), about: about}
	d.stop = context.AfterFunc(ctx, d.hide)
	return d, nil
}

// call asks a question of the dialog, again when it had to move. question makes
// the message that carries the answer's number.
func (d *serverDialog) call(ctx context.Context, k kind, want kind, question func(id uint64) any) (reply, error) {
	for {
		d.mu.Lock()
		link, closed := d.link, d.closed
		d.mu.Unlock()
		if closed {
			return reply{}, errClosed
		}
		r, err := d.ask(ctx, link, k, question)
		switch {
		case errors.Is(err, errTrayGone):
			continue
		case err != nil:
			if k != kindShowKeypad { // that page gives way to the next
				d.hide() // nobody waits for what would be typed
			}
			return reply{}, ended(ctx, err)
		case r.kind != want:
			r.pin.Wipe()
			return reply{}, failure(r)
		}
		return r, nil
	}
}

var errClosed = &signin.Error{Code: signin.CodeCancelled, Err: errors.New("prompt: the dialog is closed")}

// ask asks once, through the tray that shows the dialog. Where none does, link
// is nil and the question goes out together with the opening. It fails with
// errTrayGone when another tray has to be tried.
func (d *serverDialog) ask(ctx context.Context, link *trayLink, k kind, question func(id uint64) any) (r reply, err error) {
	soon, cancel := context.WithTimeout(ctx, trayWait)
	defer cancel()
	isOpen := link != nil
	if !isOpen {
		if link, err = d.server.waitTray(soon); err != nil {
			return reply{}, err
		}
	}
	defer func() {
		if errors.Is(err, errTrayGone) {
			d.lose(link)
		}
	}()
	id := d.server.number()
	frame, err := marshal(k, question(id))
	if err != nil {
		return reply{}, err
	}
	answered := link.expect(id)
	defer link.forget(id, answered)
	if isOpen {
		err = link.send(frame)
	} else {
		err = d.open(soon, link, frame)
	}
	if err != nil {
		return reply{}, err
	}
	return link.wait(ctx, answered)
}

// open opens the dialog in a tray and asks its first question there. It returns
// when the tray says that it is open.
func (d *serverDialog) open(ctx context.Context, link *trayLink, question []byte) error {
	d.mu.Lock()
	d.moves++
	tooMany := d.moves > maxMoves
	d.mu.Unlock()
	if tooMany {
		return fmt.Errorf("prompt: %d trays went away while they showed a window", maxMoves)
	}
	id, a := d.server.number(), d.about
	frame, err := marshal(kindOpen, opening{
		ID: id, Dialog: d.number, Origin: a.Origin, Purpose: a.Purpose, Items: a.Items, Holder: a.Holder, Reader: a.Reader, Lang: a.Lang})
	if err != nil {
		return err
	}
	opened := link.expect(id)
	defer link.forget(id, opened)
	if err := link.send(append(frame, question...)); err != nil {
		return err
	}
	r, err := link.wait(ctx, opened)
	switch {
	case errors.Is(err, errTrayGone):
		return err
	case err == nil && r.kind != kindOpened:
		r.pin.Wipe()
		return failure(r)
	case err == nil && d.shownBy(link):
		return nil
	case err == nil:
		err = errClosed
	}
	_ = link.write(kindClose, closing{d.number}) // it may show it, now or later
	return err
}

// shownBy notes which tray shows the dialog; false when it was closed meanwhile.
func (d *serverDialog) shownBy(link *trayLink) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.link = link
	}
	return !d.closed
}

// lose lets go of a tray that is gone. The server finds out a moment later:
// without this the same dead one would be tried again at once.
func (d *serverDialog) lose(link *trayLink) {
	d.server.dropTray(link)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.link = nil
}

// AskPIN asks for the PIN. When ctx ends, the window closes.
func (d *serverDialog) AskPIN(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	r, err := d.call(ctx, kindAskPIN, kindPINFollows, d.pinQuestion(q))
	if err != nil {
		return signin.PINAnswer{}, err
	}
	return signin.PINAnswer{PIN: r.pin, LastTry: r.LastTry}, nil
}

func (d *serverDialog) pinQuestion(q signin.PINQuestion) func(id uint64) any {
	return func(id uint64) any {
		return pinQuestion{ID: id, Dialog: d.number, TriesLeft: q.TriesLeft, Wrong: q.Wrong, LastTry: q.LastTry}
	}
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
