package piv

import (
	"context"
	"errors"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// batch is a request for n signatures and what was made of it.
func (b *bench) batch(slot Slot, n int) (req SignRequest, made *[][]byte) {
	req = b.request(slot)
	req.Digests = nil
	for i := range n {
		req.Digests = append(req.Digests, digestOf(req.Opts.HashFunc(), string(rune('a'+i))))
	}
	made = new([][]byte)
	req.Signed = func(s []byte) { *made = append(*made, s) }
	return req, made
}

// verifies fails unless exactly the first n digests were signed.
func (b *bench) verifies(req SignRequest, made [][]byte, n int) {
	b.t.Helper()
	if len(made) != n {
		b.t.Fatalf("%d signatures, want %d", len(made), n)
	}
	for i, s := range made {
		if err := verify(req.Public, req.Opts, req.Digests[i], s); err != nil {
			b.t.Errorf("signature %d: %v", i, err)
		}
	}
}

// pinsSent counts the VERIFY commands with a PIN that the card got.
func pinsSent(card *virtual.Card) (n int) {
	for _, e := range card.Trace() {
		if e.INS() == apdu.InsVerify && e.Length > 5 {
			n++
		}
	}
	return n
}

func TestThePINIsReplayedOnlyWhereTheKeyInsists(t *testing.T) {
	for slot, verified := range map[Slot]int{Authentication: 1, Signature: 4} {
		b := newBench(t, virtual.P256("Anna"))
		req, made := b.batch(slot, 4)
		if err := b.transact(func(tx Transaction) error { return Sign(t.Context(), tx, req) }); err != nil {
			t.Fatal(err)
		}
		b.verifies(req, *made, 4)
		if n := pinsSent(b.card); n != verified {
			t.Errorf("%v: the PIN was sent %d times, want %d", slot, n, verified)
		}
		b.forgotten()
	}
}

func TestABatchStopsAtTheFirstRefusal(t *testing.T) {
	b := newBench(t, virtual.P256("Anna"))
	req, made := b.batch(Signature, 4)
	err := b.transact(func(tx Transaction) error {
		return Sign(t.Context(), tx, SignRequest{
			Settings: req.Settings, Slot: req.Slot, Public: req.Public, Opts: req.Opts, Digests: req.Digests, PIN: req.PIN,
			Signed: func(s []byte) {
				req.Signed(s)
				if len(*made) == 2 { // as if another program had changed the PIN
					b.card.Script(virtual.On(apdu.InsVerify, virtual.Answer(0x63C2)))
				}
			},
		})
	})
	if !errors.Is(err, WrongPIN{PIN, 2}) {
		t.Errorf("got %v", err)
	}
	b.verifies(req, *made, 2)
	if n := pinsSent(b.card); n != 3 {
		t.Errorf("the PIN was sent %d times, want 3", n)
	}
	b.forgotten()
}

func TestABatchEndsBetweenTwoSignatures(t *testing.T) {
	b := newBench(t, virtual.P256("Anna"))
	req, made := b.batch(Signature, 4)
	ctx, cancel := context.WithCancel(t.Context())
	one := req.Signed
	req.Signed = func(s []byte) {
		one(s)
		if len(*made) == 3 {
			cancel()
		}
	}
	if err := b.transact(func(tx Transaction) error { return Sign(ctx, tx, req) }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.verifies(req, *made, 3)
	b.forgotten()
}

func TestABatchWithABadDigestSendsNothing(t *testing.T) {
	b := newBench(t, virtual.P256("Anna"))
	req, _ := b.batch(Signature, 3)
	for name, digests := range map[string][][]byte{"none": nil, "short": {req.Digests[0], req.Digests[1][:31]}, "empty": {{}}} {
		req.Digests = digests
		commands := b.card.Count()
		if err := b.transact(func(tx Transaction) error { return Sign(t.Context(), tx, req) }); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: got %v", name, err)
		}
		if n := b.card.Count(); n != commands {
			t.Errorf("%s: %d commands reached the card", name, n-commands)
		}
	}
}
