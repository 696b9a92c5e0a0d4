package card

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"log/slog"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// scene is a desk with a scripted module for the cards that are not PIV.
type scene struct {
	*desk
	module *fakeModule
	card   *virtual.Card
	token  *fakeToken
}

func newScene(t *testing.T, readers ...string) *scene {
	t.Helper()
	s := &scene{module: newFakeModule()}
	s.desk = startDesk(t, Config{List: listOf(t, foreignATR, anyFile), Modules: s.module.open}, append([]string{"Reader 1"}, readers...)...)
	s.card = virtual.NewCard(s.ca, virtual.Foreign())
	s.token = newFakeToken(t, "Anna", x509.KeyUsageDigitalSignature, x509.KeyUsageContentCommitment)
	return s
}

// insert puts the card and its token in.
func (s *scene) insert() {
	s.module.put("Reader 1", s.token)
	s.slot.Insert(s.card)
}

func (s *scene) in() signin.Card {
	s.t.Helper()
	s.insert()
	return s.desk.card(signin.Ready)
}

func crashed(pinGiven bool) error {
	return &host.Failure{How: host.Crashed, Call: "C_Sign", PINGiven: pinGiven, Err: errors.New("signal: segmentation fault")}
}

func TestACardIsReadThroughAModuleOnceAndItsKeysAreForWhatTheirCertificatesSay(t *testing.T) {
	s := newScene(t)
	s.token.keys = append(s.token.keys, newFakeToken(t, "Anna", x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment, x509.KeyUsageKeyAgreement).keys...)
	c := s.in()
	var purposes []signin.KeyPurpose
	for _, k := range c.Keys() {
		purposes = append(purposes, k.For)
	}
	if want := []signin.KeyPurpose{signin.ForAuthentication, signin.ForSignatures, "", ""}; !slices.Equal(purposes, want) {
		t.Errorf("the keys are for %q, want %q", purposes, want)
	}
	for range 3 {
		if _, _, err := s.sign(c, s.token.pin, false); err != nil {
			t.Fatal(err)
		}
	}
	if s.module.count("Tokens") != 1 || s.module.count("Sign") != 3 {
		t.Errorf("the module was called %v", s.module.calls)
	}
	if got := s.card.Trace(); len(got) != 0 {
		t.Errorf("a card that is not PIV was sent %v", got)
	}
}

func TestAKeyThatCouldDoBothOrHasTwoCertificatesSignsNoDocuments(t *testing.T) {
	rules, err := policy.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, usages := range map[string][]x509.KeyUsage{
		"both usages":      {x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment},
		"two certificates": {x509.KeyUsageDigitalSignature, x509.KeyUsageContentCommitment},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.token = newFakeToken(t, "Anna", usages[0])
			if len(usages) > 1 {
				s.token.keys = append(s.token.keys, twin(t, s.token.keys[0], usages[1]))
			}
			c := s.in()
			service := signin.New(signin.Config{Cards: s.Manager, Rules: rules, Tokens: token.New(""), Audit: &signintest.Audit{}, Log: s.Log})
			for _, k := range c.Keys() {
				_, err := service.Sign(t.Context(), signin.SignRequest{
					Origin: "https://a.example", Certificate: k.Certificate.Raw, Hash: crypto.SHA256, Items: []signin.SignItem{{ID: "1", Digest: make([]byte, 32)}},
				}, func(signin.Progress) {})
				if signin.CodeOf(err) != signin.CodeNoUsableCertificate {
					t.Errorf("signing by key %s: %v", k.ID, err)
				}
			}
			if n := s.module.count("Sign"); n != 0 || s.token.logins != 0 {
				t.Errorf("the module signed %d times", n)
			}
		})
	}
}

func TestThePINIsForgottenWhateverBecameOfTheModule(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		resets int
		code   signin.Code
		how    signin.How
	}{
		"crashed with the PIN":    {crashed(true), 1, signin.CodeModuleFailed, signin.ModuleCrashed},
		"crashed before the PIN":  {crashed(false), 0, signin.CodeModuleFailed, signin.ModuleCrashed},
		"hung with the PIN":       {&host.Failure{How: host.Hung, PINGiven: true}, 1, signin.CodeModuleFailed, signin.ModuleHung},
		"refused":                 {&host.Error{Call: "C_Sign", Kind: host.ErrFailed}, 1, signin.CodeModuleFailed, signin.ModuleRefused},
		"cannot sign like this":   {&host.Error{Call: "C_SignInit", Kind: host.ErrMechanism}, 1, signin.CodeModuleFailed, signin.ModuleRefused},
		"wrong PIN":               {&host.Error{Call: "C_Login", Kind: host.ErrPINIncorrect}, 0, signin.CodePINWrong, ""},
		"locked":                  {&host.Error{Call: "C_Login", Kind: host.ErrPINLocked}, 0, signin.CodePINBlocked, ""},
		"the PIN must be set":     {&host.Error{Call: "C_Login", Kind: host.ErrPINNotSet}, 1, signin.CodePINNotSet, ""},
		"the session was closed":  {&host.Error{Call: "C_Sign", Kind: host.ErrTokenGone}, 1, signin.CodeCardRemoved, ""},
		"a key that is not there": {&host.Error{Call: "C_SignInit", Kind: host.ErrKeyGone}, 1, signin.CodeCardRemoved, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			card := s.in()
			before := s.card.Resets()
			s.module.next(fails(c.err))
			_, _, err := s.sign(card, s.token.pin, false)
			e, ok := errors.AsType[*signin.Error](err)
			if !ok || e.Code != c.code || e.How != c.how {
				t.Errorf("got %v, want %s %s", err, c.code, c.how)
			}
			if got := s.card.Resets() - before; got != c.resets {
				t.Errorf("the card was reset %d times, want %d", got, c.resets)
			}
			again := s.desk.card(signin.Ready) // read anew where it seemed to be out
			if _, _, err := s.sign(again, s.token.pin, false); err != nil {
				t.Errorf("the next request: %v", err)
			}
		})
	}
}

func TestAnotherCardInTheReaderIsNotReset(t *testing.T) {
	for name, kind := range map[string]error{"no such key": host.ErrKeyGone, "no token": host.ErrTokenGone} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			card := s.in()
			before := s.card.Resets()
			gone := fails(&host.Error{Call: "C_FindObjects", Kind: kind})
			s.module.next(gone, gone) // the second time it is asked whether the card is there
			if _, _, err := s.sign(card, s.token.pin, false); signin.CodeOf(err) != signin.CodeCardRemoved {
				t.Errorf("got %v", err)
			}
			if got := s.card.Resets() - before; got != 0 {
				t.Errorf("the card was reset %d times", got)
			}
		})
	}
}

func TestFlagsAreTriesAndACountIsNeverMadeUp(t *testing.T) {
	for flag, want := range map[host.Tries]struct {
		asked, wrong int
		state        signin.PINState
	}{
		host.TriesUnknown: {signin.TriesUnknown, signin.TriesUnknown, signin.PINUnknown},
		host.TriesLow:     {signin.TriesUnknown, signin.TriesUnknown, signin.PINLow},
		host.TriesFinal:   {1, 1, signin.PINFinal},
	} {
		s := newScene(t)
		c := s.in()
		s.module.next(fails(&host.Error{Call: "C_Login", Kind: host.ErrPINIncorrect, Tries: flag}))
		_, _, err := s.sign(c, "000000", false)
		if e, ok := errors.AsType[*signin.Error](err); !ok || e.Code != signin.CodePINWrong || e.TriesLeft != want.wrong {
			t.Errorf("%q: got %v", flag, err)
		}
		release, err := c.Acquire()
		if err != nil {
			t.Fatal(err)
		}
		release()
		if n, _ := s.Snapshot(); n.Readers[0].PIN != want.state {
			t.Errorf("%q: the state of the PIN is %q, want %q", flag, n.Readers[0].PIN, want.state)
		}
	}
}

// A PIV card is not reset: other programs would be logged out of it.
func TestAPIVCardThatAModuleUsedForgetsThePINByItsCommand(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*virtual.Profile)
		resets int
	}{
		"knows the command":    {func(*virtual.Profile) {}, 0},
		"does not know it":     {virtual.DoesNotForget, 1},
		"takes it for a query": {func(p *virtual.Profile) { p.Quirks.ForgetStatus = 0x9000 }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			module := newFakeModule()
			card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Anna").With(c.change))
			s := &scene{module: module, card: card, token: newFakeToken(t, "Anna", x509.KeyUsageDigitalSignature)}
			s.desk = startDesk(t, Config{List: listOf(t, formatATR(card.ATR()), anyFile), Modules: module.open}, "Reader 1")
			in := s.in()
			before := card.Resets()
			module.next(func(string) error { verifyRaw(t, s.pcsc, "Reader 1", virtual.DefaultPIN); return nil }) // as a module does
			if _, _, err := s.sign(in, s.token.pin, false); err != nil {
				t.Fatal(err)
			}
			if card.PINVerified() {
				t.Error("the PIN stays verified")
			}
			if got := card.Resets() - before; got != c.resets {
				t.Errorf("the card was reset %d times, want %d", got, c.resets)
			}
		})
	}
}

// verifyRaw verifies a PIN as another program.
func verifyRaw(t *testing.T, driver pcsc.Driver, reader, pin string) {
	t.Helper()
	resources, err := driver.Establish()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resources.Release() }()
	handle, err := resources.Connect(reader, pcsc.ShareShared, pcsc.ProtocolAny)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = handle.Disconnect(pcsc.LeaveCard) }()
	padded := append([]byte(pin), 0xFF, 0xFF, 0xFF, 0xFF)[:8]
	for _, command := range [][]byte{
		{0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x00},
		append([]byte{0x00, 0x20, 0x00, 0x80, 0x08}, padded...),
	} {
		answer, err := handle.Transmit(command)
		if err != nil || len(answer) < 2 || answer[len(answer)-2] != 0x90 && answer[len(answer)-2] != 0x61 {
			t.Fatalf("% X was answered % X, %v", command[:4], answer, err)
		}
	}
}

func TestNoTransactionOfOursIsOpenWhileAModuleWorks(t *testing.T) {
	s := newScene(t)
	transact := func(call string) error {
		resources, err := s.pcsc.Establish()
		if err != nil {
			return err
		}
		defer func() { _ = resources.Release() }()
		handle, err := resources.Connect("Reader 1", pcsc.ShareShared, pcsc.ProtocolAny)
		if err != nil {
			return err
		}
		defer func() { _ = handle.Disconnect(pcsc.LeaveCard) }()
		if err := handle.BeginTransaction(); err != nil { // waits for ever for one of ours
			t.Errorf("in %s: %v", call, err)
		}
		return handle.EndTransaction(pcsc.LeaveCard)
	}
	s.module.next(transact, transact, transact)
	c := s.in()
	if _, err := c.Tries(t.Context(), c.Keys()[0]); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.sign(c, s.token.pin, false); err != nil {
		t.Fatal(err)
	}
	if len(s.module.script) != 0 {
		t.Error("not every call was looked at")
	}
}

func TestOneModuleWorksAtATime(t *testing.T) {
	s := newScene(t, "Reader 2")
	other := newFakeToken(t, "Bill", x509.KeyUsageDigitalSignature)
	entered, leave := make(chan struct{}), make(chan struct{})
	c := s.in()
	s.module.next(func(string) error { close(entered); <-leave; return nil })
	signed := make(chan error, 1)
	go func() {
		_, err := c.Sign(context.Background(), batch(c.Keys()[0], s.token.pin, 1))
		signed <- err
	}()
	wait(t, "the module signs", entered)
	s.module.put("Reader 2", other)
	s.slots[1].Insert(virtual.NewCard(s.ca, virtual.Foreign()))
	s.until("the second card is being read", func(n signin.Snapshot) bool { return n.Readers[1].Pending })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Tries(ctx, c.Keys()[0]); !errors.Is(err, context.Canceled) { // waits for its turn, and not for ever
		t.Errorf("got %v", err)
	}
	close(leave)
	if err := <-signed; err != nil {
		t.Error(err)
	}
	s.until("the second card was read", func(n signin.Snapshot) bool { return len(n.Readers) == 2 && n.Readers[1].Card != nil })
	if s.module.most != 1 {
		t.Errorf("%d calls at once", s.module.most)
	}
}

func TestAModuleWaitsForTheTransactionOfAnotherCard(t *testing.T) {
	s := newScene(t, "Reader 2")
	piv := virtual.NewCard(s.ca, virtual.P256("Bill"))
	s.slots[1].Insert(piv)
	s.until("the PIV card was read", func(n signin.Snapshot) bool { return len(n.Readers) == 2 && n.Readers[1].Card != nil })
	n, _ := s.Snapshot()
	bill := n.Readers[1].Card
	req := batch(bill.Keys()[0], virtual.DefaultPIN, 2)
	piv.Script(virtual.On(apdu.InsGeneralAuthenticate, virtual.Delay(300*time.Millisecond)).Always()) // time enough for a module that does not wait
	asked := make(chan int, 2)
	req.Signed = func(i int) {
		if i == 1 { // in the middle of the transaction
			s.insert()
			s.until("the other card is being read", func(n signin.Snapshot) bool { return n.Readers[0].Pending })
			return
		}
		asked <- s.module.count("Tokens")
	}
	if _, err := bill.Sign(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if n := <-asked; n != 0 {
		t.Error("the module works during a transaction of ours")
	}
	s.until("the other card was read", func(n signin.Snapshot) bool { return n.Readers[0].Card != nil })
}

func TestAModuleThatHangsKeepsNoOtherCardFromSigning(t *testing.T) {
	s := newScene(t, "Reader 2")
	s.slots[1].Insert(virtual.NewCard(s.ca, virtual.P256("Bill")))
	s.until("the PIV card was read", func(n signin.Snapshot) bool { return len(n.Readers) == 2 && n.Readers[1].Card != nil })
	n, _ := s.Snapshot()
	entered, leave := make(chan struct{}), make(chan struct{})
	s.module.next(func(string) error { close(entered); <-leave; return nil })
	s.insert()
	wait(t, "the module works", entered)
	defer close(leave)
	if made, err := n.Readers[1].Card.Sign(t.Context(), batch(n.Readers[1].Card.Keys()[0], virtual.DefaultPIN, 1)); err != nil || len(made) != 1 {
		t.Errorf("%d signatures, %v", len(made), err)
	}
}

func TestACardThatIsPulledEndsItsModulesWork(t *testing.T) {
	s := newScene(t)
	c := s.in()
	s.token.keypad = make(chan string) // nobody types: as a module that hangs
	entered := make(chan struct{})
	s.module.next(func(string) error { close(entered); return nil })
	signed := make(chan error, 1)
	go func() {
		_, err := c.Sign(context.Background(), batch(c.Keys()[0], s.token.pin, 1))
		signed <- err
	}()
	wait(t, "the module signs", entered)
	s.slot.Remove()
	if err := <-signed; signin.CodeOf(err) != signin.CodeCardRemoved {
		t.Errorf("got %v", err)
	}
}

func TestAKeypadIsShownAndNoPINIsGivenToIt(t *testing.T) {
	s := newScene(t)
	s.token.keypad = make(chan string, 1)
	c := s.in()
	if n, _ := s.Snapshot(); !n.Readers[0].Keypad || !c.Keypad() {
		t.Error("the reader's keypad is not told")
	}
	s.token.keypad <- s.token.pin
	req := batch(c.Keys()[0], "", 1)
	req.PIN = nil
	if made, err := c.Sign(t.Context(), req); err != nil || len(made) != 1 {
		t.Errorf("%d signatures, %v", len(made), err)
	}
	s.module.next(fails(&host.Error{Call: "C_Login", Kind: host.ErrCancelled}))
	if _, err := c.Sign(t.Context(), req); signin.CodeOf(err) != signin.CodeCancelled {
		t.Errorf("a no on the reader: %v", err)
	}
}

func TestACardWithAPINForEachKeyTellsTheTriesOfEach(t *testing.T) {
	s := newScene(t)
	two := &twoPINs{fakeModule: s.module, second: newFakeToken(t, "Anna", x509.KeyUsageDigitalSignature)}
	s.desk = startDesk(t, Config{List: listOf(t, foreignATR, anyFile), Modules: func(_ cards.Module, _ string) Module { return two }}, "Reader 1")
	s.token = newFakeToken(t, "Anna", x509.KeyUsageContentCommitment)
	s.token.left = 0
	c := s.in() // the PIN for signing in is what people see: it is not blocked
	if c.Keys()[0].For != signin.ForSignatures || c.Keys()[0].ID == c.Keys()[1].ID {
		t.Fatalf("the keys are %+v", c.Keys())
	}
	for i, want := range []int{0, signin.TriesUnknown} {
		if got, err := c.Tries(t.Context(), c.Keys()[i]); got != want || err != nil {
			t.Errorf("the tries of key %d are %d, %v, want %d", i, got, err, want)
		}
	}
	if n, _ := s.Snapshot(); n.State != signin.Ready {
		t.Errorf("the state is %s", n.State)
	}
}

// twoPINs is a module that makes a token of each PIN of a card.
type twoPINs struct {
	*fakeModule
	second *fakeToken
}

func (m *twoPINs) Tokens(ctx context.Context, reader string) ([]host.Token, error) {
	all, err := m.fakeModule.Tokens(ctx, reader)
	if err != nil || len(all) == 0 {
		return all, err
	}
	other := m.second.tell(reader)
	for _, k := range m.second.keys {
		other.Keys = append(other.Keys, host.Key{ID: []byte{1}, Certificate: k.certificate.Raw, Mechanisms: []host.Mechanism{host.ECDSA}})
	}
	return append(all, other), nil
}

func (m *twoPINs) Token(ctx context.Context, reader string, certificate []byte) (host.Token, error) {
	if m.second.find(certificate) != nil {
		return m.second.tell(reader), nil
	}
	return m.fakeModule.Token(ctx, reader, certificate)
}

// What C_Login verified, every program could use, and here nobody logs out.
func TestACardForgetsThePINOfAModuleThatWasKilled(t *testing.T) {
	r := openSCRig(t)
	c := r.in()
	req := batch(c.Keys()[0], r.pin, 250)
	req.Signed = func(n int) {
		if n != 3 {
			return
		}
		if !r.verified() {
			t.Error("the PIN is not verified while it signs")
		}
		for _, pid := range children(t) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
	}
	made, err := c.Sign(t.Context(), req)
	if e, ok := errors.AsType[*signin.Error](err); !ok || e.Code != signin.CodeModuleFailed || e.How != signin.ModuleCrashed || len(made) < 3 {
		t.Errorf("%d signatures, %v", len(made), err)
	}
	verifyBatch(t, req, made)
	r.forgotten()
	if _, _, err := r.sign(c, r.pin, false); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

func TestAModuleThatHangsIsEndedByItsDeadline(t *testing.T) {
	faulty := pkcs11test.NewFaulty(t, pkcs11test.New(t, pkcs11test.P256))
	open := hosts(t, slog.New(slog.DiscardHandler), func(c *host.Config) {
		c.Module, c.Env, c.Call = faulty.Module, faulty.Environ(), 5*time.Second // which sound calls stay below
	})
	d := startDesk(t, Config{List: listOf(t, foreignATR, anyFile), Modules: open}, faulty.Slot)
	card := virtual.NewCard(d.ca, virtual.Foreign())
	d.slot.Insert(card)
	c := d.card(signin.Ready)
	before := card.Resets()
	faulty.At(t, 1, "C_Sign hangs", 1)
	_, _, err := d.sign(c, pkcs11test.PIN, false)
	if e, ok := errors.AsType[*signin.Error](err); !ok || e.Code != signin.CodeModuleFailed || e.How != signin.ModuleHung {
		t.Errorf("got %v", err)
	}
	if card.Resets() == before {
		t.Error("the PIN stays verified")
	}
	if _, _, err := d.sign(c, pkcs11test.PIN, false); err != nil {
		t.Errorf("the next request: %v", err)
	}
	// A card that is pulled meanwhile is not waited for, as OpenSC's hangs show.
	faulty.At(t, 1, "C_Sign hangs", 1)
	req := batch(c.Keys()[0], pkcs11test.PIN, 1)
	signed := make(chan error, 1)
	go func() {
		_, err := c.Sign(context.Background(), req)
		signed <- err
	}()
	d.slot.Remove()
	if err := <-signed; signin.CodeOf(err) != signin.CodeCardRemoved {
		t.Errorf("got %v", err)
	}
}
