package host_test

import (
	"crypto/x509"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// openSC is where Debian's package opensc-pkcs11 puts the module.
const openSC = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"

// The instructions that these tests look for.
const (
	insVerify = 0x20
	insSign   = 0x87
)

// bench is OpenSC over a private pcscd with two readers.
type bench struct {
	*host.Host
	daemon *pcscdtest.Daemon
	slots  [2]virtual.Slot
}

func newBench(t *testing.T, changes ...func(*host.Config)) *bench {
	t.Helper()
	return newBenchOf(t, pcscdtest.Start, changes...)
}

func newBenchOf(t *testing.T, start func(name string) (*pcscdtest.Daemon, error), changes ...func(*host.Config)) *bench {
	t.Helper()
	daemon, err := start("Host Test Reader")
	if err == nil {
		if _, e := os.Stat(openSC); e != nil {
			err = errors.Join(e, daemon.Close())
		}
	}
	if err != nil {
		if os.Getenv("CARDEA_E2E_REQUIRED") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	b := &bench{daemon: daemon}
	t.Cleanup(func() {
		if err := daemon.Close(); err != nil {
			t.Error(err)
		}
	})
	for i, reader := range daemon.Readers {
		b.slots[i] = virtual.NewVPCD(reader.Addr)
		t.Cleanup(b.slots[i].Remove)
	}
	b.Host, _ = newHost(t, &pkcs11test.Token{Module: openSC, Env: []string{daemon.Env()}}, changes...)
	return b
}

func (b *bench) reader(i int) string { return b.daemon.Readers[i].Name }

// put puts a card into a reader, in place of the one that is in it, and waits
// until the module sees it.
func (b *bench) put(t *testing.T, i int, card *virtual.Card) {
	t.Helper()
	b.pull(t, i)
	b.slots[i].Insert(card)
	certificate := card.Certificate(virtual.Authentication)
	await(t, "the card is seen", func() bool {
		_, err := b.Token(t.Context(), b.reader(i), certificate.Raw)
		return err == nil
	})
}

// pull pulls a card and waits until the module misses it.
func (b *bench) pull(t *testing.T, i int) {
	t.Helper()
	b.slots[i].Remove()
	await(t, "the reader is empty", func() bool {
		tokens, err := b.Tokens(t.Context(), b.reader(i))
		return err == nil && len(tokens) == 0
	})
}

func (b *bench) request(i, n int, certificate *x509.Certificate) host.SignRequest {
	return host.SignRequest{Batch: ask(b.reader(i), certificate, n), PIN: []byte(virtual.DefaultPIN)}
}

// verifies counts the PINs that a card was given.
func verifies(card *virtual.Card) (n int) {
	for _, e := range card.Trace() {
		if e.INS() == insVerify && e.Length > 5 {
			n++
		}
	}
	return n
}

func newCard(p virtual.Profile) *virtual.Card { return virtual.NewCard(virtual.NewCA("Test CA"), p) }

func TestOpenSCReadsAndSignsWithEveryKindOfKey(t *testing.T) {
	b := newBench(t)
	for _, profile := range []virtual.Profile{virtual.P256("Robin"), virtual.P384("Robin"), virtual.RSA2048("Robin")} {
		card := newCard(profile)
		b.put(t, 0, card)
		tokens, err := b.Tokens(t.Context(), b.reader(0))
		if err != nil || len(tokens) != 1 || tokens[0].Slot != b.reader(0) || len(tokens[0].Keys) != 4 {
			t.Fatalf("%+v, %v", tokens, err)
		}
		if n := verifies(card); n != 0 {
			t.Errorf("%d PINs were given to read the card", n)
		}
		for slot, given := range map[virtual.KeySlot]int{virtual.Authentication: 1, virtual.Signature: 3} {
			before := verifies(card)
			r := b.request(0, 3, card.Certificate(slot))
			signatures, err := b.Sign(t.Context(), r)
			if err != nil {
				t.Fatalf("%X: %v", slot, err)
			}
			verify(t, r, signatures, 3)
			// The key for signatures insists on it, besides the log-in.
			if n := verifies(card) - before; n < given || n > given+1 {
				t.Errorf("%X: %d PINs were given", slot, n)
			}
		}
	}
}

func TestOpenSCTellsTheStateOfThePIN(t *testing.T) {
	b := newBench(t)
	card := newCard(virtual.P256("Robin"))
	b.put(t, 0, card)
	certificate := card.Certificate(virtual.Authentication)
	try := func(pin string, allow bool, want error, tries host.Tries) {
		t.Helper()
		r := b.request(0, 1, certificate)
		r.PIN, r.AllowLastTry = []byte(pin), allow
		_, err := b.Sign(t.Context(), r)
		if e, is := errors.AsType[*host.Error](err); !errors.Is(err, want) || !is || e.Tries != tries {
			t.Errorf("got %v with %q, want %v with %q", err, e.Tries, want, tries)
		}
	}
	state := func(want host.Tries, left int) {
		t.Helper()
		token, err := b.Token(t.Context(), b.reader(0), certificate.Raw)
		if pin, _ := card.TriesLeft(); err != nil || token.Tries != want || pin != left {
			t.Errorf("%q with %d tries left, %v; want %q with %d", token.Tries, pin, err, want, left)
		}
	}
	state(host.TriesUnknown, 3)
	try("12", false, host.ErrPINForm, "")
	state(host.TriesUnknown, 3)
	try("999999", false, host.ErrPINIncorrect, "")
	state(host.TriesUnknown, 2)
	try("999999", false, host.ErrPINIncorrect, host.TriesFinal)
	state(host.TriesFinal, 1)
	try("999999", false, host.ErrLastTry, "")
	state(host.TriesFinal, 1)
	try("999999", true, host.ErrPINLocked, host.TriesLocked)
	state(host.TriesLocked, 0)
	before := verifies(card)
	try(virtual.DefaultPIN, true, host.ErrPINLocked, "")
	if n := verifies(card) - before; n != 0 {
		t.Errorf("%d PINs were given to a card that is blocked", n)
	}
}

func TestASwapIsSeenAndTheOtherCardGetsNoPIN(t *testing.T) {
	b := newBench(t)
	first, second, third := newCard(virtual.P256("Robin")), newCard(virtual.P256("Sam")), newCard(virtual.P256("Kim"))
	b.put(t, 0, first)
	b.put(t, 1, third)
	r := b.request(0, 1, first.Certificate(virtual.Authentication))
	signatures, err := b.Sign(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	verify(t, r, signatures, 1)
	b.put(t, 0, second)
	if _, err := b.Sign(t.Context(), r); !errors.Is(err, host.ErrKeyGone) {
		t.Errorf("after the swap: %v", err)
	}
	b.pull(t, 0)
	if _, err := b.Sign(t.Context(), r); !errors.Is(err, host.ErrTokenGone) {
		t.Errorf("without a card: %v", err)
	}
	if n := verifies(second) + verifies(third); n != 0 {
		t.Errorf("the other cards got %d PINs", n)
	}
	r = b.request(1, 1, third.Certificate(virtual.Authentication))
	if signatures, err = b.Sign(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	verify(t, r, signatures, 1)
}

// OpenSC 0.23 hangs for ever when the card is pulled at one of these moments,
// with its lock held. Later ones give an error.
func TestACardThatIsPulledDuringASignatureHangsNothing(t *testing.T) {
	for name, fault := range map[string]virtual.Fault{
		"before":           virtual.At(1, virtual.Remove),
		"at a command":     virtual.At(12, virtual.Remove),
		"at the PIN":       virtual.On(insVerify, virtual.Remove),
		"after the PIN":    virtual.On(insVerify, virtual.RemoveAfter),
		"at the signature": virtual.On(insSign, virtual.Remove),
		"after it":         virtual.On(insSign, virtual.RemoveAfter),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(c *host.Config) { c.Call = 5 * time.Second })
			card := newCard(virtual.P256("Robin"))
			b.put(t, 0, card)
			card.Script(fault)
			r := b.request(0, 2, card.Certificate(virtual.Authentication))
			signatures, err := b.Sign(t.Context(), r)
			if n := verifies(card); n > 1 {
				t.Errorf("%d PINs were given", n)
			}
			failure, failed := errors.AsType[*host.Failure](err)
			_, refused := errors.AsType[*host.Error](err)
			if !failed && !refused || failed && failure.How != host.Hung {
				t.Errorf("%d signatures, %v", len(signatures), err)
			}
			t.Logf("%v", err)
			card.Script()
			b.put(t, 0, card)
			if signatures, err = b.Sign(t.Context(), r); err != nil {
				t.Fatalf("the next request: %v", err)
			}
			verify(t, r, signatures, 2)
		})
	}
}
