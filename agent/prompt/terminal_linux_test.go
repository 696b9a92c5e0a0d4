package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/logs/logtest"
	"github.com/cardea-agent/cardea/agent/signin"
	"golang.org/x/sys/unix"
)

// person sits at a pseudo terminal: reads what is shown, types.
type person struct {
	t      *testing.T
	master *os.File
	tty    *os.File
	screen logtest.Log
	more   chan struct{}
}

func newPerson(t *testing.T) *person {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo terminals here:", err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, master: master, tty: tty, more: make(chan struct{}, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 256)
		for {
			n, err := master.Read(b)
			if err != nil {
				return
			}
			_, _ = p.screen.Write(b[:n])
			select {
			case p.more <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() {
		_ = tty.Close() // ends the read
		<-ended
		_ = master.Close()
	})
	return p
}

// sees waits until the screen shows text for the n-th time.
func (p *person) sees(text string, n int) {
	p.t.Helper()
	late := time.After(limit)
	for strings.Count(p.screen.String(), text) < n {
		select {
		case <-p.more:
		case <-late:
			p.t.Fatalf("the screen never showed %q: %s", text, p.screen.String())
		}
	}
}

func (p *person) types(keys string) {
	p.t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) open() signin.Dialog {
	p.t.Helper()
	d, err := NewTerminal(p.tty, p.tty).Open(p.t.Context(), about)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(d.Close)
	return d
}

func TestATerminalAsksForAPINWithoutShowingIt(t *testing.T) {
	p := newPerson(t)
	d := p.open()
	go func() {
		p.sees("PIN: ", 1)
		p.types("99\x7f\x7f12\x15" + canary + "\n")
	}()
	a, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 2, Wrong: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := pinOf(t, a); got != canary {
		t.Errorf("PIN %q", got)
	}
	for _, want := range []string{about.Origin, about.Holder, about.Reader, "sign in", "Tries left: 2", "was wrong"} {
		p.sees(want, 1)
	}
	if strings.Contains(p.screen.String(), canary[:2]) {
		t.Errorf("the PIN is on the screen: %s", p.screen.String())
	}
}

func TestATerminalsLastTryNeedsAnExtraYes(t *testing.T) {
	p := newPerson(t)
	d := p.open()
	go func() {
		p.sees("Type yes", 1)
		p.types("y\n")
		p.sees("Type yes", 2)
		p.types("yes\n")
		p.sees("PIN: ", 1)
		p.types(canary + "\r")
	}()
	q := signin.PINQuestion{TriesLeft: 1, LastTry: true}
	_, err := d.AskPIN(t.Context(), q)
	wantCode(t, err, signin.CodeCancelled)
	a, err := d.AskPIN(t.Context(), q)
	if err != nil || !a.LastTry {
		t.Fatalf("answer %+v, %v", a, err)
	}
	a.PIN.Wipe()
}

func TestATerminalQuestionThatIsTakenBackTakesNoKeys(t *testing.T) {
	p := newPerson(t)
	d := p.open()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		p.sees("PIN: ", 1)
		cancel()
	}()
	if _, err := d.AskPIN(ctx, signin.PINQuestion{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	go func() {
		p.sees("PIN: ", 2)
		p.types(canary + "\n")
	}()
	a, err := d.AskPIN(t.Context(), signin.PINQuestion{})
	if err != nil {
		t.Fatal(err)
	}
	if got := pinOf(t, a); got != canary {
		t.Errorf("PIN %q: the question that was taken back took some keys", got)
	}
}

func TestATerminalsNoIsCancelled(t *testing.T) {
	for name, keys := range map[string]string{"empty": "\n", "escape": "12\x1b", "end": "\x04", "too long": strings.Repeat("1", MaxPIN+1)} {
		t.Run(name, func(t *testing.T) {
			p := newPerson(t)
			d := p.open()
			go func() {
				p.sees("PIN: ", 1)
				p.types(keys)
			}()
			_, err := d.AskPIN(t.Context(), signin.PINQuestion{})
			wantCode(t, err, signin.CodeCancelled)
		})
	}
}

func TestATerminalAsksOneQuestionAtATime(t *testing.T) {
	p := newPerson(t)
	prompter := NewTerminal(p.tty, p.tty)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := prompter.Open(ctx, about); err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() {
		d, err := prompter.Open(context.Background(), about)
		if err == nil {
			d.Close()
		}
		second <- err
	}()
	select {
	case <-second:
		t.Fatal("two dialogs share the terminal")
	default:
	}
	cancel() // the first request ends, nobody calls Close
	if err := <-second; err != nil {
		t.Fatal(err)
	}
}

func TestATerminalOffersKeysByNumber(t *testing.T) {
	p := newPerson(t)
	d := p.open()
	go func() {
		p.sees("Number", 1)
		p.types("3\n")
		p.sees("Number", 2)
		p.types("2\n")
	}()
	n, err := d.ChooseKey(t.Context(), []signin.KeyChoice{{Holder: "A"}, {Holder: "B\x1b[2J"}})
	if n != 1 || err != nil {
		t.Errorf("chose %d, %v", n, err)
	}
	if strings.Contains(p.screen.String(), "\x1b") {
		t.Error("a name moves the cursor")
	}
}

func TestWhatIsNotATerminalIsNoPromptUI(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = NewTerminal(f, &bytes.Buffer{}).Open(t.Context(), about)
	wantCode(t, err, signin.CodeNoPromptUI)
}

func TestPrintableHidesWhatCouldDeceive(t *testing.T) {
	for in, want := range map[string]string{
		"Siân Évans":      "Siân Évans",
		"a\x1b[31mb":      "a\uFFFD[31mb",
		"abc\u202Edcba":   "abc\uFFFDdcba",
		"zero\u200Bwidth": "zero\uFFFDwidth",
		"line\nbreak":     "line\uFFFDbreak",
		"bad\xffutf":      "bad\uFFFDutf",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestATerminalSaysThatThePINIsAwaitedOnTheReader(t *testing.T) {
	p := newPerson(t)
	d := p.open()
	ctx, typed := context.WithCancel(t.Context())
	go func() {
		p.sees("on the reader", 1)
		p.types(canary + "\n") // goes nowhere
		p.sees("on the reader", 2)
		typed()
	}()
	if err := d.ShowKeypad(ctx, signin.PINQuestion{TriesLeft: 3}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	go func() {
		p.sees("does not tell how many", 1)
		p.types("yes\n")
		p.sees("on the reader", 3)
		p.types("\x1b")
	}()
	q := signin.PINQuestion{TriesLeft: signin.TriesUnknown, Wrong: true, LastTry: true}
	if err := d.ConfirmLastTry(t.Context(), q); err != nil {
		t.Error(err)
	}
	wantCode(t, d.ShowKeypad(t.Context(), q), signin.CodeCancelled)
	if strings.Contains(p.screen.String(), canary[:2]) {
		t.Errorf("what was typed is on the screen: %s", p.screen.String())
	}
}

func TestATerminalLetsASiteInForTheWholeWordAlone(t *testing.T) {
	for keys, want := range map[string]bool{"yes\n": true, "y\n": false, "\n": false, "no\n": false, "yess\n": false, "\x1b": false, "\x04": false} {
		t.Run(fmt.Sprintf("%q", keys), func(t *testing.T) {
			t.Parallel()
			p := newPerson(t)
			hasty := &hasty{person: p}
			terminal, _ := NewTerminal(p.tty, hasty).(*Terminal)
			go func() {
				p.sees("Type yes", 1)
				p.types(keys)
			}()
			allowed, err := terminal.AskOrigin(t.Context(), newSite, readable)
			if allowed != want || err != nil {
				t.Errorf("%v, %v", allowed, err)
			}
			p.sees("It reads: "+readable, 1)
			if guarded := hasty.asked.Sub(hasty.typed); guarded < originGuard {
				t.Errorf("it was asked %v after what was typed for something else", guarded)
			}
		})
	}
}

// hasty is the screen of a person who types a yes for something else at the
// moment when a question about a site appears.
type hasty struct {
	*person
	typed, asked time.Time
}

func (h *hasty) Write(b []byte) (int, error) {
	switch text := string(b); {
	case strings.Contains(text, "Let "+newSite):
		h.types("yes\n")
		h.typed = time.Now()
	case strings.Contains(text, "Type yes"):
		h.asked = time.Now()
	}
	return h.tty.Write(b)
}

func TestATerminalsQuestionAboutASiteGivesWayToAPIN(t *testing.T) {
	p := newPerson(t)
	terminal, _ := NewTerminal(p.tty, p.tty).(*Terminal)
	ended := make(chan error, 1)
	go func() {
		_, err := terminal.AskOrigin(t.Context(), newSite, readable)
		ended <- err
	}()
	p.sees("Type yes", 1)
	d, err := terminal.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	wantCode(t, <-ended, signin.CodeBusy)
	if _, err := terminal.AskOrigin(t.Context(), newSite, readable); signin.CodeOf(err) != signin.CodeBusy {
		t.Errorf("asked while a PIN is: %v", err)
	}
	go func() { p.sees("PIN: ", 1); p.types(canary + "\n") }()
	a, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 3})
	if err != nil {
		t.Fatal(err)
	}
	if got := pinOf(t, a); got != canary {
		t.Errorf("PIN %q", got)
	}
}
