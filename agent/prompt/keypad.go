package prompt

import (
	"context"

	"github.com/cardea-agent/cardea/agent/signin"
)

// What is asked where the PIN is typed on the reader. No PIN comes back.

func (q pinQuestion) question() signin.PINQuestion {
	return signin.PINQuestion{TriesLeft: q.TriesLeft, Wrong: q.Wrong, LastTry: q.LastTry}
}

// askAboutKeypad puts one of the two questions where no PIN is typed here.
func (l *agentLink) askAboutKeypad(k kind, d *clientDialog, q pinQuestion) {
	show := d.dialog.ShowKeypad
	if k == kindAskLastTry {
		show = d.dialog.ConfirmLastTry
	}
	switch err := show(d.ctx, q.question()); {
	case err != nil:
		l.fail(q.ID, err)
	case k == kindAskLastTry:
		_ = l.write(kindConfirmed, answer{ID: q.ID})
	}
}

// ConfirmLastTry asks for the extra yes. When ctx ends, the window closes.
func (d *serverDialog) ConfirmLastTry(ctx context.Context, q signin.PINQuestion) error {
	_, err := d.call(ctx, kindAskLastTry, kindConfirmed, d.pinQuestion(q))
	return err
}

// ShowKeypad shows that the PIN is awaited on the reader. When ctx ends, its page
// stays until the next question or Close: the card is being asked.
func (d *serverDialog) ShowKeypad(ctx context.Context, q signin.PINQuestion) error {
	_, err := d.call(ctx, kindShowKeypad, "", d.pinQuestion(q))
	return err
}
