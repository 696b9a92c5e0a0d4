package signin_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
)

// onReader runs f with a card in whose PIN is typed on the reader.
func onReader(t *testing.T, f func(b *bench)) {
	t.Helper()
	run(t, func(b *bench) {
		b.card.OnReader = make(chan string)
		b.cards.Insert(b.card)
		f(b)
	})
}

// keypad is the window that says where the PIN is awaited.
func (b *bench) keypad(want signin.PINQuestion) signintest.Asked {
	b.t.Helper()
	a := b.asked()
	if !a.Keypad || a.Question != want {
		b.t.Fatalf("asked %+v", a)
	}
	return a
}

func TestAPINThatIsTypedOnTheReaderIsAskedForNowhereElse(t *testing.T) {
	onReader(t, func(b *bench) {
		p := b.authenticate(time.Minute)
		b.keypad(signin.PINQuestion{TriesLeft: 3})
		b.card.OnReader <- "000000"
		b.keypad(signin.PINQuestion{TriesLeft: 2, Wrong: true})
		b.card.OnReader <- "123456"
		p.succeeds()
		p.went(signin.WaitingForPIN, signin.WrongPIN, signin.Signing)
	})
}

func TestTheWindowsNoEndsTheWaitForTheReader(t *testing.T) {
	onReader(t, func(b *bench) {
		p := b.authenticate(time.Minute)
		b.keypad(signin.PINQuestion{TriesLeft: 3}).Cancel()
		p.ends(signin.CodeCancelled)
	})
}

func TestANoOnTheReaderIsANo(t *testing.T) {
	onReader(t, func(b *bench) {
		p := b.authenticate(time.Minute)
		b.keypad(signin.PINQuestion{TriesLeft: 3})
		b.card.OnReader <- ""
		p.ends(signin.CodeCancelled)
	})
}

func TestWithoutAWindowNobodyIsLeftToWonderAboutTheReader(t *testing.T) {
	onReader(t, func(b *bench) {
		p := b.authenticate(time.Minute)
		b.keypad(signin.PINQuestion{TriesLeft: 3}).Fail(&signin.Error{Code: signin.CodeNoPromptUI})
		p.ends(signin.CodeNoPromptUI)
	})
}

func TestTheLastTryOnAReaderNeedsItsYesFirst(t *testing.T) {
	for name, yes := range map[string]bool{"yes": true, "no": false} {
		t.Run(name, func(t *testing.T) {
			onReader(t, func(b *bench) {
				b.card.SetTries(1)
				p := b.authenticate(time.Minute)
				a := b.asked()
				if !a.LastTry || a.Question != (signin.PINQuestion{TriesLeft: 1, LastTry: true}) {
					t.Fatalf("asked %+v", a)
				}
				if !yes {
					a.Cancel()
					p.ends(signin.CodeCancelled)
					return
				}
				a.Type("")
				b.keypad(signin.PINQuestion{TriesLeft: 1, LastTry: true})
				b.card.OnReader <- "123456"
				p.succeeds()
			})
		})
	}
}

func TestABatchOnAReaderIsCountedOnceThePINIsTyped(t *testing.T) {
	run(t, func(b *bench) {
		b.card = signintest.NewCardFor(t, "Anna", x509.KeyUsageContentCommitment)
		b.card.OnReader = make(chan string)
		b.cards.Insert(b.card)
		p, req := b.sign(3)
		b.keypad(signin.PINQuestion{TriesLeft: 3})
		b.card.OnReader <- "123456"
		p.is(req, 3, "")
		if len(p.phases) < 2 || p.phases[0].Phase != signin.WaitingForPIN || p.phases[1] != (signin.Progress{Phase: signin.Signing, Total: 3}) {
			t.Errorf("the phases were %+v", p.phases)
		}
	})
}
