package piv

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// The cards of these tests: one that forgets and one that does not.
var forgetting = map[string]func(*virtual.Profile){
	"forgets":         func(*virtual.Profile) {},
	"does not forget": virtual.DoesNotForget,
}

// operations are all that send a PIN, each in the way that succeeds or not.
var operations = map[string]func(ctx context.Context, b *bench, tx Transaction) error{
	"sign": func(ctx context.Context, b *bench, tx Transaction) error {
		req := b.request(Authentication)
		req.Settings.CanForget = false // found out each time
		signature, err := signOne(ctx, tx, req)
		if err != nil {
			return err
		}
		return verify(req.Public, req.Opts, req.Digests[0], signature)
	},
	"sign with the signing key": func(ctx context.Context, b *bench, tx Transaction) error {
		req := b.request(Signature)
		req.Settings.CanForget = false
		_, err := signOne(ctx, tx, req)
		return err
	},
	"sign with a key that is not there": func(ctx context.Context, b *bench, tx Transaction) error {
		req := b.request(Authentication)
		req.Settings.CanForget, req.Opts, req.Digests = false, crypto.SHA256, [][]byte{make([]byte, 32)}
		req.Public = virtual.NewCard(virtual.NewCA("Other CA"), virtual.P384("x")).Certificate(virtual.Authentication).PublicKey
		if _, err := signOne(ctx, tx, req); !errors.Is(err, apdu.IncorrectP1P2) {
			return fmt.Errorf("key of another algorithm: %w", err)
		}
		return nil
	},
	"change": func(ctx context.Context, _ *bench, tx Transaction) error {
		return ChangePIN(ctx, tx, ChangePINRequest{
			Settings: Settings{PIN: ApplicationPIN}, Old: []byte(virtual.DefaultPIN), New: []byte(virtual.DefaultPIN),
		})
	},
	"unblock": func(ctx context.Context, _ *bench, tx Transaction) error {
		return UnblockPIN(ctx, tx, UnblockPINRequest{
			Settings: Settings{PIN: ApplicationPIN}, PUK: []byte(virtual.DefaultPUK), New: []byte(virtual.DefaultPIN), AllowLastTry: true,
		})
	},
}

func TestASecondProgramSignsWhereAPINIsLeftVerified(t *testing.T) {
	// Without this the tests below would prove nothing.
	b := newBench(t, virtual.P256("Robin Example"))
	i, stop := b.intrude(readerName)
	b.leaveVerified()
	i.waitForAttempts(2)
	stop()
	if i.signed.Load() == 0 {
		t.Error("the intruder could have signed and did not")
	}
}

func TestASecondProgramNeverSigns(t *testing.T) {
	for kind, change := range forgetting {
		for name, operation := range operations {
			t.Run(kind+", "+name, func(t *testing.T) {
				b := newBench(t, virtual.P256("Robin Example").With(change))
				i, stop := b.intrude(readerName)
				b.besiege(i, 20, operation)
				stop()
				i.never(t)
			})
		}
	}
}

// besiege runs an operation some times under the intruder's eyes.
func (b *bench) besiege(i *intruder, rounds int, operation func(context.Context, *bench, Transaction) error) {
	b.t.Helper()
	for range rounds {
		if err := b.transact(func(tx Transaction) error { return operation(b.t.Context(), b, tx) }); err != nil {
			b.t.Error(err)
		}
		b.forgotten()
		i.waitForAttempts(2)
	}
}

func TestASecondProgramNeverSignsWhenTheOperationFailsMidway(t *testing.T) {
	for kind, change := range forgetting {
		for name, action := range failures {
			t.Run(kind+", "+name, func(t *testing.T) {
				for n := 1; n <= 6; n++ {
					b := newBench(t, virtual.P256("Robin Example").With(change))
					i, stop := b.intrude(readerName)
					_ = b.transact(func(tx Transaction) error { // the error is another test's
						return operations["sign"](t.Context(), b, &hooked{Transaction: tx, hook: func(at int) {
							if at == n {
								b.card.Script(virtual.At(1, action))
							}
						}})
					})
					if strings.HasPrefix(name, "removed") {
						b.slot.Insert(b.card)
					}
					b.forgotten()
					i.waitForAttempts(2)
					stop()
					i.never(t)
				}
			})
		}
	}
}

var failures = map[string]virtual.Action{
	"no precise diagnosis":   virtual.Answer(0x6F00),
	"security not satisfied": virtual.Answer(0x6982),
	"more data for ever":     virtual.Answer(0x6100),
	"garbage":                virtual.Garbage(0x90),
	"mute":                   virtual.Mute,
	"removed":                virtual.Remove,
	"removed after it":       virtual.RemoveAfter,
}

// hooked calls hook with the number of each command before it is sent.
type hooked struct {
	Transaction
	hook func(n int)
	sent int
}

func (h *hooked) Transmit(command []byte) ([]byte, error) {
	h.sent++
	h.hook(h.sent)
	return h.Transaction.Transmit(command)
}

// direct is a transaction with a card that is in no reader.
type direct struct {
	card   *virtual.Card
	resets int
}

func (d *direct) Transmit(command []byte) ([]byte, error) {
	return d.card.Transmit(context.Background(), command)
}

func (d *direct) ResetAtEnd() { d.resets++ }

// end is the end of the transaction.
func (d *direct) end(t *testing.T) {
	t.Helper()
	if d.resets > 1 {
		t.Errorf("%d resets", d.resets)
	}
	if d.resets > 0 {
		if err := d.card.Reset(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if d.card.PINVerified() {
		t.Error("the card holds the PIN as verified")
	}
}

func TestAResetIsAskedForOnlyWhereTheCardCannotForget(t *testing.T) {
	for kind, change := range forgetting {
		for name, operation := range operations {
			b := newBench(t, virtual.P256("Robin Example").With(change))
			d := &direct{card: b.card}
			if err := operation(t.Context(), b, d); err != nil {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
			// UnblockPIN does not find out what it was not told.
			if want := kind != "forgets" || name == "unblock"; want != (d.resets == 1) {
				t.Errorf("%s, %s: %d resets", kind, name, d.resets)
			}
			d.end(t)
		}
		b := newBench(t, virtual.P256("Robin Example").With(change))
		d := &direct{card: b.card}
		req := b.request(Authentication)
		req.Settings.CanForget, req.PIN = false, []byte("000000")
		if _, err := signOne(t.Context(), d, req); err != (WrongPIN{PIN, 2}) || d.resets > 0 {
			t.Errorf("%s: a refused PIN needs no reset: %v, %d", kind, err, d.resets)
		}
		d.end(t)
	}
}

func TestThePINIsForgottenWhateverHappensAtWhicheverCommand(t *testing.T) {
	type stop struct {
		name string
		at   func(cancel func())
	}
	stops := []stop{
		{"the context ends", func(cancel func()) { cancel() }},
		{"the driver panics", func(func()) { panic("driver") }},
	}
	for kind, change := range forgetting {
		for name, operation := range operations {
			for _, s := range stops {
				for n := 1; n <= 7; n++ {
					t.Run(fmt.Sprintf("%s, %s, %s at %d", kind, name, s.name, n), func(t *testing.T) {
						b := newBench(t, virtual.P256("Robin Example").With(change))
						d := &direct{card: b.card}
						ctx, cancel := context.WithCancel(t.Context())
						defer cancel()
						func() {
							defer func() { _ = recover() }()
							_ = operation(ctx, b, &hooked{Transaction: d, hook: func(at int) {
								if at == n {
									s.at(cancel)
								}
							}})
						}()
						d.end(t)
					})
				}
			}
		}
	}
}

func TestAContextThatEndsAfterTheTriesAreKnownSpendsNone(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	ctx, cancel := context.WithCancel(t.Context())
	req := b.request(Authentication)
	req.PIN = []byte("000000")
	_, err := signOne(ctx, &hooked{Transaction: &direct{card: b.card}, hook: func(n int) {
		if n == 2 {
			cancel()
		}
	}}, req)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	b.triesAre(3, 3)
}

// ignoresP1 is a card that takes the command to forget for a query.
type ignoresP1 struct{ *direct }

func (i ignoresP1) Transmit(command []byte) ([]byte, error) {
	if bytes.Equal(command, []byte{0x00, 0x20, 0xFF, 0x80}) {
		command = []byte{0x00, 0x20, 0x00, 0x80}
	}
	return i.direct.Transmit(command)
}

func TestACardThatTakesForgettingForAQueryIsNotBelieved(t *testing.T) {
	for _, verifiedBefore := range []bool{false, true} {
		b := newBench(t, virtual.P256("Robin Example"))
		d := &direct{card: b.card}
		card, err := Inspect(t.Context(), ignoresP1{d}, apdu.Chained)
		if err != nil || card.CanForget {
			t.Errorf("%+v, %v", card, err)
		}
		if verifiedBefore {
			b.leaveVerified()
		}
		req := b.request(Authentication)
		req.Settings, req.AllowLastTry = card.Settings, true
		if _, err := signOne(t.Context(), ignoresP1{d}, req); err != nil {
			t.Error(err)
		}
		if d.resets != 1 {
			t.Errorf("%d resets", d.resets)
		}
		d.end(t)
	}
}

func TestAPINWhoseAnswerWasLostCountsAsVerified(t *testing.T) {
	for kind, change := range forgetting {
		b := newBench(t, virtual.P256("Robin Example").With(change))
		d := &direct{card: b.card}
		_, err := signOne(t.Context(), &hooked{Transaction: d, hook: func(n int) {
			if n == 4 { // VERIFY: the card does it, and the answer does not arrive
				b.card.Script(virtual.At(1, virtual.RemoveAfter))
			}
		}}, SignRequest{
			Settings: Settings{PIN: ApplicationPIN}, Slot: Authentication, Opts: crypto.SHA256, Digests: [][]byte{make([]byte, 32)},
			Public: b.card.Certificate(virtual.Authentication).PublicKey, PIN: []byte(virtual.DefaultPIN),
		})
		if !errors.Is(err, virtual.ErrRemoved) || b.card.PINVerified() != (kind != "forgets") {
			t.Errorf("%s: %v, verified %v", kind, err, b.card.PINVerified())
		}
		d.end(t)
	}
}
