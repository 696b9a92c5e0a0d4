package card

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

// fakeModule is a Module whose tokens are in memory and whose answers a test
// scripts.
type fakeModule struct {
	mu     sync.Mutex
	tokens map[string]*fakeToken // by reader
	script []func(call string) error
	calls  []string
	using  int // operations under way
	most   int // at once
	closed bool
}

// fakeToken is a card as a module sees it.
type fakeToken struct {
	pin    string
	left   int // tries
	quiet  bool
	keypad chan string // nil: the PIN comes with the request
	keys   []fakeKey

	verified bool // until Reset
	logins   int
	signed   int
}

type fakeKey struct {
	signer      *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newFakeModule() *fakeModule { return &fakeModule{tokens: map[string]*fakeToken{}} }

// open is what a Config's Modules takes.
func (f *fakeModule) open(cards.Module, string) Module { return f }

// newFakeToken makes a token with a key of each usage.
func newFakeToken(t testing.TB, holder string, usages ...x509.KeyUsage) *fakeToken {
	t.Helper()
	token := &fakeToken{pin: "271828", left: 3}
	for _, usage := range usages {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		token.keys = append(token.keys, certify(t, key, holder, usage))
	}
	return token
}

// twin is the same key with another certificate.
func twin(t testing.TB, of fakeKey, usage x509.KeyUsage) fakeKey {
	t.Helper()
	return certify(t, of.signer, of.certificate.Subject.CommonName, usage)
}

func certify(t testing.TB, key *ecdsa.PrivateKey, holder string, usage x509.KeyUsage) fakeKey {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: holder}, KeyUsage: usage,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return fakeKey{key, certificate}
}

// put puts a token in a reader; nil takes it out.
func (f *fakeModule) put(reader string, token *fakeToken) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens[reader] = token
}

// next scripts the calls to come: each function takes one.
func (f *fakeModule) next(answers ...func(call string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = answers
}

func fails(err error) func(string) error { return func(string) error { return err } }

// begin notes a call and returns its token.
func (f *fakeModule) begin(call, reader string) (*fakeToken, error) {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	f.using++
	f.most = max(f.most, f.using)
	token := f.tokens[reader]
	var answer func(string) error
	if len(f.script) > 0 {
		answer, f.script = f.script[0], f.script[1:]
	}
	f.mu.Unlock()
	if answer != nil {
		if err := answer(call); err != nil {
			return nil, err
		}
	}
	return token, nil
}

func (f *fakeModule) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.using--
}

func (f *fakeModule) Tokens(_ context.Context, reader string) ([]host.Token, error) {
	token, err := f.begin("Tokens", reader)
	defer f.end()
	if err != nil || token == nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := token.tell(reader)
	for i, k := range token.keys {
		all.Keys = append(all.Keys, host.Key{ID: []byte{byte(i + 1)}, Certificate: k.certificate.Raw, Mechanisms: []host.Mechanism{host.ECDSA}})
	}
	return []host.Token{all}, nil
}

func (t *fakeToken) tell(reader string) host.Token {
	told := host.Token{Slot: reader, Keypad: t.keypad != nil}
	if !t.quiet {
		told.Tries = map[int]host.Tries{0: host.TriesLocked, 1: host.TriesFinal}[t.left]
	}
	return told
}

func (f *fakeModule) Token(_ context.Context, reader string, certificate []byte) (host.Token, error) {
	token, err := f.begin("Token", reader)
	defer f.end()
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil:
		return host.Token{}, err
	case token == nil:
		return host.Token{}, &host.Error{Kind: host.ErrTokenGone}
	case token.find(certificate) == nil:
		return host.Token{}, &host.Error{Kind: host.ErrKeyGone}
	}
	return token.tell(reader), nil
}

func (t *fakeToken) find(certificate []byte) *ecdsa.PrivateKey {
	i := slices.IndexFunc(t.keys, func(k fakeKey) bool { return bytes.Equal(k.certificate.Raw, certificate) })
	if i < 0 {
		return nil
	}
	return t.keys[i].signer
}

func (f *fakeModule) Sign(ctx context.Context, r host.SignRequest) (made [][]byte, err error) {
	token, err := f.begin("Sign", r.Reader)
	defer f.end()
	if err != nil {
		return nil, err
	}
	pin := string(r.PIN)
	if token != nil && token.keypad != nil {
		select {
		case pin = <-token.keypad:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	signer, err := f.logIn(token, r, pin)
	if err != nil {
		return nil, err
	}
	for i, digest := range r.Digests {
		if ctx.Err() != nil {
			return made, context.Cause(ctx)
		}
		signature, err := rawSignature(signer, digest)
		if err != nil {
			return made, err
		}
		made = append(made, signature)
		f.mu.Lock()
		token.signed++
		f.mu.Unlock()
		if r.Signed != nil {
			r.Signed(i, signature)
		}
	}
	return made, nil
}

// logIn does what a token does, and leaves the PIN verified, as OpenSC does.
func (f *fakeModule) logIn(token *fakeToken, r host.SignRequest, pin string) (*ecdsa.PrivateKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	refuse := func(kind error) (*ecdsa.PrivateKey, error) { return nil, &host.Error{Call: "C_Login", Kind: kind} }
	if token == nil {
		return refuse(host.ErrTokenGone)
	}
	signer := token.find(r.Certificate)
	switch {
	case signer == nil:
		return refuse(host.ErrKeyGone)
	case token.left == 0:
		return refuse(host.ErrPINLocked)
	case token.left == 1 && !r.AllowLastTry && !token.quiet:
		return refuse(host.ErrLastTry)
	case len(pin) < 4:
		return refuse(host.ErrPINForm)
	}
	token.logins++
	if pin != token.pin {
		if token.left--; token.left == 0 {
			return refuse(host.ErrPINLocked)
		}
		return nil, &host.Error{Call: "C_Login", Kind: host.ErrPINIncorrect, Tries: token.tell("").Tries}
	}
	token.left, token.verified = 3, true
	return signer, nil
}

func rawSignature(key *ecdsa.PrivateKey, digest []byte) ([]byte, error) {
	r, s, err := ecdsa.Sign(rand.Reader, key, digest)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	return raw, nil
}

func (f *fakeModule) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// count is how often a call was made.
func (f *fakeModule) count(call string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

var (
	_ Module        = (*fakeModule)(nil)
	_ crypto.Signer = (*ecdsa.PrivateKey)(nil)
)
