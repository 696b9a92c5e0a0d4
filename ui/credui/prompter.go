// Package credui asks for PINs with Windows' own window for secrets
// (CredUIPromptForWindowsCredentials), where the tray cannot draw one: without
// OpenGL, as in many sessions over RDP and on bare virtual machines.
//
// [Prompter] is a signin.Prompter. It shows what the tray's window shows, in
// Windows' words and looks: the origin, what the PIN is for, whose card it is and
// how many tries are left. The last try needs an extra yes. It does not ask about
// sites that nobody listed.
//
// Windows' window cannot be closed from outside. A question whose page or card
// has gone is given up at once, what is typed afterwards is wiped, and the next
// question waits until the person has closed the window.
//
// The PIN is in buffers of a fixed size, never in a string, and wiped on every
// path. The package never logs what was typed. What decides is tested
// everywhere, with a person in memory; the calls to Windows are type-checked.
package credui

import (
	"context"
	"strconv"
	"strings"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

// boxes are what the system shows. Each call lasts until the person answers.
type boxes interface {
	// secret asks for a secret and puts it into buffer; its length is zero when
	// the person cancels.
	secret(caption, message, holder string, buffer []byte) (length int, err error)
	// yes asks a question, where No is what Enter says.
	yes(caption, text string) bool
}

// Prompter asks in the system's windows.
type Prompter struct {
	boxes boxes
	say   func(lang string) *translations.Catalogue
	turn  *prompt.Turn // to have a window
}

var _ signin.Prompter = (*Prompter)(nil)

func newPrompter(b boxes) *Prompter {
	return &Prompter{boxes: b, say: translations.For, turn: prompt.NewTurn()}
}

// Open begins a conversation. Its window appears with the first question.
func (p *Prompter) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	d := &dialog{prompter: p, about: about, say: p.say(about.Lang)}
	d.ctx, d.cancel = context.WithCancel(ctx)
	return d, nil
}

// dialog is one conversation.
type dialog struct {
	prompter *Prompter
	about    signin.About
	say      *translations.Catalogue
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
}

// Close ends the conversation.
func (d *dialog) Close() { d.cancel() }

// ask has a window for f alone. When the context or the conversation ends, it
// returns at once; late is called with what f said all the same, if it did.
func ask[T any](ctx context.Context, d *dialog, f func() T, late func(T)) (none T, err error) {
	settled := d.prompter.turn.Want()
	defer settled()
	select {
	case d.prompter.turn.C <- struct{}{}:
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-d.ctx.Done():
		return none, context.Cause(d.ctx)
	}
	said := make(chan T)
	given := make(chan struct{})
	go func() {
		defer d.prompter.turn.Back()
		answer := f()
		select {
		case said <- answer:
		case <-given:
			late(answer)
		}
	}()
	select {
	case answer := <-said:
		return answer, nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-d.ctx.Done():
		err = context.Cause(d.ctx)
	}
	close(given)
	return none, err
}

// typed is what came of a window for a PIN.
type typed struct {
	pin []byte
	err error
}

// AskPIN asks for the PIN, before the last try after an extra yes.
func (d *dialog) AskPIN(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	if q.LastTry {
		if err := d.ConfirmLastTry(ctx, q); err != nil {
			return signin.PINAnswer{}, err
		}
	}
	caption, message := d.title(), strings.Join(append(d.facts(), d.tries(q)...), "\r\n")
	answer, err := ask(ctx, d, func() typed {
		var buffer [prompt.MaxPIN]byte
		defer clear(buffer[:])
		n, err := d.prompter.boxes.secret(caption, message, prompt.Printable(d.about.Holder), buffer[:])
		if err != nil || n == 0 {
			return typed{err: err}
		}
		pin := make([]byte, n)
		copy(pin, buffer[:n])
		return typed{pin: pin}
	}, func(t typed) { clear(t.pin) })
	switch {
	case err != nil:
		return signin.PINAnswer{}, err
	case answer.err != nil:
		return signin.PINAnswer{}, &signin.Error{Code: signin.CodeNoPromptUI, Err: answer.err}
	case answer.pin == nil:
		return signin.PINAnswer{}, &signin.Error{Code: signin.CodeCancelled}
	}
	return signin.PINAnswer{PIN: signin.NewPIN(answer.pin), LastTry: q.LastTry}, nil
}

// title says what the PIN is for.
func (d *dialog) title() string {
	return d.say.Say(map[signin.Purpose]translations.Text{
		signin.ToSignIn: translations.PINTitleSignIn, signin.ToResume: translations.PINTitleResume,
		signin.ToSign: translations.PINTitleSign, signin.ToShowCertificate: translations.PINTitleShow,
	}[d.about.Purpose])
}

// facts are what a person must know before they type a PIN.
func (d *dialog) facts() []string {
	line := func(label translations.Text, value string) string {
		return d.say.Say(label) + ": " + prompt.Printable(value)
	}
	facts := []string{
		line(translations.PINWebsite, d.about.Origin), line(translations.PINHolder, d.about.Holder), line(translations.PINReader, d.about.Reader),
	}
	if d.about.Purpose == signin.ToSign {
		facts = append(facts, line(translations.PINDocuments, strconv.Itoa(d.about.Items)), d.say.Say(translations.PINBinding))
	}
	return facts
}

func (d *dialog) tries(q signin.PINQuestion) []string {
	known := q.TriesLeft != signin.TriesUnknown
	left := strconv.Itoa(q.TriesLeft)
	switch {
	case q.Wrong && known:
		return []string{d.say.Say(translations.PINWrong, "tries", left)}
	case q.Wrong:
		return []string{d.say.Say(translations.PINWrongNoCount)}
	case known:
		return []string{d.say.Say(translations.PINTriesLeft, "tries", left)}
	}
	return nil
}

// ConfirmLastTry asks for the extra yes.
func (d *dialog) ConfirmLastTry(ctx context.Context, q signin.PINQuestion) error {
	question := []translations.Text{translations.PINLastTry, translations.PINLastTryYes}
	if q.TriesLeft == signin.TriesUnknown {
		question = []translations.Text{translations.PINMayBeLast, translations.PINMayBeLastYes}
	}
	text := append(d.facts(), "", d.say.Say(question[0]), "", d.say.Say(question[1]))
	return d.confirm(ctx, text)
}

func (d *dialog) confirm(ctx context.Context, lines []string) error {
	yes, err := ask(ctx, d, func() bool {
		return d.prompter.boxes.yes(d.title(), strings.Join(lines, "\r\n"))
	}, func(bool) {})
	if err == nil && !yes {
		err = &signin.Error{Code: signin.CodeCancelled}
	}
	return err
}

// ShowKeypad says where the PIN is typed. A no ends it.
func (d *dialog) ShowKeypad(ctx context.Context, q signin.PINQuestion) error {
	if err := d.confirm(ctx, append(append(d.facts(), d.tries(q)...), "", d.say.Say(translations.PINOnReader))); err != nil {
		return err
	}
	return d.until(ctx)
}

// ShowSigning shows nothing: a window would have to be closed by the person.
func (d *dialog) ShowSigning(ctx context.Context, _ int, _ <-chan int) error { return d.until(ctx) }

func (d *dialog) until(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-d.ctx.Done():
		return context.Cause(d.ctx)
	}
}

// ChooseKey asks about one key after the other.
func (d *dialog) ChooseKey(ctx context.Context, keys []signin.KeyChoice) (int, error) {
	for i, k := range keys {
		err := d.confirm(ctx, []string{
			d.say.Say(translations.PINWebsite) + ": " + prompt.Printable(d.about.Origin), "", d.say.Say(translations.ChooseTitle), "",
			prompt.Printable(k.Holder), d.say.Say(translations.ChooseIssuer, "issuer", prompt.Printable(k.Issuer)),
			d.say.Say(translations.ChooseExpiry, "date", k.Expiry.Format("2006-01-02"), "reader", prompt.Printable(k.Reader)),
		})
		if signin.CodeOf(err) == signin.CodeCancelled && i < len(keys)-1 && ctx.Err() == nil && d.ctx.Err() == nil {
			continue
		}
		return i, err
	}
	return 0, &signin.Error{Code: signin.CodeCancelled}
}
