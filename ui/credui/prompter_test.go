package credui

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// person is what the system's windows would have of somebody.
type person struct {
	shown  []string
	types  string
	fails  error
	says   []bool
	atWork chan struct{} // a window is open
	goOn   chan struct{} // and closes
	buffer []byte
}

func (p *person) secret(caption, message, holder string, buffer []byte) (int, error) {
	p.shown = append(p.shown, caption+"|"+message+"|"+holder)
	p.buffer = buffer
	if p.atWork != nil {
		p.atWork <- struct{}{}
		<-p.goOn
	}
	return copy(buffer, p.types), p.fails
}

func (p *person) yes(caption, text string) bool {
	p.shown = append(p.shown, caption+"|"+text)
	answer := p.says[0]
	p.says = p.says[1:]
	return answer
}

var about = signin.About{Origin: "https://portal.example", Purpose: signin.ToSignIn, Holder: "Anna\nExample", Reader: "Reader 1", Lang: "en"}

func open(t *testing.T, p *Prompter, about signin.About) signin.Dialog {
	t.Helper()
	d, err := p.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestThePINIsAskedForWithAllThatThePersonMustKnow(t *testing.T) {
	p := &person{types: "123456"}
	d := open(t, newPrompter(p), about)
	answer, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 2, Wrong: true})
	if err != nil {
		t.Fatal(err)
	}
	var got string
	_ = answer.PIN.Use(func(pin []byte) error { got = string(pin); return nil })
	if got != "123456" || answer.LastTry {
		t.Errorf("got %q, %v", got, answer.LastTry)
	}
	for _, want := range []string{"https://portal.example", "Reader 1", "Tries left: 2", "not right", "Sign in with your smartcard"} {
		if !strings.Contains(p.shown[0], want) {
			t.Errorf("%q does not say %q", p.shown[0], want)
		}
	}
	if strings.Contains(p.shown[0], "Anna\n") {
		t.Error("a name breaks the lines")
	}
	if slices.ContainsFunc(p.buffer, func(b byte) bool { return b != 0 }) {
		t.Error("the PIN is still in the buffer")
	}
}

func TestTheLastTryNeedsAYesAndANoIsNoPIN(t *testing.T) {
	p := &person{types: "123456", says: []bool{false, true}}
	d := open(t, newPrompter(p), about)
	last := signin.PINQuestion{TriesLeft: 1, LastTry: true}
	if _, err := d.AskPIN(t.Context(), last); signin.CodeOf(err) != signin.CodeCancelled || len(p.shown) != 1 {
		t.Errorf("after a no: got %v, %q", err, p.shown)
	}
	if answer, err := d.AskPIN(t.Context(), last); err != nil || !answer.LastTry {
		t.Errorf("after a yes: got %v, %v", answer, err)
	}
	p.types = ""
	if _, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 3}); signin.CodeOf(err) != signin.CodeCancelled {
		t.Errorf("a cancelled window: got %v", err)
	}
	p.fails = errors.New("no window")
	if _, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 3}); signin.CodeOf(err) != signin.CodeNoPromptUI {
		t.Errorf("no window: got %v", err)
	}
}

func TestAKeyIsChosenByGoingThroughThem(t *testing.T) {
	keys := []signin.KeyChoice{{Holder: "Anna"}, {Holder: "Bill"}}
	for want, says := range map[int][]bool{0: {true}, 1: {false, true}} {
		d := open(t, newPrompter(&person{says: says}), about)
		if got, err := d.ChooseKey(t.Context(), keys); err != nil || got != want {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	d := open(t, newPrompter(&person{says: []bool{false, false}}), about)
	if _, err := d.ChooseKey(t.Context(), keys); signin.CodeOf(err) != signin.CodeCancelled {
		t.Errorf("after two noes: got %v", err)
	}
}

// TestAQuestionThatIsOverIsGivenUpAtOnce: Windows' window stays open until the
// person closes it. What they type then is wiped, and the next question waits.
func TestAQuestionThatIsOverIsGivenUpAtOnce(t *testing.T) {
	p := &person{types: "123456", atWork: make(chan struct{}), goOn: make(chan struct{})}
	prompter := newPrompter(p)
	d := open(t, prompter, about)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := d.AskPIN(ctx, signin.PINQuestion{TriesLeft: 3})
		gone <- err
	}()
	<-p.atWork
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	next := open(t, prompter, about)
	asked := make(chan error, 1)
	go func() {
		answer, err := next.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 3})
		answer.PIN.Wipe()
		asked <- err
	}()
	select {
	case <-p.atWork:
		t.Error("two windows are open")
	case <-time.After(20 * time.Millisecond): // nothing else can tell that nothing happens
	}
	p.goOn <- struct{}{} // the person closes the first
	<-p.atWork
	p.goOn <- struct{}{}
	if err := <-asked; err != nil {
		t.Errorf("the next question: %v", err)
	}
}

func TestASecretThatNoPINCanBeIsNone(t *testing.T) {
	units := func(s string) (u []uint16) {
		for _, r := range s {
			u = append(u, uint16(r))
		}
		return append(u, 0, 'x')
	}
	for text, want := range map[string]string{
		"123456": "123456", "": "", "12é4": "", "12\t": "", strings.Repeat("1", prompt.MaxPIN+1): "", "a B~": "a B~",
	} {
		var buffer [prompt.MaxPIN]byte
		n := ascii(units(text), buffer[:])
		if got := string(buffer[:n]); got != want {
			t.Errorf("%q is taken as %q, want %q", text, got, want)
		}
		if n == 0 && slices.ContainsFunc(buffer[:], func(b byte) bool { return b != 0 }) {
			t.Errorf("of %q something stays", text)
		}
	}
	if ascii([]uint16{'1', '2'}, make([]byte, 8)) != 0 {
		t.Error("a text without an end is taken")
	}
}
