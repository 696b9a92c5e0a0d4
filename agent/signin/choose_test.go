package signin_test

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
)

// twoCards runs f with Anna's and Bill's cards in, and choices remembered.
func twoCards(t *testing.T, f func(b *bench)) {
	t.Helper()
	run(t, func(b *bench) {
		b.Choices = &signintest.Choices{}
		b.cards.Set(signin.Ready, signin.Reader{Card: b.card}, signin.Reader{Card: signintest.NewCard(t, "Bill")})
		f(b)
	})
}

// signsBill signs in after choosing Bill.
func (b *bench) signsBill() {
	b.t.Helper()
	p := b.authenticate(time.Minute)
	b.asked().Choose(1)
	b.asked().Type("123456")
	p.succeeds()
}

func TestAChoiceThatLedToASignInIsNotAskedAgain(t *testing.T) {
	twoCards(t, func(b *bench) {
		b.signsBill()
		p := b.authenticate(time.Minute)
		asked := b.asked()
		if asked.About.Holder != "Bill" {
			t.Fatalf("asked %+v %+v", asked.About, asked.Choices)
		}
		asked.Type("123456")
		p.succeeds()
		p.went(signin.WaitingForPIN, signin.Signing)
	})
}

func TestAChoiceThatLedToNothingIsNotRemembered(t *testing.T) {
	twoCards(t, func(b *bench) {
		p := b.authenticate(time.Minute)
		b.asked().Choose(1)
		b.asked().Cancel()
		p.ends(signin.CodeCancelled)
		p = b.authenticate(time.Minute)
		choice := b.asked()
		if len(choice.Choices) != 2 {
			t.Fatalf("asked %+v", choice)
		}
		choice.Cancel()
		p.ends(signin.CodeCancelled)
	})
}

func TestANoToTheCardThatWasRememberedMakesThePersonChooseAgain(t *testing.T) {
	for name, refuse := range map[string]func(*bench, *pending){
		"cancel": func(b *bench, p *pending) {
			b.asked().Cancel()
			p.ends(signin.CodeCancelled)
		},
		"cancel after a wrong PIN": func(b *bench, p *pending) {
			b.asked().Type("000000")
			b.asked().Cancel()
			p.ends(signin.CodePINWrong)
		},
	} {
		t.Run(name, func(t *testing.T) {
			twoCards(t, func(b *bench) {
				b.signsBill()
				refuse(b, b.authenticate(time.Minute))
				p := b.authenticate(time.Minute)
				choice := b.asked()
				if len(choice.Choices) != 2 {
					t.Fatalf("asked %+v", choice)
				}
				choice.Choose(0)
				b.asked().Type("123456")
				if got := p.succeeds().Token.UnverifiedCertificate; got != "Anna" {
					t.Errorf("the token is %s's", got)
				}
			})
		})
	}
}

func TestAPageThatGoesTakesNoChoiceBack(t *testing.T) {
	twoCards(t, func(b *bench) {
		b.signsBill()
		p := b.authenticate(time.Minute)
		asked := b.asked()
		p.cancel()
		<-asked.Closed
		p.ends(signin.CodeCancelled)
		p = b.authenticate(time.Minute)
		asked = b.asked()
		if asked.About.Holder != "Bill" {
			t.Fatalf("asked %+v %+v", asked.About, asked.Choices)
		}
		asked.Type("123456")
		p.succeeds()
	})
}

func TestTheLogSaysWhichRuleKeptWhichKeyOut(t *testing.T) {
	run(t, func(b *bench) {
		var log bytes.Buffer
		b.Log = slog.New(slog.NewTextHandler(&log, nil))
		b.rules.Unusable = map[string]signin.Why{"Anna": signin.WhyWrongIssuer}
		b.cards.Insert(b.card)
		e := b.authenticate(time.Minute).ends(signin.CodeNoUsableCertificate)
		if e.Why != signin.WhyWrongIssuer || !strings.Contains(log.String(), "key 9A in Reader 1: rule wrongIssuer") {
			t.Errorf("got %v, logged %s", e.Why, &log)
		}
	})
}

func TestTheLogSaysWhyAKeyMayNotSignDocuments(t *testing.T) {
	for name, c := range map[string]struct {
		usages []x509.KeyUsage
		logged []string
	}{
		"for signing in":   {[]x509.KeyUsage{x509.KeyUsageDigitalSignature}, []string{"key 9A in Reader 1: rule wrongUsage"}},
		"both usages":      {[]x509.KeyUsage{x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment}, []string{"key 9A in Reader 1: rule bothUsages"}},
		"two certificates": {[]x509.KeyUsage{x509.KeyUsageContentCommitment, x509.KeyUsageDigitalSignature}, []string{"key 9A in Reader 1: another certificate of the card has the same key", "key 9C in Reader 1: rule wrongUsage"}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				var log bytes.Buffer
				b.Log = slog.New(slog.NewTextHandler(&log, nil))
				b.card = signintest.NewCardFor(t, "Anna", c.usages[0])
				for _, usage := range c.usages[1:] {
					b.card.AddTwin(t, usage)
				}
				b.cards.Insert(b.card)
				p, _ := b.sign(1)
				p.ends(signin.CodeNoUsableCertificate)
				for _, want := range c.logged {
					if !strings.Contains(log.String(), want) {
						t.Errorf("logged %s, want %s", &log, want)
					}
				}
			})
		})
	}
}
