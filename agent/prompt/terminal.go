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
	turn chan struct{} // holds one token while a dialog has the terminal
}

var _ signin.Prompter = (*Terminal)(nil)

// NewTerminal makes a prompter that reads keys from in, which must be a
// terminal, and writes to out.
func NewTerminal(in *os.File, out io.Writer) signin.Prompter {
	return &Terminal{in: in, out: out, turn: make(chan struct{}, 1)}
}

// Open waits for its turn and shows who asks. It fails with CodeNoPromptUI when
// in is not a terminal.
func (t *Terminal) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	raw, err := openRaw(t.in)
	if err != nil {
		<-t.turn
		return nil, &signin.Error{Code: signin.CodeNoPromptUI, Err: fmt.Errorf("prompt: terminal: %w", err)}
	}
	_ = raw.Close()
	purpose := "sign in"
	if about.Purpose == signin.ToResume {
		purpose = "carry on after your card was taken out"
	}
	fmt.Fprintf(t.out, "\n%s asks you to %s.\n  Card:   %s\n  Reader: %s\n",
		Printable(about.Origin), purpose, Printable(about.Holder), Printable(about.Reader))
	d := &terminalDialog{terminal: t}
	d.stop = context.AfterFunc(ctx, d.end)
	return d, nil
}

// terminalDialog has the terminal until it ends.
type terminalDialog struct {
	terminal *Terminal
	stop     func() bool
	once     sync.Once
}

func (d *terminalDialog) end() { d.once.Do(func() { <-d.terminal.turn }) }

// Close lets the next dialog have the terminal.
func (d *terminalDialog) Close() {
	d.stop()
	d.end()
}

// AskPIN reads the PIN without showing it. Escape or an empty line is a no.
func (d *terminalDialog) AskPIN(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	out := d.terminal.out
	if q.Wrong {
		fmt.Fprintln(out, "That PIN was wrong.")
	}
	if q.TriesLeft != signin.TriesUnknown {
		fmt.Fprintf(out, "Tries left: %d\n", q.TriesLeft)
	}
	if q.LastTry {
		yes, err := d.confirmLastTry(ctx)
		if err != nil {
			return signin.PINAnswer{}, err
		}
		if !yes {
			return signin.PINAnswer{}, &signin.Error{Code: signin.CodeCancelled}
		}
	}
	fmt.Fprint(out, "PIN: ")
	var line [MaxPIN]byte
	defer clear(line[:])
	n, err := d.readLine(ctx, line[:], false)
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

func (d *terminalDialog) confirmLastTry(ctx context.Context) (bool, error) {
	fmt.Fprint(d.terminal.out, "This is the last try. If the PIN is wrong, the card is blocked.\nType yes to use it: ")
	var line [8]byte
	n, err := d.readLine(ctx, line[:], true)
	return string(line[:n]) == "yes", err
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
		fmt.Fprintf(out, "Number (1 to %d): ", len(keys))
		var line [8]byte
		n, err := d.readLine(ctx, line[:], true)
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

const (
	keyEscape    = 0x1b
	keyDelete    = 0x7f
	keyBackspace = 0x08
	keyKill      = 0x15 // Ctrl-U
	keyEnd       = 0x04 // Ctrl-D
)

var errLineTooLong = errors.New("prompt: more keys than a PIN can have")

// readLine reads keys into line, which is never replaced, until Enter. The
// caller wipes it. Escape gives an error with CodeCancelled.
func (d *terminalDialog) readLine(ctx context.Context, line []byte, echo bool) (int, error) {
	raw, err := openRaw(d.terminal.in)
	if err != nil {
		return 0, &signin.Error{Code: signin.CodeNoPromptUI, Err: err}
	}
	defer fmt.Fprintln(d.terminal.out)
	defer raw.Close()
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
