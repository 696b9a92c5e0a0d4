package piv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

func (b *bench) changePIN(req ChangePINRequest) error {
	b.t.Helper()
	return b.transact(func(tx Transaction) error { return ChangePIN(b.t.Context(), tx, req) })
}

func (b *bench) unblockPIN(req UnblockPINRequest) error {
	b.t.Helper()
	return b.transact(func(tx Transaction) error { return UnblockPIN(b.t.Context(), tx, req) })
}

// triesAre compares the counters of PIN and PUK, as the card itself has them.
func (b *bench) triesAre(pin, puk int) {
	b.t.Helper()
	if gotPIN, gotPUK := b.card.TriesLeft(); gotPIN != pin || gotPUK != puk {
		b.t.Errorf("tries left: PIN %d, PUK %d; want %d, %d", gotPIN, gotPUK, pin, puk)
	}
}

func TestAWrongPINIsCountedUntilTheLastTryNeedsAYes(t *testing.T) {
	for name, blockedAtOnce := range map[string]bool{"63C0": false, "6983": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, virtual.P256("Robin Example").With(func(p *virtual.Profile) {
				p.Quirks.LastWrongIsBlocked = blockedAtOnce
			}))
			req := b.request(Authentication)
			req.PIN = []byte("000000")
			for left := 2; left >= 1; left-- {
				if _, err := b.sign(req); err != (WrongPIN{PIN, left}) {
					t.Errorf("error %v, want %d tries left", err, left)
				}
				b.triesAre(left, 3)
			}
			if _, err := b.sign(req); !errors.Is(err, ErrLastTry) {
				t.Errorf("last try without a yes: %v", err)
			}
			b.triesAre(1, 3)
			req.AllowLastTry = true
			for range 2 { // the second time no PIN is sent
				if _, err := b.sign(req); err != (Blocked{PIN}) {
					t.Errorf("error %v, want blocked", err)
				}
			}
			b.triesAre(0, 3)
			b.forgotten()
		})
	}
}

func TestTheRightPINOnTheLastTryWithAYesSigns(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example").With(virtual.OneTryLeft))
	req := b.request(Authentication)
	req.AllowLastTry = true
	signature, err := b.sign(req)
	if err == nil {
		err = verify(req.Public, req.Opts, req.Digests[0], signature)
	}
	if err != nil {
		t.Error(err)
	}
	b.triesAre(3, 3)
	b.forgotten()
}

func TestAskingTheTriesSpendsNone(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*virtual.Profile)
		left    int
		wantErr error
	}{
		{"fresh", func(*virtual.Profile) {}, 3, nil},
		{"one left", virtual.OneTryLeft, 1, nil},
		{"blocked", virtual.BlockedPIN, 0, nil},
		{"not set", virtual.PINNotSet, TriesUnknown, ErrPINNotSet},
	} {
		b := newBench(t, virtual.P256("Robin Example").With(c.change))
		for range 5 {
			var left int
			err := b.transact(func(tx Transaction) (err error) {
				left, err = TriesLeft(tx, Settings{PIN: ApplicationPIN})
				return err
			})
			if left != c.left || !errors.Is(err, c.wantErr) {
				t.Errorf("%s: %d, %v", c.name, left, err)
			}
		}
	}
}

func TestAPINThatCannotBeRightByItsFormIsNotSent(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	req := b.request(Authentication)
	for _, pin := range []string{"", "123", "123456789", "1234\xFF", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"} {
		req.PIN = []byte(pin)
		if _, err := b.sign(req); !errors.Is(err, ErrPINForm) {
			t.Errorf("%d bytes: %v", len(pin), err)
		}
	}
	settings := Settings{PIN: ApplicationPIN, CanForget: true}
	for _, pin := range []string{"", "12345", "123456789", "12345a", "1234567\xFF", "１２"} {
		change := ChangePINRequest{Settings: settings, Old: []byte(virtual.DefaultPIN), New: []byte(pin)}
		if err := b.changePIN(change); !errors.Is(err, ErrPINForm) {
			t.Errorf("new PIN of %d bytes: %v", len(pin), err)
		}
		unblock := UnblockPINRequest{Settings: settings, PUK: []byte(virtual.DefaultPUK), New: []byte(pin), AllowLastTry: true}
		if err := b.unblockPIN(unblock); !errors.Is(err, ErrPINForm) {
			t.Errorf("new PIN of %d bytes: %v", len(pin), err)
		}
	}
	if n := b.card.Count(); n > 0 {
		t.Errorf("%d commands were sent", n)
	}
	// What only the card can know the form of costs no try either.
	req.PIN = []byte("abcd")
	if _, err := b.sign(req); !errors.Is(err, ErrPINForm) {
		t.Errorf("letters: %v", err)
	}
	b.triesAre(3, 3)
}

func TestOlderPINsOfFourCharactersOfAnyKindWork(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example").With(func(p *virtual.Profile) {
		p.LegacyPIN, p.PIN = true, "aB-!"
	}))
	req := b.request(Authentication)
	req.PIN = []byte("aB-!")
	if _, err := b.sign(req); err != nil {
		t.Error(err)
	}
	b.forgotten()
}

func TestAPINCanBeChanged(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	req := ChangePINRequest{Settings: Settings{PIN: ApplicationPIN, CanForget: true}, Old: []byte("000000"), New: []byte("24681012")}
	if err := b.changePIN(req); err != (WrongPIN{PIN, 2}) {
		t.Errorf("wrong old PIN: %v", err)
	}
	req.Old = []byte(virtual.DefaultPIN)
	if err := b.changePIN(req); err != nil {
		t.Error(err)
	}
	b.forgotten()
	b.triesAre(3, 3)
	sign := b.request(Authentication)
	if _, err := b.sign(sign); err != (WrongPIN{PIN, 2}) {
		t.Errorf("the old PIN: %v", err)
	}
	sign.PIN = []byte("24681012")
	if _, err := b.sign(sign); err != nil {
		t.Errorf("the new PIN: %v", err)
	}
	if string(req.Old) != virtual.DefaultPIN || string(req.New) != "24681012" {
		t.Error("the caller's PINs were changed")
	}
}

func TestChangingAPINNeverSpendsTheLastTryUnasked(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example").With(virtual.OneTryLeft))
	req := ChangePINRequest{Settings: Settings{PIN: ApplicationPIN}, Old: []byte("000000"), New: []byte("24681012")}
	if err := b.changePIN(req); !errors.Is(err, ErrLastTry) {
		t.Errorf("error %v", err)
	}
	b.triesAre(1, 3)
}

func TestABlockedPINIsUnblockedByThePUK(t *testing.T) {
	for name, change := range map[string]func(*virtual.Profile){"blocked": virtual.BlockedPIN, "not set": virtual.PINNotSet} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, virtual.P256("Robin Example").With(change))
			req := UnblockPINRequest{
				Settings: Settings{PIN: ApplicationPIN, CanForget: true},
				PUK:      []byte("00000000"), New: []byte("24681012"),
			}
			if err := b.unblockPIN(req); !errors.Is(err, ErrLastTry) {
				t.Errorf("without a yes: %v", err)
			}
			if _, puk := b.card.TriesLeft(); puk != 3 {
				t.Errorf("PUK tries left %d", puk)
			}
			req.AllowLastTry = true
			if err := b.unblockPIN(req); err != (WrongPIN{PUK, 2}) {
				t.Errorf("wrong PUK: %v", err)
			}
			req.AllowLastTry, req.TriesLeft, req.PUK = false, 2, []byte(virtual.DefaultPUK)
			if err := b.unblockPIN(req); err != nil {
				t.Error(err)
			}
			b.triesAre(3, 3)
			b.forgotten()
			sign := b.request(Authentication)
			sign.PIN = []byte("24681012")
			if _, err := b.sign(sign); err != nil {
				t.Errorf("the new PIN: %v", err)
			}
		})
	}
}

func TestABlockedPUKIsNamed(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example").With(virtual.BlockedPIN, virtual.BlockedPUK))
	req := UnblockPINRequest{
		Settings: Settings{PIN: ApplicationPIN}, PUK: []byte(virtual.DefaultPUK), New: []byte("24681012"), AllowLastTry: true,
	}
	if err := b.unblockPIN(req); err != (Blocked{PUK}) {
		t.Errorf("error %v", err)
	}
	req.Settings.PIN = GlobalPIN
	if err := b.unblockPIN(req); !errors.Is(err, ErrUnsupported) {
		t.Errorf("global PIN: %v", err)
	}
}

func TestACardThatWasNeverGivenAPINIsNotTried(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example").With(virtual.PINNotSet))
	if _, err := b.sign(b.request(Authentication)); !errors.Is(err, ErrPINNotSet) {
		t.Errorf("error %v", err)
	}
}

// leaveVerified is another program that verifies the PIN and goes.
func (b *bench) leaveVerified() {
	b.t.Helper()
	r, err := b.card.Transmit(b.t.Context(), []byte("\x00\x20\x00\x80\x08123456\xFF\xFF"))
	if err != nil || !bytes.Equal(r, []byte{0x90, 0x00}) || !b.card.PINVerified() {
		b.t.Fatalf("%X, %v", r, err)
	}
}

func TestAPINThatAnotherProgramLeftVerifiedDoesNotHideTheCounter(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	b.leaveVerified()
	if card := b.inspect(); !b.card.PINVerified() || card.TriesLeft != TriesUnknown || card.CanForget {
		t.Errorf("inspection must leave the card as it is: %+v", card)
	}
	req := b.request(Authentication)
	req.PIN = []byte("000000")
	for left := 2; left >= 1; left-- {
		if _, err := b.sign(req); err != (WrongPIN{PIN, left}) {
			t.Errorf("error %v", err)
		}
	}
	if _, err := b.sign(req); !errors.Is(err, ErrLastTry) {
		t.Errorf("error %v", err)
	}

	// A card that can neither forget nor tell may be at its last try.
	b = newBench(t, virtual.P256("Robin Example").With(virtual.DoesNotForget))
	b.leaveVerified()
	req = b.request(Authentication)
	if _, err := b.sign(req); !errors.Is(err, ErrLastTry) {
		t.Errorf("error %v", err)
	}
	req.AllowLastTry = true
	if _, err := b.sign(req); err != nil {
		t.Error(err)
	}
	b.forgotten()
}

func TestEveryStatusWordForASecretHasItsError(t *testing.T) {
	for status, want := range map[apdu.StatusWord]error{
		0x9000: nil,
		0x63C2: WrongPIN{PIN, 2},
		0x63CF: WrongPIN{PIN, 15},
		0x6300: WrongPIN{PIN, TriesUnknown},
		0x63C0: Blocked{PIN},
		0x6983: Blocked{PIN},
		0x6984: ErrPINNotSet,
		0x6A88: ErrPINNotSet,
		0x6A80: ErrPINForm,
		0x6700: ErrPINForm,
		0x6F00: apdu.StatusWord(0x6F00),
		0x6982: apdu.SecurityNotSatisfied,
	} {
		err := secretError(PIN, status)
		if !errors.Is(err, want) {
			t.Errorf("%04X: %v, want %v", uint16(status), err, want)
		}
		if _, other := errors.AsType[apdu.StatusWord](err); refused(err) != (want != nil && want != error(status)) {
			t.Errorf("%04X: refused %v (%v)", uint16(status), refused(err), other)
		}
	}
}

// recorder notes every command as it is sent and keeps the buffers.
type recorder struct {
	Transaction
	buffers [][]byte
}

func (r *recorder) Transmit(command []byte) ([]byte, error) {
	r.buffers = append(r.buffers, command)
	return r.Transaction.Transmit(command)
}

func TestAPINIsInNoErrorAndNoBufferAfterwards(t *testing.T) {
	const pin, puk, fresh = "83927461", "57291846", "19283746"
	profile := virtual.P256("Robin Example").With(func(p *virtual.Profile) { p.PIN, p.PUK = "24681012", "13579111" })
	settings := Settings{PIN: ApplicationPIN, CanForget: true}
	for name, operation := range map[string]func(ctx context.Context, b *bench, tx Transaction) error{
		"sign": func(ctx context.Context, b *bench, tx Transaction) error {
			req := b.request(Authentication)
			req.PIN = []byte(pin)
			_, err := signOne(ctx, tx, req)
			return err
		},
		"change": func(ctx context.Context, _ *bench, tx Transaction) error {
			return ChangePIN(ctx, tx, ChangePINRequest{Settings: settings, Old: []byte(pin), New: []byte(fresh)})
		},
		"unblock": func(ctx context.Context, _ *bench, tx Transaction) error {
			return UnblockPIN(ctx, tx, UnblockPINRequest{Settings: settings, PUK: []byte(puk), New: []byte(fresh), AllowLastTry: true})
		},
	} {
		for _, fault := range []virtual.Fault{{}, virtual.At(2, virtual.Answer(0x6F00)), virtual.At(3, virtual.Remove), virtual.At(3, virtual.Garbage(1))} {
			b := newBench(t, profile)
			b.card.Script(fault)
			r := &recorder{}
			err := b.transact(func(tx Transaction) error {
				r.Transaction = tx
				return operation(t.Context(), b, r)
			})
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			shown := fmt.Sprintf("%v %+v %#v %q", err, err, err, err)
			for _, secret := range []string{pin, puk, fresh} {
				if strings.Contains(shown, secret) || strings.Contains(shown, fmt.Sprintf("%x", secret)) {
					t.Errorf("%s: the error shows it: %s", name, shown)
				}
			}
			for _, buffer := range r.buffers {
				if !bytes.Equal(buffer, make([]byte, len(buffer))) {
					t.Errorf("%s: a buffer still holds %X", name, buffer)
				}
			}
		}
	}
}

func TestPrintingARequestNeverShowsAPIN(t *testing.T) {
	const canary = "83927461"
	for _, request := range []any{
		SignRequest{PIN: []byte(canary)},
		&ChangePINRequest{Old: []byte(canary), New: []byte(canary)},
		UnblockPINRequest{PUK: []byte(canary), New: []byte(canary)},
	} {
		encoded, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		shown := string(encoded)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U"} {
			shown += fmt.Sprintf(verb, request)
		}
		if !strings.Contains(shown, hidden) {
			t.Errorf("%T shows nothing of itself: %s", request, shown)
		}
		for _, leak := range []string{canary, fmt.Sprintf("%x", canary), "56 51 57 50 55", "ODM5Mjc0NjE="} {
			if strings.Contains(strings.ToLower(shown), strings.ToLower(leak)) {
				t.Errorf("%T shows the PIN: %s", request, shown)
			}
		}
	}
}

func TestARemovedCardIsTheCauseOfTheError(t *testing.T) {
	for n := 1; n <= 4; n++ {
		b := newBench(t, virtual.P256("Robin Example"))
		b.card.Script(virtual.RemoveAt(n))
		if _, err := b.sign(b.request(Authentication)); !errors.Is(err, pcsc.ErrCardRemoved) {
			t.Errorf("pulled at command %d: %v", n, err)
		}
	}
}
