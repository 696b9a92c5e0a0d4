// Package signintest has one fake for each seam of package signin: cards that
// are put in and pulled by the test, a prompt whose answers the test gives,
// rules that are values. They keep what was asked of them, so that a test can
// say that a card was not touched.
//
// It is for tests alone and holds no logic of the product.
package signintest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// Cards is a signin.Cards whose snapshot the test sets.
type Cards struct {
	Again func() // called by ReadAgain; nil does nothing

	mu       sync.Mutex
	readings int
	snapshot signin.Snapshot
	changed  chan struct{}
}

// NewCards returns Cards with one empty reader.
func NewCards() *Cards {
	return &Cards{snapshot: signin.Snapshot{State: signin.NoCard, Readers: []signin.Reader{{Name: "Reader 1", Status: signin.NoCard}}}, changed: make(chan struct{})}
}

// Snapshot returns what was set last.
func (c *Cards) Snapshot() (signin.Snapshot, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.snapshot, c.changed
}

// Set replaces the snapshot.
func (c *Cards) Set(state signin.State, readers ...signin.Reader) {
	c.set(signin.Snapshot{State: state, Readers: readers})
}

func (c *Cards) set(s signin.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Revision = c.snapshot.Revision + 1
	c.snapshot = s
	close(c.changed)
	c.changed = make(chan struct{})
}

// ReadAgain counts, and does what Again says.
func (c *Cards) ReadAgain() {
	c.mu.Lock()
	c.readings++
	again := c.Again
	c.mu.Unlock()
	if again != nil {
		again()
	}
}

// Readings is how often ReadAgain was called.
func (c *Cards) Readings() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.readings
}

// Insert puts a card into the one reader.
func (c *Cards) Insert(card *Card) {
	c.Set(signin.Ready, signin.Reader{Name: card.Reader(), Status: signin.Ready, Card: card, PIN: signin.PINOk})
}

// Remove empties the one reader; the card's Gone is closed first.
func (c *Cards) Remove(card *Card) {
	card.Pull()
	c.Set(signin.NoCard, signin.Reader{Name: card.Reader(), Status: signin.NoCard})
}

// Card is a signin.Card with a PIN, a counter and a key in memory.
type Card struct {
	PIN        string
	SignError  error // returned by Sign before anything is looked at
	TriesError error
	// DoesNotTell makes a card that counts and does not tell.
	DoesNotTell bool
	// OnReader makes a card whose PIN is typed on the reader: what is sent
	// here, and nothing for the person's no there.
	OnReader chan string

	number uint64
	gone   chan struct{}
	pull   func()
	keys   []signin.Key
	signer crypto.Signer
	busy   atomic.Bool

	mu    sync.Mutex
	tries int
	calls int
}

var insertions atomic.Uint64

// NewCard returns a card with one key that signs people in, the PIN 123456 and
// three tries.
func NewCard(t testing.TB, holder string) *Card {
	t.Helper()
	return NewCardFor(t, holder, x509.KeyUsageDigitalSignature)
}

// NewCardFor returns a card with one key of another usage.
func NewCardFor(t testing.TB, holder string, usage x509.KeyUsage) *Card {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &Card{PIN: "123456", tries: 3, signer: key}
	c.keys = []signin.Key{{ID: "9A", Certificate: certify(t, key, holder, usage), Algorithm: "ES256"}}
	return c.Again()
}

// AddTwin adds a second certificate of the card's one key.
func (c *Card) AddTwin(t testing.TB, usage x509.KeyUsage) {
	t.Helper()
	c.keys = append(c.keys, signin.Key{ID: "9C", Certificate: certify(t, c.signer, "Twin", usage), Algorithm: "ES256"})
}

func certify(t testing.TB, key crypto.Signer, holder string, usage x509.KeyUsage) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: holder},
		NotBefore: time.Now().AddDate(-20, 0, 0), NotAfter: time.Now().AddDate(20, 0, 0), KeyUsage: usage,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// Again is the same card at its next insertion.
func (c *Card) Again() *Card {
	gone := make(chan struct{})
	return &Card{
		PIN: c.PIN, DoesNotTell: c.DoesNotTell, OnReader: c.OnReader, tries: c.tries, signer: c.signer, keys: c.keys,
		number: insertions.Add(1), gone: gone, pull: sync.OnceFunc(func() { close(gone) }),
	}
}

// Pull closes Gone.
func (c *Card) Pull() { c.pull() }

// SetTries sets the counter.
func (c *Card) SetTries(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries = n
}

// Calls counts the operations that would have reached the card.
func (c *Card) Calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// Insertion, Reader, Gone and Keys are signin.Card's.
func (c *Card) Insertion() uint64     { return c.number }
func (c *Card) Reader() string        { return "Reader 1" }
func (c *Card) Gone() <-chan struct{} { return c.gone }
func (c *Card) Keys() []signin.Key    { return c.keys }

// Keypad is signin.Card's.
func (c *Card) Keypad() bool { return c.OnReader != nil }

// SetKeys replaces the keys.
func (c *Card) SetKeys(keys ...signin.Key) { c.keys = keys }

// Tries returns the counter.
func (c *Card) Tries(context.Context, signin.Key) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	return c.told(), c.TriesError
}

func (c *Card) told() int {
	if c.DoesNotTell {
		return signin.TriesUnknown
	}
	return c.tries
}

// Acquire takes the card for one operation.
func (c *Card) Acquire() (func(), error) {
	if !c.busy.CompareAndSwap(false, true) {
		return nil, &signin.Error{Code: signin.CodeBusy}
	}
	return func() { c.busy.Store(false) }, nil
}

// Sign signs when the PIN is right, and counts when it is wrong. A card that is
// pulled meanwhile, as by Signed, signs no more.
func (c *Card) Sign(ctx context.Context, req signin.CardSignRequest) (made [][]byte, err error) {
	if c.Keypad() {
		if err := c.typeOnReader(ctx, &req); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if err := c.out(); err != nil {
		req.PIN.Wipe()
		return nil, err
	}
	err = req.PIN.Use(func(b []byte) error {
		switch {
		case c.SignError != nil:
			return c.SignError
		case c.tries == 0:
			return &signin.Error{Code: signin.CodePINBlocked}
		case (c.tries == 1 || c.DoesNotTell) && !req.AllowLastTry:
			return signin.ErrLastTry
		case !bytes.Equal(b, []byte(c.PIN)):
			c.tries--
			return &signin.Error{Code: signin.CodePINWrong, TriesLeft: c.told()}
		}
		c.tries = 3
		for _, digest := range req.Digests {
			if err := errors.Join(c.out(), ctx.Err()); err != nil {
				return err
			}
			signature, err := c.signer.Sign(rand.Reader, digest, req.Hash)
			if err != nil {
				return err
			}
			made = append(made, signature)
			if req.Signed != nil {
				req.Signed(len(made))
			}
		}
		return nil
	})
	return made, err
}

// typeOnReader waits for the PIN on the reader.
func (c *Card) typeOnReader(ctx context.Context, req *signin.CardSignRequest) error {
	c.mu.Lock()
	last := c.tries == 1
	c.mu.Unlock()
	if last && !req.AllowLastTry {
		return signin.ErrLastTry
	}
	select {
	case typed := <-c.OnReader:
		if typed == "" {
			return &signin.Error{Code: signin.CodeCancelled}
		}
		req.PIN = signin.NewPIN([]byte(typed))
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Card) out() error {
	select {
	case <-c.gone:
		return &signin.Error{Code: signin.CodeCardRemoved}
	default:
		return nil
	}
}

// Asked is one asking for a PIN that a test answers.
type Asked struct {
	About    signin.About
	Question signin.PINQuestion
	Choices  []signin.KeyChoice
	LastTry  bool            // the extra yes alone is asked for, by Question; Type or Cancel
	Keypad   bool            // the PIN is to be typed on the reader; the only answer is Cancel
	Total    int             // of a batch that is being signed; its only answer is Cancel
	Signed   <-chan int      // and the newest number of it
	Closed   <-chan struct{} // closed with the window
	answer   chan answer
}

type answer struct {
	pin    signin.PINAnswer
	choice int
	err    error
}

// Type answers with a PIN.
func (a Asked) Type(pin string) {
	a.answer <- answer{pin: signin.PINAnswer{PIN: signin.NewPIN([]byte(pin)), LastTry: a.Question.LastTry}}
}

// TypeWithout answers with a PIN and without the extra yes.
func (a Asked) TypeWithout(pin string) {
	a.answer <- answer{pin: signin.PINAnswer{PIN: signin.NewPIN([]byte(pin))}}
}

// Choose answers with the number of a key.
func (a Asked) Choose(n int) { a.answer <- answer{choice: n} }

// Fail answers with an error, such as the person's no.
func (a Asked) Fail(err error) { a.answer <- answer{err: err} }

// Cancel answers with the person's no.
func (a Asked) Cancel() { a.Fail(&signin.Error{Code: signin.CodeCancelled}) }

// Site is one asking about a site that a test answers.
type Site struct {
	Origin, Readable string
	allowed          chan bool
}

// Answer answers with the person's yes or no.
func (s Site) Answer(allowed bool) { s.allowed <- allowed }

// AskOrigin asks about a site.
func (p *Prompter) AskOrigin(ctx context.Context, origin, readable string) (bool, error) {
	s := Site{origin, readable, make(chan bool, 1)}
	select {
	case p.Sites <- s:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	select {
	case allowed := <-s.allowed:
		return allowed, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// Prompter is a signin.Prompter whose askings arrive on Asked, and those about
// sites on Sites.
type Prompter struct {
	Asked     chan Asked
	Sites     chan Site
	OpenError error
	open      atomic.Int32
}

// NewPrompter returns a Prompter.
func NewPrompter() *Prompter { return &Prompter{Asked: make(chan Asked), Sites: make(chan Site)} }

// Windows is how many windows are open.
func (p *Prompter) Windows() int { return int(p.open.Load()) }

// Open opens a window.
func (p *Prompter) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	if p.OpenError != nil {
		return nil, p.OpenError
	}
	p.open.Add(1)
	closed := make(chan struct{})
	return &dialog{p: p, about: about, closed: closed, close: sync.OnceFunc(func() { p.open.Add(-1); close(closed) })}, nil
}

type dialog struct {
	p      *Prompter
	about  signin.About
	closed chan struct{}
	close  func()
}

func (d *dialog) ask(ctx context.Context, a Asked) (answer, error) {
	a.About, a.Closed, a.answer = d.about, d.closed, make(chan answer, 1)
	select {
	case d.p.Asked <- a:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	select {
	case got := <-a.answer:
		return got, got.err
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

func (d *dialog) AskPIN(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	a, err := d.ask(ctx, Asked{Question: q})
	return a.pin, err
}

func (d *dialog) ChooseKey(ctx context.Context, keys []signin.KeyChoice) (int, error) {
	a, err := d.ask(ctx, Asked{Choices: keys})
	return a.choice, err
}

func (d *dialog) ConfirmLastTry(ctx context.Context, q signin.PINQuestion) error {
	a, err := d.ask(ctx, Asked{Question: q, LastTry: true})
	a.pin.PIN.Wipe()
	return err
}

func (d *dialog) ShowKeypad(ctx context.Context, q signin.PINQuestion) error {
	_, err := d.ask(ctx, Asked{Question: q, Keypad: true})
	return err
}

func (d *dialog) ShowSigning(ctx context.Context, total int, signed <-chan int) error {
	_, err := d.ask(ctx, Asked{Total: total, Signed: signed})
	return err
}

func (d *dialog) Close() { d.close() }

// Rules are signin.Rules as values.
type Rules struct {
	Unusable map[string]signin.Why // by holder
	Rule     signin.Removal
	Groups   map[string]string // of origins
	Limit    time.Duration
}

// Usable is signin.Rules's.
func (r *Rules) Usable(k signin.Key, _ time.Time) (bool, signin.Why) {
	why := r.Unusable[k.Holder()]
	return why == "", why
}

// Excluded names a rule of no policy.
func (r *Rules) Excluded(k signin.Key, _ time.Time) string {
	if why := r.Unusable[k.Holder()]; why != "" {
		return "rule " + string(why)
	}
	return ""
}

// MaySign follows the certificate's usages.
func (r *Rules) MaySign(k signin.Key, _ time.Time) (bool, signin.Why) {
	switch u := k.Certificate.KeyUsage; {
	case u&x509.KeyUsageContentCommitment == 0:
		return false, signin.WhyWrongUsage
	case u&x509.KeyUsageDigitalSignature != 0:
		return false, signin.WhyBothUsages
	}
	return true, ""
}

// ExcludedFromSigning names why MaySign says no.
func (r *Rules) ExcludedFromSigning(k signin.Key, now time.Time) string {
	if _, why := r.MaySign(k, now); why != "" {
		return "rule " + string(why)
	}
	return ""
}

// Removal, SameGroup and SessionLimit are signin.Rules's.
func (r *Rules) Removal(string) signin.Removal { return r.Rule }
func (r *Rules) SameGroup(a, b string) bool {
	return a == b || r.Groups[a] != "" && r.Groups[a] == r.Groups[b]
}
func (r *Rules) SessionLimit() time.Duration {
	if r.Limit == 0 {
		return time.Hour
	}
	return r.Limit
}

// Audit keeps the events.
type Audit struct {
	mu     sync.Mutex
	events []signin.Event
}

// Record keeps an event.
func (a *Audit) Record(e signin.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

// Events returns the events in order.
func (a *Audit) Events() []signin.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.events)
}

// Outcomes returns the outcomes of requests in order.
func (a *Audit) Outcomes() []string { return a.outcomes(false) }

// PINs returns the outcomes of PINs in order.
func (a *Audit) PINs() []string { return a.outcomes(true) }

func (a *Audit) outcomes(ofPINs bool) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, e := range a.events {
		if ofPINs == (e.What == signin.WhatPIN) {
			out = append(out, e.Outcome)
		}
	}
	return out
}

// Tokens is a signin.Tokens whose token shows what was signed.
type Tokens struct{ FinishError error }

// Compose hashes origin and nonce.
func (Tokens) Compose(_ signin.Key, origin, nonce string) (crypto.Hash, []byte, error) {
	h := crypto.SHA256.New()
	_, _ = h.Write([]byte(origin + nonce))
	return crypto.SHA256, h.Sum(nil), nil
}

// Finish returns a token with the certificate's holder as its certificate.
func (t Tokens) Finish(k signin.Key, _ crypto.Hash, digest, signature []byte) (signin.Token, error) {
	if t.FinishError != nil {
		return signin.Token{}, t.FinishError
	}
	return signin.Token{UnverifiedCertificate: k.Holder(), Algorithm: k.Algorithm, Format: "test", Signature: string(signature)}, nil
}

// Algorithms are ES256 alone.
func (Tokens) Algorithms(signin.Key) []signin.Algorithm {
	return []signin.Algorithm{{Name: "ES256", Hash: crypto.SHA256}}
}

// Verify checks an ECDSA signature in DER, as the card here makes it.
func (t Tokens) Verify(k signin.Key, _ signin.Algorithm, digest, signature []byte) error {
	if public, ok := k.Certificate.PublicKey.(*ecdsa.PublicKey); !ok || !ecdsa.VerifyASN1(public, digest, signature) {
		return errors.New("signintest: the signature does not verify")
	}
	return t.FinishError
}

var (
	_ signin.Cards    = (*Cards)(nil)
	_ signin.Card     = (*Card)(nil)
	_ signin.Prompter = (*Prompter)(nil)
	_ signin.Rules    = (*Rules)(nil)
	_ signin.Audit    = (*Audit)(nil)
	_ signin.Tokens   = Tokens{}
)
