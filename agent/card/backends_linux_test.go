package card

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// rig is a card that can be put into one reader, however it is spoken to.
type rig struct {
	*desk
	pin            string
	insert, remove func()
	// left is how many tries there are; nil where that cannot be seen.
	left func() int
	// verified reports whether the card holds a PIN for verified.
	verified func() bool
	tells    bool // the card counts its tries for us
	locks    bool // the card blocks a PIN that was wrong too often
}

// backends are the ways to a card.
var backends = map[string]func(t *testing.T) *rig{
	"scripted fake":                         fakeRig,
	"SoftHSM":                               softHSMRig,
	"virtual card":                          virtualRig,
	"virtual card through OpenSC and pcscd": openSCRig,
}

// onEach runs a test over each of them.
func onEach(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	for name, make := range backends {
		t.Run(name, func(t *testing.T) { test(t, make(t)) })
	}
}

// listOf is a card list that leads one kind of card to one module.
func listOf(t testing.TB, atr, file string) *cards.List {
	t.Helper()
	list, err := ShippedList().With(fmt.Appendf(nil, `
[[module]]
id = "module"
name = "Module"
files = {linux = [%q]}
[[card]]
id = "card"
name = "Card"
atr = %q
speak = "pkcs11"
modules = ["module"]
`, file, atr))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// anyFile is a file that is the administrators' alone, where a test's module is
// no file.
const anyFile = "/etc/passwd"

func fakeRig(t *testing.T) *rig {
	module := newFakeModule()
	d := startDesk(t, Config{List: listOf(t, foreignATR, anyFile), Modules: module.open}, "Reader 1")
	token := newFakeToken(t, "Anna", x509.KeyUsageDigitalSignature, x509.KeyUsageContentCommitment)
	card := virtual.NewCard(d.ca, virtual.Foreign())
	resets := 0
	return &rig{
		desk: d, pin: token.pin, locks: true,
		insert: func() { module.put("Reader 1", token); d.slot.Insert(card); resets = card.Resets() },
		remove: func() { d.slot.Remove(); module.put("Reader 1", nil) },
		left:   func() int { module.mu.Lock(); defer module.mu.Unlock(); return token.left },
		verified: func() bool {
			module.mu.Lock()
			defer module.mu.Unlock()
			return token.verified && card.Resets() == resets
		},
	}
}

func softHSMRig(t *testing.T) *rig {
	hsm := pkcs11test.New(t, pkcs11test.P256)
	log := slog.New(slog.DiscardHandler)
	open := hosts(t, log, func(c *host.Config) { c.Env = hsm.Environ() })
	d := startDesk(t, Config{List: listOf(t, foreignATR, hsm.Module), Modules: open, Log: log}, hsm.Slot)
	card := virtual.NewCard(d.ca, virtual.Foreign())
	logins := 0
	return &rig{
		desk: d, pin: pkcs11test.PIN,
		insert:   func() { d.slot.Insert(card); logins = card.Resets() },
		remove:   d.slot.Remove,
		verified: func() bool { return card.Resets() == logins },
	}
}

func virtualRig(t *testing.T) *rig {
	d := startDesk(t, Config{}, "Reader 1")
	card := virtual.NewCard(d.ca, virtual.P256("Anna"))
	return &rig{
		desk: d, pin: virtual.DefaultPIN, tells: true, locks: true,
		insert: func() { d.slot.Insert(card) }, remove: d.slot.Remove, verified: card.PINVerified,
		left: func() int { pin, _ := card.TriesLeft(); return pin },
	}
}

// openSC is the module that the shipped list has for cards that are on no list.
func openSC(t testing.TB) string {
	t.Helper()
	file, err := ShippedList().For(nil).Modules[0].File()
	switch {
	case errors.Is(err, cards.ErrMissing) && os.Getenv("CARDEA_E2E_REQUIRED") != "1":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	return file
}

func openSCRig(t *testing.T) *rig {
	card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Anna"))
	slot := virtual.NewVPCD(pcscdtest.Shared(t).Readers[0].Addr)
	log := slog.New(slog.DiscardHandler)
	d := startDesk(t, Config{Driver: pcsc.System{}, List: listOf(t, fmt.Sprintf("% X", card.ATR()), openSC(t)), Modules: hosts(t, log), Log: log})
	t.Cleanup(slot.Remove)
	d.state(signin.NoCard)
	return &rig{
		desk: d, pin: virtual.DefaultPIN, locks: true,
		insert: func() { slot.Insert(card) }, remove: slot.Remove, verified: card.PINVerified,
		left: func() int { pin, _ := card.TriesLeft(); return pin },
	}
}

// in puts the card in and waits until it was read.
func (r *rig) in() signin.Card {
	r.t.Helper()
	r.insert()
	s := r.state(signin.Ready)
	i := slices.IndexFunc(s.Readers, func(r signin.Reader) bool { return r.Card != nil })
	return s.Readers[i].Card
}

// forgotten fails unless nothing is verified.
func (r *rig) forgotten() {
	r.t.Helper()
	if r.verified() {
		r.t.Error("the PIN stays verified")
	}
}

// tries fails unless that many are left, where that can be seen.
func (r *rig) tries(want int) {
	r.t.Helper()
	if r.left == nil {
		return
	}
	if got := r.left(); got != want {
		r.t.Errorf("%d tries are left, want %d", got, want)
	}
}

func TestOnEveryBackendARightPINSignsAndIsForgotten(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.in()
		key := c.Keys()[0]
		if key.Algorithm != "ES256" || key.For == signin.ForSignatures {
			t.Errorf("the first key is %+v", key)
		}
		for range 2 {
			if _, _, err := r.sign(c, r.pin, false); err != nil {
				t.Fatal(err)
			}
			r.forgotten()
		}
		r.tries(3)
	})
}

func TestOnEveryBackendAWrongPINSpendsOneTryAndTheRightOneWorksAfterIt(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.in()
		_, key, err := r.sign(c, "90817263", false)
		e, ok := errors.AsType[*signin.Error](err)
		want := signin.TriesUnknown
		if r.tells {
			want = 2
		}
		if !ok || e.Code != signin.CodePINWrong || e.TriesLeft != want {
			t.Fatalf("got %v, want a wrong PIN and %d tries", err, want)
		}
		if strings.Contains(err.Error(), "90817263") {
			t.Errorf("the PIN is in the error: %v", err)
		}
		r.tries(2)
		if tries, err := c.Tries(t.Context(), key); err != nil || tries != want {
			t.Errorf("%d tries, %v", tries, err)
		}
		if _, _, err := r.sign(c, r.pin, false); err != nil {
			t.Fatal(err)
		}
		r.forgotten()
		r.tries(3)
	})
}

func TestOnEveryBackendAPINThatCannotBeRightSpendsNoTry(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.in()
		if _, _, err := r.sign(c, "1", false); signin.CodeOf(err) != signin.CodePINWrong {
			t.Errorf("got %v", err)
		}
		r.tries(3)
	})
}

func TestOnEveryBackendTheLastTryNeedsAYesAndABlockedPINIsNotTried(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		if !r.locks {
			t.Skip("this token never blocks a PIN")
		}
		c := r.in()
		for range 2 {
			if _, _, err := r.sign(c, "90817263", false); signin.CodeOf(err) != signin.CodePINWrong {
				t.Fatalf("got %v", err)
			}
		}
		r.tries(1)
		key := c.Keys()[0]
		if tries, err := c.Tries(t.Context(), key); tries != 1 || err != nil {
			t.Errorf("%d tries, %v", tries, err)
		}
		if _, _, err := r.sign(c, r.pin, false); !errors.Is(err, signin.ErrLastTry) {
			t.Fatalf("without a yes: %v", err)
		}
		r.tries(1)
		if _, _, err := r.sign(c, "90817263", true); signin.CodeOf(err) != signin.CodePINBlocked {
			t.Fatalf("the last wrong PIN: %v", err)
		}
		r.tries(0)
		if _, _, err := r.sign(c, r.pin, true); signin.CodeOf(err) != signin.CodePINBlocked {
			t.Errorf("after it: %v", err)
		}
		if tries, err := c.Tries(t.Context(), key); tries != 0 || err != nil {
			t.Errorf("%d tries, %v", tries, err)
		}
		r.forgotten()
	})
}

// batch are n digests to sign.
func batch(key signin.Key, pin string, n int) signin.CardSignRequest {
	req := signin.CardSignRequest{Key: key, PIN: signin.NewPIN([]byte(pin)), Hash: crypto.SHA256}
	for i := range n {
		digest := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		req.Digests = append(req.Digests, digest[:])
	}
	return req
}

// verifyBatch fails unless the signatures are of the first digests.
func verifyBatch(t testing.TB, req signin.CardSignRequest, made [][]byte) {
	t.Helper()
	for i, signature := range made {
		if err := token.New("").Verify(req.Key, signin.Algorithm{Name: req.Key.Algorithm, Hash: req.Hash}, req.Digests[i], signature); err != nil {
			t.Errorf("signature %d: %v", i, err)
		}
	}
}

func TestOnEveryBackendABatchIsSignedInOrderAndCounted(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.in()
		req := batch(c.Keys()[0], r.pin, 25)
		var told []int
		req.Signed = func(n int) { told = append(told, n) }
		made, err := c.Sign(t.Context(), req)
		if err != nil || len(made) != 25 || len(told) != 25 || told[0] != 1 || told[24] != 25 {
			t.Fatalf("%d signatures, %v were told, %v", len(made), told, err)
		}
		verifyBatch(t, req, made)
		r.forgotten()
		if err := req.PIN.Use(func([]byte) error { return nil }); !errors.Is(err, signin.ErrPINUsed) {
			t.Errorf("the PIN is not used up: %v", err)
		}
	})
}

func TestOnEveryBackendABatchThatIsStoppedKeepsWhatWasSigned(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.in()
		for range 50 { // a fast token may be through before it hears of the stop
			req := batch(c.Keys()[0], r.pin, 250)
			ctx, cancel := context.WithCancel(t.Context())
			req.Signed = func(n int) {
				if n == 3 {
					cancel()
				}
			}
			made, err := c.Sign(ctx, req)
			cancel()
			verifyBatch(t, req, made)
			r.forgotten()
			switch {
			case err != nil && len(made) >= 3 && len(made) < 250:
				if _, _, err := r.sign(c, r.pin, false); err != nil {
					t.Errorf("the next one: %v", err)
				}
				return
			case err != nil || len(made) != 250:
				t.Fatalf("%d signatures, %v", len(made), err)
			}
		}
		t.Error("nothing stops it")
	})
}

func TestOnEveryBackendACardThatWasOutIsAnotherInsertionOfTheSameKeys(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		first := r.in()
		r.remove()
		wait(t, "the card is gone", first.Gone())
		r.state(signin.NoCard)
		if _, _, err := r.sign(first, r.pin, false); signin.CodeOf(err) != signin.CodeCardRemoved {
			t.Errorf("a card that is out: %v", err)
		}
		second := r.in()
		if second.Insertion() == first.Insertion() || !second.Keys()[0].Certificate.Equal(first.Keys()[0].Certificate) {
			t.Errorf("insertions %d and %d, keys %v and %v", first.Insertion(), second.Insertion(), first.Keys(), second.Keys())
		}
		if _, _, err := r.sign(first, r.pin, false); signin.CodeOf(err) != signin.CodeCardRemoved {
			t.Errorf("the earlier insertion: %v", err)
		}
		if _, _, err := r.sign(second, r.pin, false); err != nil {
			t.Error(err)
		}
		r.tries(3)
		r.forgotten()
	})
}

func TestOnEveryBackendACardIsTakenByOneOperationAtATime(t *testing.T) {
	onEach(t, func(t *testing.T, r *rig) {
		c := r.in()
		release, err := c.Acquire()
		if err != nil {
			t.Fatal(err)
		}
		r.state(signin.Busy)
		if _, err := c.Acquire(); signin.CodeOf(err) != signin.CodeBusy {
			t.Errorf("got %v", err)
		}
		release()
		r.state(signin.Ready)
	})
}

// wait waits for a channel to be closed.
func wait(t testing.TB, what string, closed <-chan struct{}) {
	t.Helper()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Fatal("still waiting until ", what)
	}
}
