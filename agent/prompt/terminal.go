package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/cardea-agent/cardea/agent/signin"
)

// Terminal is a signin.Prompter on a terminal, for people without a desktop.
// It speaks English alone and asks one question at a time.
type Terminal struct {
	in   *os.File
	out  io.Writer
	turn *Turn
}

var _ signin.Prompter = (*Terminal)(nil)

// NewTerminal makes a prompter that reads keys from in, which must be a
// terminal, and writes to out.
func NewTerminal(in *os.File, out io.Writer) signin.Prompter {
	return &Terminal{in: in, out: out, turn: NewTurn()}
}

// Open waits for its turn and shows who asks. It fails with CodeNoPromptUI when
// in is not a terminal.
func (t *Terminal) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	settled := t.turn.Want()
	defer settled()
	select {
	case t.turn.C <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	raw, err := openRaw(t.in)
	if err != nil {
		t.turn.Back()
		return nil, &signin.Error{Code: signin.CodeNoPromptUI, Err: fmt.Errorf("prompt: terminal: %w", err)}
	}
	_ = raw.Close()
	purpose := map[signin.Purpose]string{
		signin.ToSignIn:          "sign in",
		signin.ToResume:          "carry on after your card was taken out",
		signin.ToSign:            fmt.Sprintf("sign documents with your binding signature, %d in all", about.Items),
		signin.ToShowCertificate: "show it the certificate that you sign documents with",
	}[about.Purpose]
	fmt.Fprintf(t.out, "\n%s asks you to %s.\n  Card:   %s\n  Reader: %s\n",
		Printable(about.Origin), purpose, Printable(about.Holder), Printable(about.Reader))
	return t.dialog(ctx), nil
}

// dialog makes a dialog of whoever has the turn, which ends with it.
func (t *Terminal) dialog(ctx context.Context) *terminalDialog {
	d := &terminalDialog{terminal: t}
	d.ctx, d.cancel = context.WithCancel(ctx)
	context.AfterFunc(d.ctx, d.end)
	return d
}

// terminalDialog has the terminal until its context ends.
type terminalDialog struct {
	terminal *Terminal
	ctx      context.Context
	cancel   context.CancelFunc
	reading  sync.Mutex // held while the terminal is raw
}

// end lets the next dialog have the terminal, once it is as it was before:
// otherwise echo would come on while the next PIN is typed.
func (d *terminalDialog) end() {
	d.reading.Lock()
	defer d.reading.Unlock()
	d.terminal.turn.Back()
}

// Close ends the dialog, and a question that is still open.
func (d *terminalDialog) Close() { d.cancel() }

// AskPIN reads the PIN without showing it. Escape or an empty line is a no.
func (d *terminalDialog) AskPIN(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	d.tell(q)
	if q.LastTry {
		if err := d.confirmLastTry(ctx, q); err != nil {
			return signin.PINAnswer{}, err
		}
	}
	var line [MaxPIN]byte
	defer clear(line[:])
	n, err := d.readLine(ctx, "PIN: ", line[:], false)
	if err != nil {
		return signin.PINAnswer{}, err
	}
	if n == 0 {
		return signin.PINAnswer{}, &signin.Error{Code: signin.CodeCancelled}
	}
	pin := make([]byte, n)
	copy(pin, line[:n])
	return signin.PINAnswer{PIN: signin.NewPIN(pin), LastTry: q.LastTry}, nil
}

// tell says what is known before a PIN is typed.
func (d *terminalDialog) tell(q signin.PINQuestion) {
	out := d.terminal.out
	if q.Wrong {
		fmt.Fprintln(out, "That PIN was wrong.")
	}
	if q.TriesLeft != signin.TriesUnknown {
		fmt.Fprintf(out, "Tries left: %d\n", q.TriesLeft)
	}
}

func (d *terminalDialog) confirmLastTry(ctx context.Context, q signin.PINQuestion) error {
	question := "This is the last try. If the PIN is wrong, the card is blocked.\nType yes to use it: "
	if q.TriesLeft == signin.TriesUnknown {
		question = "The card does not tell how many tries are left. If this is the last one and the PIN is wrong, it is blocked.\nType yes to go on: "
	}
	var line [8]byte
	n, err := d.readLine(ctx, question, line[:], true)
	if err == nil && string(line[:n]) != "yes" {
		err = &signin.Error{Code: signin.CodeCancelled}
	}
	return err
}

// ConfirmLastTry asks for the extra yes.
func (d *terminalDialog) ConfirmLastTry(ctx context.Context, q signin.PINQuestion) error {
	d.tell(q)
	return d.confirmLastTry(ctx, q)
}

// ShowKeypad says where the PIN is typed. Escape is a no.
func (d *terminalDialog) ShowKeypad(ctx context.Context, q signin.PINQuestion) error {
	if !q.LastTry { // else it was told with the question before
		d.tell(q)
	}
	for {
		var line [8]byte
		if _, err := d.readLine(ctx, "Enter your PIN on the reader. Escape cancels it.\n", line[:], false); err != nil {
			return err
		}
	}
}

// ChooseKey lists the keys and reads a number.
func (d *terminalDialog) ChooseKey(ctx context.Context, keys []signin.KeyChoice) (int, error) {
	out := d.terminal.out
	fmt.Fprintln(out, "Which one do you want to use?")
	for i, k := range keys {
		fmt.Fprintf(out, "  %d  %s, issued by %s, valid until %s, in %s\n", i+1,
			Printable(k.Holder), Printable(k.Issuer), k.Expiry.Format("2 January 2006"), Printable(k.Reader))
	}
	for {
		var line [8]byte
		n, err := d.readLine(ctx, fmt.Sprintf("Number (1 to %d): ", len(keys)), line[:], true)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, &signin.Error{Code: signin.CodeCancelled}
		}
		if number, err := strconv.Atoi(string(line[:n])); err == nil && number >= 1 && number <= len(keys) {
			return number - 1, nil
		}
	}
}

// ShowSigning counts the documents. Escape is a no to the rest.
func (d *terminalDialog) ShowSigning(ctx context.Context, total int, signed <-chan int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			select {
			case n := <-signed:
				fmt.Fprintf(d.terminal.out, "\rSigned: %d of %d", n, total)
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		var line [8]byte
		if _, err := d.readLine(ctx, "Signing. Escape stops it.\n", line[:], false); err != nil {
			return err
		}
	}
}

const (
	keyEscape    = 0x1b
	keyDelete    = 0x7f
	keyBackspace = 0x08
	keyKill      = 0x15 // Ctrl-U
	keyEnd       = 0x04 // Ctrl-D
)

var errLineTooLong = errors.New("prompt: more keys than a PIN can have")

// readLine asks, and reads keys into line, which is never replaced, until
// Enter. The caller wipes it. Escape gives an error with CodeCancelled. The
// question comes when echo is off: not a key of the answer may be shown.
func (d *terminalDialog) readLine(ctx context.Context, question string, line []byte, echo bool) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(d.ctx, func() { cancel(context.Cause(d.ctx)) })
	defer stop()
	d.reading.Lock()
	defer d.reading.Unlock()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	raw, err := openRaw(d.terminal.in)
	if err != nil {
		return 0, &signin.Error{Code: signin.CodeNoPromptUI, Err: err}
	}
	defer fmt.Fprintln(d.terminal.out)
	defer raw.Close()
	fmt.Fprint(d.terminal.out, question)
	n := 0
	for {
		b, err := raw.key(ctx)
		if err != nil {
			if ctx.Err() == nil {
				err = &signin.Error{Code: signin.CodeNoPromptUI, Err: err}
			}
			return 0, err
		}
		switch {
		case b == '\n':
			return n, nil
		case b == keyEscape || b == keyEnd:
			return 0, &signin.Error{Code: signin.CodeCancelled}
		case b == keyKill:
			clear(line[:n])
			n = 0
		case b == keyDelete || b == keyBackspace:
			if n > 0 {
				n--
				line[n] = 0
			}
		case b < ' ':
		case n == len(line):
			return 0, &signin.Error{Code: signin.CodeCancelled, Err: errLineTooLong}
		default:
			line[n] = b
			n++
			if echo {
				_, _ = d.terminal.out.Write([]byte{b})
			}
		}
	}
}
