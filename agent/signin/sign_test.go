package signin_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
)

// signs puts a card that signs documents in and begins a batch.
func (b *bench) signs(n int) (*pendingBatch, signin.SignRequest) {
	b.t.Helper()
	b.card = signintest.NewCardFor(b.t, "Anna", x509.KeyUsageContentCommitment)
	b.cards.Insert(b.card)
	return b.sign(n)
}

func (b *bench) sign(n int) (*pendingBatch, signin.SignRequest) {
	b.t.Helper()
	req := signin.SignRequest{Origin: origin, Hash: crypto.SHA256, Certificate: b.card.Keys()[0].Certificate.Raw}
	for i := range n {
		digest := sha256.Sum256([]byte{byte(i)})
		req.Items = append(req.Items, signin.SignItem{ID: fmt.Sprint(i), Digest: digest[:]})
	}
	return b.batch(req), req
}

func (b *bench) batch(req signin.SignRequest) *pendingBatch {
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	p := &pendingBatch{b: b, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer cancel()
		p.result, p.err = b.Sign(ctx, req, func(g signin.Progress) {
			p.phases = append(p.phases, g)
			if p.onProgress != nil {
				p.onProgress(g)
			}
		})
	}()
	synctest.Wait()
	return p
}

type pendingBatch struct {
	b          *bench
	cancel     context.CancelFunc
	onProgress func(signin.Progress)
	phases     []signin.Progress
	result     signin.SignResult
	err        error
	done       chan struct{}
}

// is fails unless the first n items are signed, verifiably, and the others are
// failures with code.
func (p *pendingBatch) is(req signin.SignRequest, n int, code signin.Code) {
	p.b.t.Helper()
	<-p.done
	if p.err != nil {
		p.b.t.Fatal(p.err)
	}
	if len(p.result.Signatures) != n || len(p.result.Failures) != len(req.Items)-n {
		p.b.t.Fatalf("%d signatures and %d failures of %d, want %d signatures", len(p.result.Signatures), len(p.result.Failures), len(req.Items), n)
	}
	public, _ := p.result.Key.Certificate.PublicKey.(*ecdsa.PublicKey)
	for i, s := range p.result.Signatures {
		if s.ID != req.Items[i].ID || !ecdsa.VerifyASN1(public, req.Items[i].Digest, s.Signature) {
			p.b.t.Errorf("signature %d is not of its item", i)
		}
	}
	for i, f := range p.result.Failures {
		if f != (signin.ItemFailure{ID: req.Items[n+i].ID, Code: code}) {
			p.b.t.Errorf("failure %+v, want %s", f, code)
		}
	}
}

func (p *pendingBatch) ends(code signin.Code) *signin.Error {
	p.b.t.Helper()
	<-p.done
	e, ok := errors.AsType[*signin.Error](p.err)
	if !ok || e.Code != code {
		p.b.t.Fatalf("ended with %v, want %s", p.err, code)
	}
	return e
}

func TestABatchIsSignedWithOnePINAndItsCountIsShown(t *testing.T) {
	run(t, func(b *bench) {
		p, req := b.signs(250)
		asked := b.asked()
		want := signin.About{Origin: origin, Purpose: signin.ToSign, Items: 250, Holder: "Anna", Reader: "Reader 1"}
		if asked.About != want {
			t.Errorf("the window shows %+v", asked.About)
		}
		asked.Type("123456")
		p.is(req, 250, "")
		if n := len(p.phases); n != 52 {
			t.Errorf("the page heard %d times, want the PIN, the start and 50 steps", n)
		}
		if last := p.phases[len(p.phases)-1]; last != (signin.Progress{Phase: signin.Signing, Done: 250, Total: 250}) {
			t.Errorf("the last progress is %+v", last)
		}
	})
}

func TestOneDocumentIsSignedWithoutAPageOfProgress(t *testing.T) {
	run(t, func(b *bench) {
		p, req := b.signs(1)
		b.asked().Type("123456")
		p.is(req, 1, "")
	})
}

func TestACardThatGoesInTheMiddleLeavesWhatItSigned(t *testing.T) {
	run(t, func(b *bench) {
		p, req := b.signs(10)
		card := b.card
		p.onProgress = func(g signin.Progress) {
			if g.Done == 4 {
				card.Pull()
			}
		}
		b.asked().Type("123456")
		p.is(req, 4, signin.CodeCardRemoved)
	})
}

func TestACardThatGoesBeforeTheFirstSignatureIsWaitedFor(t *testing.T) {
	run(t, func(b *bench) {
		p, req := b.signs(3)
		b.asked()
		b.cards.Remove(b.card)
		synctest.Wait()
		b.cards.Insert(b.card.Again())
		b.asked().Type("123456")
		p.is(req, 3, "")
	})
}

func TestThePersonStopsABatchBetweenTwoDocuments(t *testing.T) {
	run(t, func(b *bench) {
		p, req := b.signs(10)
		p.onProgress = func(g signin.Progress) {
			if g.Done == 6 {
				b.asked().Cancel()
				synctest.Wait()
			}
		}
		b.asked().Type("123456")
		p.is(req, 6, signin.CodeCancelled)
	})
}

func TestAPageThatCancelsInTheMiddleHearsWhatWasSigned(t *testing.T) {
	run(t, func(b *bench) {
		p, req := b.signs(10)
		p.onProgress = func(g signin.Progress) {
			if g.Done == 2 {
				p.cancel()
			}
		}
		b.asked().Type("123456")
		p.is(req, 2, signin.CodeCancelled)
	})
}

func TestAWrongPINSignsNothingAndAsksAgain(t *testing.T) {
	run(t, func(b *bench) {
		p, req := b.signs(3)
		b.asked().Type("000000")
		again := b.asked()
		if !again.Question.Wrong || again.Question.TriesLeft != 2 {
			t.Errorf("the question is %+v", again.Question)
		}
		again.Type("123456")
		p.is(req, 3, "")
	})
}

func TestASignatureThatDoesNotVerifyNeverLeaves(t *testing.T) {
	run(t, func(b *bench) {
		b.Tokens = signintest.Tokens{FinishError: errors.New("wrong")}
		p, _ := b.signs(3)
		b.asked().Type("123456")
		p.ends(signin.CodeCardUnreadable)
	})
}

func TestOnlyAHashOfTheKeyIsSigned(t *testing.T) {
	run(t, func(b *bench) {
		p, req := b.signs(1)
		p.cancel()
		p.ends(signin.CodeCancelled)
		req.Hash = crypto.SHA512
		calls := b.card.Calls()
		if e := b.batch(req).ends(signin.CodeInvalidRequest); e.Field != "hash" {
			t.Errorf("the field is %q", e.Field)
		}
		if b.card.Calls() != calls {
			t.Error("the card was asked")
		}
	})
}

func TestTheAuditLogCountsWhatWasSigned(t *testing.T) {
	run(t, func(b *bench) {
		p, _ := b.signs(3)
		card := b.card
		p.onProgress = func(g signin.Progress) {
			if g.Done == 2 {
				card.Pull()
			}
		}
		b.asked().Type("123456")
		<-p.done
		events := b.audit.Events()
		e := events[len(events)-1]
		if e.What != "sign" || e.Items != 3 || e.Signed != 2 || e.Outcome != string(signin.CodeCardRemoved) || e.Certificate == nil {
			t.Errorf("the event is %+v", e)
		}
	})
}

// These are the rules that keep a sign-in and a signature apart, on cards whose
// certificates say both, or whose two certificates have one key.
func TestAKeyThatCouldSignInSignsNoDocument(t *testing.T) {
	for name, c := range map[string]struct {
		usage x509.KeyUsage
		twin  x509.KeyUsage // of a second certificate of the same key; none when zero
		why   signin.Why
	}{
		"sign-in key":              {x509.KeyUsageDigitalSignature, 0, signin.WhyWrongUsage},
		"both usages":              {x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, 0, signin.WhyBothUsages},
		"one key, two usages":      {x509.KeyUsageContentCommitment, x509.KeyUsageDigitalSignature, signin.WhyBothUsages},
		"one key, the usage twice": {x509.KeyUsageContentCommitment, x509.KeyUsageContentCommitment, signin.WhyBothUsages},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				b.card = signintest.NewCardFor(t, "Anna", c.usage)
				if c.twin != 0 {
					b.card.AddTwin(t, c.twin)
				}
				b.cards.Insert(b.card)
				calls := b.card.Calls()
				p, _ := b.sign(1)
				if e := p.ends(signin.CodeNoUsableCertificate); e.Why != c.why {
					t.Errorf("why is %q, want %q", e.Why, c.why)
				}
				_, err := b.GetSigningCertificate(b.t.Context(), origin, "", func(signin.Progress) {})
				if e, ok := errors.AsType[*signin.Error](err); !ok || e.Code != signin.CodeNoUsableCertificate || e.Why != c.why {
					t.Errorf("the certificate: %v", err)
				}
				if b.card.Calls() != calls {
					t.Error("the card was asked")
				}
			})
		})
	}
}

func TestTheKeyForDocumentsSignsNobodyIn(t *testing.T) {
	for name, c := range map[string]struct {
		usage, twin x509.KeyUsage
		why         signin.Why
	}{
		"also of the other one":  {x509.KeyUsageDigitalSignature, x509.KeyUsageContentCommitment, signin.WhyBothUsages},
		"also of one with both":  {x509.KeyUsageDigitalSignature, x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, signin.WhyBothUsages},
		"two for signing people": {x509.KeyUsageDigitalSignature, x509.KeyUsageDigitalSignature, ""},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(b *bench) {
				b.card = signintest.NewCardFor(t, "Anna", c.usage)
				b.card.AddTwin(t, c.twin)
				b.cards.Insert(b.card)
				calls := b.card.Calls()
				ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
				defer cancel()
				done := make(chan error)
				go func() {
					_, err := b.Authenticate(ctx, signin.Request{Origin: origin, Nonce: "nonce"}, func(signin.Progress) {})
					done <- err
				}()
				if c.why == "" {
					cancel() // it was asked for the PIN, or which of the two
				}
				e, ok := errors.AsType[*signin.Error](<-done)
				if !ok || c.why != "" && (e.Code != signin.CodeNoUsableCertificate || e.Why != c.why || b.card.Calls() != calls) {
					t.Errorf("got %v", e)
				}
				if c.why == "" && e.Code == signin.CodeNoUsableCertificate {
					t.Errorf("a card without a key for documents: %v", e)
				}
			})
		})
	}
}

func TestASigningCertificateIsShownAfterAYesAlone(t *testing.T) {
	run(t, func(b *bench) {
		b.card = signintest.NewCardFor(t, "Anna", x509.KeyUsageContentCommitment)
		b.cards.Insert(b.card)
		for _, yes := range []bool{true, false} {
			var got signin.SigningCertificate
			done := make(chan error)
			go func() {
				var err error
				got, err = b.GetSigningCertificate(b.t.Context(), origin, "cy", func(signin.Progress) {})
				done <- err
			}()
			asked := b.asked()
			if asked.About != (signin.About{Origin: origin, Purpose: signin.ToShowCertificate, Lang: "cy"}) || len(asked.Choices) != 1 {
				t.Errorf("asked %+v %+v", asked.About, asked.Choices)
			}
			if !yes {
				asked.Cancel()
				if err := <-done; signin.CodeOf(err) != signin.CodeCancelled || got.Certificate != nil {
					t.Errorf("after a no: %v %v", err, got)
				}
				continue
			}
			asked.Choose(0)
			if err := <-done; err != nil || !got.Certificate.Equal(b.card.Keys()[0].Certificate) {
				t.Errorf("after a yes: %v", err)
			}
			if !slices.Equal(got.Algorithms, []signin.Algorithm{{Name: "ES256", Hash: crypto.SHA256}}) {
				t.Errorf("algorithms %v", got.Algorithms)
			}
		}
		if b.card.Calls() != 0 {
			t.Error("the card was asked")
		}
	})
}
