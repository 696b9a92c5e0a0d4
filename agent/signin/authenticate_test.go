package signin_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
)

const origin = "https://portal.example"

// bench is a Service among fakes, and one request to it at a time.
type bench struct {
	*signin.Service
	t        *testing.T
	cards    *signintest.Cards
	prompter *signintest.Prompter
	rules    *signintest.Rules
	audit    *signintest.Audit
	desktop  *signintest.Desktop
	card     *signintest.Card
}

// newBench makes a Service that does not run yet, and a card that is not in yet.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		t: t, cards: signintest.NewCards(), prompter: signintest.NewPrompter(), audit: &signintest.Audit{},
		rules: &signintest.Rules{Rule: signin.Removal{Action: signin.RemovalLock, Grace: time.Minute}},
		card:  signintest.NewCard(t, "Anna"), desktop: signintest.NewDesktop(),
	}
	b.Service = signin.New(signin.Config{
		Cards: b.cards, Prompter: b.prompter, Rules: b.rules, Tokens: signintest.Tokens{},
		Audit: b.audit, Log: slog.New(slog.DiscardHandler), Desktop: b.desktop,
	})
	return b
}

// run runs f in a bubble with a Service, a card that is not in yet, and a
// synthetic clock. At its end no window may be open.
func run(t *testing.T, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan error)
		go func() { stopped <- b.Run(ctx) }()
		f(b)
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if n := b.prompter.Windows(); n != 0 {
			t.Errorf("%d windows stay open", n)
		}
	})
}

// pending is a request under way.
type pending struct {
	b      *bench
	cancel context.CancelFunc
	phases []signin.Progress
	result signin.Result
	err    error
	done   chan struct{}
}

func (b *bench) authenticate(limit time.Duration) *pending {
	ctx, cancel := context.WithTimeout(b.t.Context(), limit)
	p := &pending{b: b, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer cancel()
		p.result, p.err = b.Authenticate(ctx, signin.Request{Origin: origin, Nonce: "nonce"}, func(g signin.Progress) { p.phases = append(p.phases, g) })
	}()
	synctest.Wait()
	return p
}

func (b *bench) asked() signintest.Asked {
	b.t.Helper()
	select {
	case a := <-b.prompter.Asked:
		return a
	case <-time.After(time.Minute):
		b.t.Fatal("nobody was asked")
		panic("unreachable")
	}
}

func (p *pending) ends(code signin.Code) *signin.Error {
	p.b.t.Helper()
	<-p.done
	e, ok := errors.AsType[*signin.Error](p.err)
	if !ok || e.Code != code {
		p.b.t.Fatalf("ended with %v, want %s", p.err, code)
	}
	if got := p.b.audit.Outcomes(); len(got) == 0 || got[len(got)-1] != string(code) {
		p.b.t.Errorf("the audit log ends with %v, want %s", got, code)
	}
	return e
}

func (p *pending) succeeds() signin.Result {
	p.b.t.Helper()
	<-p.done
	if p.err != nil {
		p.b.t.Fatal(p.err)
	}
	return p.result
}

func (p *pending) went(want ...signin.Phase) {
	p.b.t.Helper()
	var got []signin.Phase
	for _, g := range p.phases {
		got = append(got, g.Phase)
	}
	if !slices.Equal(got, want) {
		p.b.t.Errorf("the phases were %v, want %v", got, want)
	}
}

func TestARightPINGivesATokenAndASession(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		asked := b.asked()
		if asked.About != (signin.About{Origin: origin, Purpose: signin.ToSignIn, Holder: "Anna", Reader: "Reader 1"}) {
			t.Errorf("the window shows %+v", asked.About)
		}
		if asked.Question != (signin.PINQuestion{TriesLeft: 3}) {
			t.Errorf("the question is %+v", asked.Question)
		}
		asked.Type("123456")
		r := p.succeeds()
		if r.Token.UnverifiedCertificate != "Anna" || len(r.Session) < 22 {
			t.Errorf("the result is %+v", r)
		}
		p.went(signin.WaitingForPIN, signin.Signing)
		if got := b.audit.Outcomes(); !slices.Equal(got, []string{"ok"}) {
			t.Errorf("the audit log has %v", got)
		}
	})
}

func TestAWrongPINAsksAgainInTheSameWindowWithTheNewCount(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		first := b.asked()
		first.Type("000000")
		second := b.asked()
		if second.Question != (signin.PINQuestion{TriesLeft: 2, Wrong: true}) || second.Closed != first.Closed {
			t.Errorf("the second question is %+v", second.Question)
		}
		second.Type("123456")
		p.succeeds()
		p.went(signin.WaitingForPIN, signin.Signing, signin.WrongPIN, signin.Signing)
	})
}

func TestTheLastTryIsNotSpentWithoutAnExtraYes(t *testing.T) {
	run(t, func(b *bench) {
		b.card.SetTries(1)
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		asked := b.asked()
		if !asked.Question.LastTry {
			t.Errorf("the question is %+v", asked.Question)
		}
		calls := b.card.Calls()
		asked.TypeWithout("000000")
		p.ends(signin.CodeInternal)
		if b.card.Calls() != calls {
			t.Error("the card was asked all the same")
		}
	})
}

func TestTriesThatAnotherProgramSpentMeanwhileAskAgainForTheLastOne(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		asked := b.asked()
		b.card.SetTries(1)
		asked.Type("123456")
		again := b.asked()
		if again.Question != (signin.PINQuestion{TriesLeft: 1, LastTry: true}) {
			t.Errorf("the question is %+v", again.Question)
		}
		again.Type("123456")
		p.succeeds()
	})
}

func TestAPINThatBlocksEndsWithPINBlocked(t *testing.T) {
	run(t, func(b *bench) {
		b.card.SetTries(1)
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		b.asked().Type("000000")
		p.ends(signin.CodePINBlocked)
	})
}

func TestABlockedCardOpensNoWindow(t *testing.T) {
	run(t, func(b *bench) {
		b.card.SetTries(0)
		b.cards.Insert(b.card)
		b.authenticate(time.Minute).ends(signin.CodePINBlocked)
		b.cards.Set(signin.PINBlocked, signin.Reader{Card: b.card, PIN: signin.PINIsBlocked})
		b.authenticate(time.Minute).ends(signin.CodePINBlocked)
	})
}

func TestACardThatAnotherProgramUnblockedSignsIn(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Set(signin.PINBlocked, signin.Reader{Card: b.card, PIN: signin.PINIsBlocked})
		p := b.authenticate(time.Minute)
		b.asked().Type("123456")
		p.succeeds()
	})
}

func TestABlockedCardIsNoChoiceBesideASoundOne(t *testing.T) {
	run(t, func(b *bench) {
		bill := signintest.NewCard(t, "Bill")
		b.cards.Set(signin.Ready, signin.Reader{Card: bill, PIN: signin.PINIsBlocked}, signin.Reader{Card: b.card})
		p := b.authenticate(time.Minute)
		b.asked().Type("123456")
		if got := p.succeeds().Token.UnverifiedCertificate; got != "Anna" {
			t.Errorf("the token is %s's", got)
		}
	})
}

func TestGivingUpAfterAWrongPINIsPINWrongWithTheCount(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		b.asked().Type("000000")
		b.asked().Cancel()
		if e := p.ends(signin.CodePINWrong); e.TriesLeft != 2 {
			t.Errorf("%d tries are left, want 2", e.TriesLeft)
		}
	})
}

func TestThePersonsNoIsCancelled(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		b.asked().Cancel()
		p.ends(signin.CodeCancelled)
	})
}

func TestThePagesCancelClosesTheWindow(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		asked := b.asked()
		p.cancel()
		p.ends(signin.CodeCancelled)
		<-asked.Closed
	})
}

func TestTimeThatRunsOutAtThePINIsTimedOut(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		asked := b.asked()
		p.ends(signin.CodeTimedOut)
		<-asked.Closed
	})
}

func TestTimeThatRunsOutEndsWithWhatWasAwaited(t *testing.T) {
	for state, want := range map[signin.State]struct {
		code  signin.Code
		phase signin.Phase
	}{
		signin.ServiceDown:    {signin.CodeNoService, signin.WaitingForReader},
		signin.NoReader:       {signin.CodeNoReader, signin.WaitingForReader},
		signin.NoCard:         {signin.CodeNoCard, signin.WaitingForCard},
		signin.CardUnreadable: {signin.CodeCardUnreadable, signin.WaitingForCard},
		signin.CardUnknown:    {signin.CodeCardUnknown, signin.WaitingForCard},
	} {
		run(t, func(b *bench) {
			reader := signin.Reader{Name: "Reader 1", Status: state}
			if state == signin.CardUnknown {
				reader.ATR = "3B 00"
			}
			b.cards.Set(state, reader)
			p := b.authenticate(time.Minute)
			if e := p.ends(want.code); e.ATR != reader.ATR {
				t.Errorf("%s: the ATR is %q", state, e.ATR)
			}
			p.went(want.phase)
		})
	}
}

func TestACardThatIsPulledIsWaitedForAndTheWindowGoes(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		asked := b.asked()
		b.cards.Remove(b.card)
		<-asked.Closed
		synctest.Wait()
		b.cards.Insert(b.card.Again())
		b.asked().Type("123456")
		p.succeeds()
		p.went(signin.WaitingForPIN, signin.WaitingForCard, signin.WaitingForPIN, signin.Signing)
	})
}

func TestACardThatIsPulledAndStaysOutIsCardRemoved(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		b.asked()
		b.cards.Remove(b.card)
		p.ends(signin.CodeCardRemoved)
	})
}

func TestAnotherCardInsteadIsTheOneThatSignsIn(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		b.asked()
		b.cards.Remove(b.card)
		b.cards.Insert(signintest.NewCard(t, "Bill"))
		asked := b.asked()
		if asked.About.Holder != "Bill" {
			t.Errorf("the window shows %q", asked.About.Holder)
		}
		asked.Type("123456")
		if got := p.succeeds().Token.UnverifiedCertificate; got != "Bill" {
			t.Errorf("the token is %s's", got)
		}
	})
}

func TestACardWithoutAUsableCertificateSaysWhyAtOnce(t *testing.T) {
	run(t, func(b *bench) {
		b.rules.Unusable = map[string]signin.Why{"Anna": signin.WhyExpired}
		b.cards.Insert(b.card)
		if e := b.authenticate(time.Minute).ends(signin.CodeNoUsableCertificate); e.Why != signin.WhyExpired {
			t.Errorf("why is %q", e.Why)
		}
		b.card.SetKeys()
		if e := b.authenticate(time.Minute).ends(signin.CodeNoUsableCertificate); e.Why != signin.WhyNone {
			t.Errorf("why is %q", e.Why)
		}
		if b.card.Calls() != 0 {
			t.Error("the card was asked")
		}
	})
}

func TestACardThatIsBeingReadIsWaitedFor(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Set(signin.NoCard, signin.Reader{Name: "Reader 1", Pending: true})
		p := b.authenticate(time.Minute)
		b.cards.Insert(b.card)
		b.asked().Type("123456")
		p.succeeds()
	})
}

func TestOfSeveralCardsThePersonChooses(t *testing.T) {
	run(t, func(b *bench) {
		bill := signintest.NewCard(t, "Bill")
		b.cards.Set(signin.Ready, signin.Reader{Card: b.card}, signin.Reader{Card: bill})
		p := b.authenticate(time.Minute)
		choice := b.asked()
		if len(choice.Choices) != 2 || choice.Choices[1].Holder != "Bill" {
			t.Fatalf("the choices are %+v", choice.Choices)
		}
		choice.Choose(1)
		b.asked().Type("123456")
		if got := p.succeeds().Token.UnverifiedCertificate; got != "Bill" {
			t.Errorf("the token is %s's", got)
		}
		p.went(signin.Choosing, signin.WaitingForPIN, signin.Signing)
	})
}

func TestAChoiceBetweenCardsThatChangedIsAskedAnew(t *testing.T) {
	run(t, func(b *bench) {
		bill := signintest.NewCard(t, "Bill")
		b.cards.Set(signin.Ready, signin.Reader{Card: b.card}, signin.Reader{Card: bill})
		p := b.authenticate(time.Minute)
		choice := b.asked()
		b.cards.Insert(b.card)
		<-choice.Closed
		b.asked().Type("123456")
		p.succeeds()
	})
}

func TestASecondRequestForTheSameCardIsBusy(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		first := b.authenticate(time.Minute)
		asked := b.asked()
		b.authenticate(time.Minute).ends(signin.CodeBusy)
		asked.Type("123456")
		first.succeeds()
	})
}

func TestWithoutAPromptThePageHearsIt(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		b.prompter.OpenError = &signin.Error{Code: signin.CodeNoPromptUI}
		b.authenticate(time.Minute).ends(signin.CodeNoPromptUI)
	})
}

func TestASignatureThatDoesNotVerifyIsNeverAToken(t *testing.T) {
	run(t, func(b *bench) {
		b.Tokens = signintest.Tokens{FinishError: errors.New("the signature is wrong")}
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		b.asked().Type("123456")
		p.ends(signin.CodeCardUnreadable)
	})
}

func TestAfterACancelTheNextWindowOfThatOriginWaitsAGrowingWhile(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		for _, want := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second} {
			start := time.Now()
			p := b.authenticate(time.Minute)
			b.asked().Cancel()
			p.ends(signin.CodeCancelled)
			if got := time.Since(start); got != want {
				t.Errorf("the window came after %v, want %v", got, want)
			}
		}
		p := b.authenticate(time.Minute)
		b.asked().Type("123456")
		p.succeeds()
		start := time.Now()
		p = b.authenticate(time.Minute)
		b.asked().Cancel()
		p.ends(signin.CodeCancelled)
		if got := time.Since(start); got != 0 {
			t.Errorf("after a sign-in the window still waits %v", got)
		}
	})
}

func TestAPageThatLetsItsTimeRunOutWaitsAsAfterACancel(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Second)
		b.asked()
		p.ends(signin.CodeTimedOut)
		start := time.Now()
		p = b.authenticate(time.Minute)
		b.asked().Type("123456")
		p.succeeds()
		if got := time.Since(start); got != time.Second {
			t.Errorf("the next window came after %v, want 1s", got)
		}
	})
}

func TestOnlyOneWindowToChooseInIsOpen(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Set(signin.Ready, signin.Reader{Card: b.card}, signin.Reader{Card: signintest.NewCard(t, "Bill")})
		first := b.authenticate(time.Minute)
		choice := b.asked()
		second := b.authenticate(time.Minute)
		if n := b.prompter.Windows(); n != 1 {
			t.Errorf("%d windows are open", n)
		}
		second.ends(signin.CodeBusy)
		choice.Cancel()
		first.ends(signin.CodeCancelled)
	})
}

func TestAChoiceStaysOpenWhenOtherThingsChange(t *testing.T) {
	run(t, func(b *bench) {
		bill := signintest.NewCard(t, "Bill")
		b.cards.Set(signin.Ready, signin.Reader{Card: b.card}, signin.Reader{Card: bill})
		p := b.authenticate(time.Minute)
		choice := b.asked()
		b.cards.Set(signin.Busy, signin.Reader{Card: b.card, Status: signin.Busy}, signin.Reader{Card: bill}, signin.Reader{Name: "Reader 3"})
		synctest.Wait()
		select {
		case <-choice.Closed:
			t.Error("the window went")
		default:
		}
		choice.Choose(1)
		b.asked().Type("123456")
		p.succeeds()
		p.went(signin.Choosing, signin.WaitingForPIN, signin.Signing)
	})
}

// slowPrompter opens no window before its context ends, as without a tray.
type slowPrompter struct{}

func (slowPrompter) Open(ctx context.Context, _ signin.About) (signin.Dialog, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func TestACardThatGoesWhileTheWindowToChooseInOpensIsNoFault(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Set(signin.Ready, signin.Reader{Card: b.card}, signin.Reader{Card: signintest.NewCard(t, "Bill")})
		b.Prompter = slowPrompter{}
		p := b.authenticate(time.Minute)
		b.cards.Set(signin.NoCard)
		p.ends(signin.CodeNoCard)
	})
}

func TestACardThatDoesNotTellItsTriesIsAskedForAnExtraYes(t *testing.T) {
	run(t, func(b *bench) {
		b.card.DoesNotTell = true
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		unknown := signin.PINQuestion{TriesLeft: signin.TriesUnknown}
		asked := b.asked()
		if asked.Question != unknown {
			t.Errorf("the first question is %+v", asked.Question)
		}
		asked.Type("000000")
		asked = b.asked()
		unknown.LastTry = true
		if asked.Question != unknown {
			t.Errorf("the second question is %+v", asked.Question)
		}
		asked.Type("000000")
		asked = b.asked()
		unknown.Wrong = true
		if asked.Question != unknown {
			t.Errorf("the third question is %+v", asked.Question)
		}
		asked.Type("123456")
		p.succeeds()
	})
}

func TestEachPINThatTheCardWasGivenIsWrittenDownWithWhatCameOfIt(t *testing.T) {
	run(t, func(b *bench) {
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		b.asked().Type("000000")
		b.asked().Type("123456")
		p.succeeds()
		if got, want := b.audit.PINs(), []string{"pinWrong", "ok"}; !slices.Equal(got, want) {
			t.Errorf("the PINs were %v, want %v", got, want)
		}
		wrong := b.audit.Events()[0]
		if wrong.What != signin.WhatPIN || wrong.Origin != origin || wrong.TriesLeft != 2 || wrong.Certificate == nil {
			t.Errorf("the line says %+v", wrong)
		}
	})
	run(t, func(b *bench) {
		b.card.SetTries(1)
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		b.asked().Type("000000")
		p.ends(signin.CodePINBlocked)
		if got, want := b.audit.PINs(), []string{"pinBlocked"}; !slices.Equal(got, want) {
			t.Errorf("the PINs were %v, want %v", got, want)
		}
	})
	run(t, func(b *bench) { // the second PIN is the first that the card is given
		b.cards.Insert(b.card)
		p := b.authenticate(time.Minute)
		asked := b.asked()
		b.card.SetTries(1)
		asked.Type("123456")
		b.asked().Type("123456")
		p.succeeds()
		if got, want := b.audit.PINs(), []string{"ok"}; !slices.Equal(got, want) {
			t.Errorf("the PINs were %v, want %v", got, want)
		}
	})
}
