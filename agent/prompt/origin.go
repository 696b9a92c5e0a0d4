package prompt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// An OriginAsker is a signin.Prompter that can also ask whether a site that no
// administrator listed may ask for sign-ins. It has its window only while no
// other conversation wants it: its error has the code CodeBusy otherwise.
type OriginAsker interface {
	// AskOrigin shows an origin, and as readable the same as people write it.
	// When ctx ends, the window closes.
	AskOrigin(ctx context.Context, origin, readable string) (allowed bool, err error)
}

var (
	_ OriginAsker = (*Server)(nil)
	_ OriginAsker = (*Terminal)(nil)
)

// ErrGaveWay is the cause of a question about a site that had to give its window
// to another conversation.
var ErrGaveWay = &signin.Error{Code: signin.CodeBusy, Err: errors.New("prompt: another window goes first")}

// AskOrigin asks through the newest tray. When that one goes away, the question
// has no answer: unlike a PIN, nobody waits for it.
func (s *Server) AskOrigin(ctx context.Context, origin, readable string) (allowed bool, err error) {
	soon, cancel := context.WithTimeout(ctx, trayWait)
	defer cancel()
	link, err := s.waitTray(soon)
	if err != nil {
		return false, ended(ctx, err)
	}
	id, dialog := s.number(), s.number()
	answered := link.expect(id)
	defer link.forget(id, answered)
	if err := link.write(kindAskOrigin, originQuestion{ID: id, Dialog: dialog, Origin: origin, Readable: readable}); err != nil {
		return false, ended(ctx, err)
	}
	r, err := link.wait(ctx, answered)
	if err != nil {
		_ = link.write(kindClose, closing{dialog})
		return false, ended(ctx, err)
	}
	switch {
	case r.kind == kindAllowed:
		return true, nil
	case r.kind == kindFailed && r.Code == signin.CodeCancelled:
		return false, nil
	case r.kind == kindFailed && r.Code == signin.CodeBusy:
		return false, ErrGaveWay
	}
	r.pin.Wipe()
	return false, failure(r)
}

// askOrigin hands the question to the tray's windows. A tray that has none for
// it says so, and no other question is touched.
func (l *agentLink) askOrigin(q originQuestion) {
	asker, ok := l.prompter.(OriginAsker)
	if !ok {
		l.fail(q.ID, &signin.Error{Code: signin.CodeNoPromptUI})
		return
	}
	d := &clientDialog{opened: make(chan struct{})}
	close(d.opened)
	d.ctx, d.cancel = context.WithCancel(l.ctx)
	l.mu.Lock()
	l.dialogs[q.Dialog] = d
	l.mu.Unlock()
	l.tasks.Go(func() {
		defer l.forget(q.Dialog, d)
		allowed, err := asker.AskOrigin(d.ctx, q.Origin, q.Readable)
		switch {
		case err != nil:
			l.fail(q.ID, err)
		case allowed:
			_ = l.write(kindAllowed, answer{ID: q.ID})
		default:
			l.fail(q.ID, &signin.Error{Code: signin.CodeCancelled})
		}
	})
}

// originGuard is how long keys do not count after the question appeared.
const originGuard = 500 * time.Millisecond

// AskOrigin asks in the terminal. Only the whole word is a yes.
func (t *Terminal) AskOrigin(ctx context.Context, origin, readable string) (allowed bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	if !t.turn.Try(func() { cancel(ErrGaveWay) }) {
		cancel(nil)
		return false, ErrGaveWay
	}
	d := t.dialog(ctx)
	defer cancel(nil) // and with it the dialog
	raw, err := openRaw(t.in)
	if err != nil {
		return false, &signin.Error{Code: signin.CodeNoPromptUI, Err: fmt.Errorf("prompt: terminal: %w", err)}
	}
	_ = raw.Close()
	fmt.Fprintf(t.out, "\nLet %s use your smartcard to sign you in?\n", Printable(origin))
	if readable != origin {
		fmt.Fprintf(t.out, "  It reads: %s\n", Printable(readable))
	}
	fmt.Fprintln(t.out, "  Your organisation has not listed this website. It asked just now; if you did not\n  mean to sign in there, the answer is no.")
	select {
	case <-time.After(originGuard): // what is typed meanwhile is dropped by readLine
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	var line [8]byte
	n, err := d.readLine(ctx, "Type yes to allow it, or press Enter for no: ", line[:], true)
	if e, ok := errors.AsType[*signin.Error](err); ok && e.Code == signin.CodeCancelled {
		return false, nil
	}
	return err == nil && string(line[:n]) == "yes", err
}
