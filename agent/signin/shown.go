package signin

import (
	"context"
	"sync"
)

// progressSteps is how often a page hears of a long batch.
const progressSteps = 50

// shownSigning is a signing while the window shows what it waits for: the PIN on
// the reader, and how far a batch is. The person's no ends it, of a batch
// between two signatures.
type shownSigning struct {
	job    job
	card   Card
	dialog Dialog
	total  int

	ctx     context.Context // ends with the person's no
	cancel  context.CancelCauseFunc
	window  sync.WaitGroup
	typed   func()   // takes the page about the reader's keypad away
	numbers chan int // the newest number of signatures
}

// signShown lets the card sign and returns when the window shows nothing of it
// any more, but for the last page.
func signShown(ctx context.Context, j job, card Card, dialog Dialog, q PINQuestion, req CardSignRequest) ([][]byte, error) {
	s := &shownSigning{job: j, card: card, dialog: dialog, total: len(req.Digests), numbers: make(chan int, 1)}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	s.typed = func() {}
	if card.Keypad() {
		s.showKeypad(q)
	} else {
		s.started()
	}
	req.Signed = s.signed
	signatures, err := card.Sign(s.ctx, req)
	if err != nil && ctx.Err() == nil {
		err = closed(s.ctx, err)
	}
	s.typed()
	s.cancel(nil)
	s.window.Wait()
	return signatures, err
}

// started tells the page that the card signs.
func (s *shownSigning) started() {
	p := Progress{Phase: Signing}
	if s.total > 1 {
		p.Total = s.total
	}
	s.job.report(p)
}

// showKeypad shows that the PIN is awaited on the reader. Nobody would know it
// without a window, so one that cannot be shown ends the signing too.
func (s *shownSigning) showKeypad(q PINQuestion) {
	ctx, typed := context.WithCancel(s.ctx)
	s.typed = typed
	s.window.Go(func() {
		if err := s.dialog.ShowKeypad(ctx, q); err != nil && ctx.Err() == nil {
			s.cancel(err)
		}
	})
}

// signed is told of each signature. It must not wait.
func (s *shownSigning) signed(n int) {
	if n == 1 { // the PIN was right
		s.typed()
		if s.card.Keypad() {
			s.started()
		}
	}
	if s.total == 1 {
		return
	}
	if n == 1 {
		s.window.Go(func() {
			// A window that cannot show it is no reason to stop.
			if err := s.dialog.ShowSigning(s.ctx, s.total, s.numbers); err != nil && CodeOf(err) == CodeCancelled {
				s.cancel(err)
			}
		})
	}
	select {
	case <-s.numbers:
	default:
	}
	s.numbers <- n
	if n*progressSteps/s.total > (n-1)*progressSteps/s.total {
		s.job.report(Progress{Phase: Signing, Done: n, Total: s.total})
	}
}
