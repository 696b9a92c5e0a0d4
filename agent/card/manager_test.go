package card

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// desk is a Manager over a resource manager in process, with one reader.
type desk struct {
	*Manager
	t    *testing.T
	ca   *virtual.CA
	pcsc *virtual.Manager
	slot *virtual.Reader

	slots []*virtual.Reader // all of them; slot is the first
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	return makeDesk(t, nil, "Reader 1")
}

// makeDesk makes a desk with readers and a card list; slot is the first reader.
func makeDesk(t *testing.T, list *cards.List, readers ...string) *desk {
	t.Helper()
	return startDesk(t, Config{List: list}, readers...)
}

// startDesk makes a desk with what c says. Without readers c has a driver.
func startDesk(t *testing.T, c Config, readers ...string) *desk {
	t.Helper()
	rules, err := policy.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, ca: virtual.NewCA("Test CA"), pcsc: virtual.NewManager()}
	for _, name := range readers {
		d.slots = append(d.slots, d.pcsc.AddReader(name))
	}
	if len(readers) > 0 {
		d.slot, c.Driver = d.slots[0], d.pcsc
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Usable, c.Algorithm = rules.Usable, token.AlgorithmFor
	d.Manager = New(c)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	return d
}

// until waits for a snapshot.
func (d *desk) until(what string, is func(signin.Snapshot) bool) signin.Snapshot {
	d.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		s, changed := d.Snapshot()
		if is(s) {
			return s
		}
		select {
		case <-changed:
		case <-timeout:
			d.t.Fatalf("still waiting until %s: %+v", what, s)
		}
	}
}

func (d *desk) state(want signin.State) signin.Snapshot {
	d.t.Helper()
	return d.until("the state is "+string(want), func(s signin.Snapshot) bool {
		return s.State == want && !slices.ContainsFunc(s.Readers, func(r signin.Reader) bool { return r.Pending })
	})
}

// card is the card in the first reader.
func (d *desk) card(want signin.State) signin.Card {
	d.t.Helper()
	return d.state(want).Readers[0].Card
}

func (d *desk) sign(c signin.Card, pin string, lastTry bool) ([]byte, signin.Key, error) {
	d.t.Helper()
	key := c.Keys()[0]
	hash, digest, err := token.New("https://example/1").Compose(key, "https://a.example", "nonce")
	if err != nil {
		d.t.Fatal(err)
	}
	made, err := c.Sign(d.t.Context(), signin.CardSignRequest{
		Key: key, PIN: signin.NewPIN([]byte(pin)), AllowLastTry: lastTry, Hash: hash, Digests: [][]byte{digest},
	})
	if err != nil {
		if made != nil {
			d.t.Errorf("there are %d signatures next to %v", len(made), err)
		}
		return nil, key, err
	}
	if _, err := token.New("https://example/1").Finish(key, hash, digest, made[0]); err != nil {
		d.t.Errorf("the signature does not verify: %v", err)
	}
	return made[0], key, nil
}

func TestTheStateFollowsServiceReadersAndCards(t *testing.T) {
	d := newDesk(t)
	d.state(signin.NoCard)
	for name, c := range map[string]struct {
		profile virtual.Profile
		state   signin.State
		pin     signin.PINState
	}{
		"sound":          {virtual.P256("Anna Example"), signin.Ready, signin.PINOk},
		"one wrong PIN":  {virtual.P256("Anna").With(func(p *virtual.Profile) { p.WrongPINs = 1 }), signin.Ready, signin.PINLow},
		"one try left":   {virtual.P256("Anna").With(virtual.OneTryLeft), signin.Ready, signin.PINFinal},
		"blocked":        {virtual.P256("Anna").With(virtual.BlockedPIN), signin.PINBlocked, signin.PINIsBlocked},
		"expired":        {virtual.P256("Anna").With(virtual.Expired), signin.NoUsableCertificate, signin.PINOk},
		"no certificate": {virtual.P256("Anna").With(virtual.NoCertificate), signin.NoUsableCertificate, signin.PINOk},
		"foreign":        {virtual.Foreign(), signin.CardUnknown, signin.PINUnknown},
		"wrong way":      {virtual.Dead(), signin.CardUnreadable, signin.PINUnknown},
	} {
		d.slot.Insert(virtual.NewCard(d.ca, c.profile))
		s := d.state(c.state)
		if got := s.Readers[0].PIN; got != c.pin {
			t.Errorf("%s: the PIN state is %q, want %q", name, got, c.pin)
		}
		d.slot.Remove()
		d.state(signin.NoCard)
	}
	d.pcsc.RemoveReader("Reader 1")
	d.state(signin.NoReader)
	d.pcsc.StopService()
	d.state(signin.ServiceDown)
	d.pcsc.StartService()
	d.state(signin.NoReader)
	d.pcsc.AddReader("Reader 2").Insert(virtual.NewCard(d.ca, virtual.P256("Anna")))
	d.state(signin.Ready)
}

func TestTheStateIsThatOfTheCardNearestToASignIn(t *testing.T) {
	for want, statuses := range map[signin.State][]signin.State{
		signin.NoReader:            {},
		signin.NoCard:              {signin.NoCard, signin.NoCard},
		signin.CardUnreadable:      {signin.NoCard, signin.CardUnreadable},
		signin.CardUnknown:         {signin.CardUnreadable, signin.CardUnknown},
		signin.NoUsableCertificate: {signin.NoUsableCertificate, signin.CardUnknown},
		signin.PINBlocked:          {signin.NoUsableCertificate, signin.PINBlocked},
		signin.Ready:               {signin.PINBlocked, signin.Ready, signin.NoCard},
		signin.Busy:                {signin.Ready, signin.Busy},
	} {
		var readers []signin.Reader
		for _, s := range statuses {
			readers = append(readers, signin.Reader{Status: s})
		}
		if got := derive(nil, readers); got != want {
			t.Errorf("%v: got %s, want %s", statuses, got, want)
		}
		if got := derive(errors.New("stopped"), readers); got != signin.ServiceDown {
			t.Errorf("without the service: got %s", got)
		}
	}
}

func TestEveryProfileSignsWithItsAuthenticationKey(t *testing.T) {
	d := newDesk(t)
	for name, profile := range map[string]virtual.Profile{
		"RSA-2048": virtual.RSA2048("Anna"), "P-256": virtual.P256("Anna"), "P-384": virtual.P384("Anna"),
		"field": virtual.Field("555000000001", "Anna Example"), "client": virtual.ClientAuth("Anna"),
		"compressed": virtual.P256("Anna").With(virtual.Compressed), "cannot forget": virtual.P256("Anna").With(virtual.DoesNotForget),
	} {
		t.Run(name, func(t *testing.T) {
			card := virtual.NewCard(d.ca, profile)
			d.slot.Insert(card)
			c := d.card(signin.Ready)
			if len(c.Keys()) != 2 || c.Keys()[0].ID != "9A" {
				t.Fatalf("the keys are %v", c.Keys())
			}
			if _, _, err := d.sign(c, virtual.DefaultPIN, false); err != nil {
				t.Fatal(err)
			}
			if card.PINVerified() {
				t.Error("the PIN stays verified")
			}
			d.slot.Remove()
			<-c.Gone()
			d.state(signin.NoCard)
		})
	}
}

func TestBetweenPINAndSignatureOnlyWhatMustBeDoneIsDone(t *testing.T) {
	d := newDesk(t)
	for name, c := range map[string]struct {
		profile virtual.Profile
		want    []byte
	}{
		"P-256":    {virtual.P256("Anna"), []byte{0xA4, 0x20, 0x20, 0x87, 0x20}},
		"P-384":    {virtual.P384("Anna"), []byte{0xA4, 0x20, 0x20, 0x87, 0x20}},
		"RSA-2048": {virtual.RSA2048("Anna"), []byte{0xA4, 0x20, 0x20, 0x87, 0x87, 0xC0, 0x20}},
	} {
		card := virtual.NewCard(d.ca, c.profile)
		d.slot.Insert(card)
		read := d.card(signin.Ready)
		card.ResetCount()
		if _, _, err := d.sign(read, virtual.DefaultPIN, false); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for _, e := range card.Trace() {
			got = append(got, e.Command[1])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: the card was sent % X, want % X", name, got, c.want)
		}
		d.slot.Remove()
		d.state(signin.NoCard)
	}
}

func TestErrorsOfTheCardHaveCodes(t *testing.T) {
	d := newDesk(t)
	for name, c := range map[string]struct {
		profile virtual.Profile
		faults  []virtual.Fault
		pin     string
		code    signin.Code
		tries   int
	}{
		"wrong PIN":            {virtual.P256("Anna"), nil, "000000", signin.CodePINWrong, 2},
		"too short":            {virtual.P256("Anna"), nil, "123", signin.CodePINWrong, 3},
		"too long":             {virtual.P256("Anna"), nil, "123456789", signin.CodePINWrong, 3},
		"PIN not set":          {virtual.P256("Anna").With(virtual.PINNotSet), nil, "123456", signin.CodePINNotSet, 0},
		"pulled at VERIFY":     {virtual.P256("Anna"), []virtual.Fault{virtual.On(apdu.InsVerify, virtual.Remove)}, "123456", signin.CodeCardRemoved, 0},
		"pulled at signature":  {virtual.P256("Anna"), []virtual.Fault{virtual.On(apdu.InsGeneralAuthenticate, virtual.Remove)}, "123456", signin.CodeCardRemoved, 0},
		"mute at signature":    {virtual.P256("Anna"), []virtual.Fault{virtual.On(apdu.InsGeneralAuthenticate, virtual.Mute)}, "123456", signin.CodeCardRemoved, 0},
		"garbage at signature": {virtual.P256("Anna"), []virtual.Fault{virtual.On(apdu.InsGeneralAuthenticate, virtual.Garbage(1, 2, 3, 0x90, 0))}, "123456", signin.CodeCardUnreadable, 0},
		"refused":              {virtual.P256("Anna"), []virtual.Fault{virtual.On(apdu.InsGeneralAuthenticate, virtual.Answer(0x6F00))}, "123456", signin.CodeCardUnreadable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			card := virtual.NewCard(d.ca, c.profile)
			d.slot.Insert(card)
			read := d.card(signin.Ready)
			card.Script(c.faults...)
			_, _, err := d.sign(read, c.pin, false)
			e, ok := errors.AsType[*signin.Error](err)
			if !ok || e.Code != c.code || c.tries != 0 && e.TriesLeft != c.tries {
				t.Errorf("got %v, want %s", err, c.code)
			}
			if err != nil && strings.Contains(err.Error(), c.pin) {
				t.Errorf("the PIN is in the error: %v", err)
			}
			d.slot.Remove()
			d.state(signin.NoCard)
			card.Script()
			d.slot.Insert(card)
			d.state(signin.Ready)
			if card.PINVerified() {
				t.Error("the PIN stays verified")
			}
			d.slot.Remove()
			d.state(signin.NoCard)
		})
	}
}

func TestTheLastTryIsRefusedUnlessAllowedAndTheCountIsShown(t *testing.T) {
	d := newDesk(t)
	card := virtual.NewCard(d.ca, virtual.P256("Anna").With(virtual.OneTryLeft))
	d.slot.Insert(card)
	c := d.card(signin.Ready)
	if _, _, err := d.sign(c, "000000", false); !errors.Is(err, signin.ErrLastTry) {
		t.Fatalf("got %v", err)
	}
	if tries, _ := card.TriesLeft(); tries != 1 {
		t.Fatalf("%d tries are left: one was spent", tries)
	}
	release, err := c.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Acquire(); signin.CodeOf(err) != signin.CodeBusy {
		t.Errorf("a second operation got %v", err)
	}
	d.state(signin.Busy)
	if _, _, err := d.sign(c, "000000", true); signin.CodeOf(err) != signin.CodePINBlocked {
		t.Errorf("got %v", err)
	}
	release()
	d.state(signin.PINBlocked)
	if tries, err := c.Tries(t.Context(), c.Keys()[0]); tries != 0 || err != nil {
		t.Errorf("got %d tries, %v", tries, err)
	}
}

func TestARightPINBringsTheCountBack(t *testing.T) {
	d := newDesk(t)
	d.slot.Insert(virtual.NewCard(d.ca, virtual.P256("Anna").With(func(p *virtual.Profile) { p.WrongPINs = 1 })))
	c := d.card(signin.Ready)
	release, err := c.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.sign(c, virtual.DefaultPIN, false); err != nil {
		t.Fatal(err)
	}
	release()
	if got := d.state(signin.Ready).Readers[0].PIN; got != signin.PINOk {
		t.Errorf("the PIN state is %q", got)
	}
}

func TestACardThatFailsOnceWhileItIsReadIsReadAgain(t *testing.T) {
	d := newDesk(t)
	card := virtual.NewCard(d.ca, virtual.P256("Anna"))
	card.Script(virtual.MuteAt(3))
	d.slot.Insert(card)
	d.state(signin.Ready)
}

func TestACardThatIsFreedDuringTheLastReadingIsReadAgain(t *testing.T) {
	d := newDesk(t)
	d.state(signin.NoCard) // from here on this test is what PC/SC says
	held := pcsc.Reader{Name: "Reader 2", Present: true, Exclusive: true, Insertion: 1}
	d.follow(pcsc.Snapshot{Readers: []pcsc.Reader{held}})
	d.mu.Lock()
	p := d.places[held.Name]
	p.cancel() // in its place the last reading, which this test does
	reading, cancel := context.WithCancel(t.Context())
	p.cancel, p.retries = cancel, len(readAgain)
	d.mu.Unlock()

	freed := held
	freed.Exclusive = false
	d.follow(pcsc.Snapshot{Readers: []pcsc.Reader{freed}})
	d.take(reading, p, nil, pcsc.ErrInUse)
	s, _ := d.Snapshot()
	if !s.Readers[0].Pending {
		t.Fatalf("nobody reads the card any more: %+v", s.Readers[0])
	}

	d.mu.Lock()
	p.cancel()
	p.cancel, p.retries = cancel, len(readAgain)
	d.mu.Unlock()
	d.take(reading, p, nil, pcsc.ErrInUse)
	if s, _ = d.Snapshot(); s.Readers[0].Pending {
		t.Error("it is read for ever")
	}
}

func TestAnOperationThatFindsTheCardGoneClosesGoneFirst(t *testing.T) {
	d := newDesk(t)
	card := virtual.NewCard(d.ca, virtual.P256("Anna"))
	d.slot.Insert(card)
	c := d.card(signin.Ready)
	card.Script(virtual.On(apdu.InsVerify, virtual.Remove))
	if _, _, err := d.sign(c, virtual.DefaultPIN, false); signin.CodeOf(err) != signin.CodeCardRemoved {
		t.Fatalf("got %v", err)
	}
	select {
	case <-c.Gone():
	default:
		t.Error("Gone is open")
	}
	d.state(signin.NoCard)
}

func TestAnotherProgramsResetIsSurvivedAndAnotherCardIsRecognised(t *testing.T) {
	d := newDesk(t)
	d.slot.Insert(virtual.NewCard(d.ca, virtual.P256("Anna")))
	c := d.card(signin.Ready).(*card)
	reset := func() {
		context, err := d.pcsc.Establish()
		if err != nil {
			t.Fatal(err)
		}
		defer context.Release()
		handle, err := context.Connect("Reader 1", 2, 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := handle.Disconnect(1); err != nil {
			t.Fatal(err)
		}
	}
	reset()
	if _, _, err := d.sign(c, virtual.DefaultPIN, false); err != nil {
		t.Fatalf("after a reset: %v", err)
	}
	reset()
	other := virtual.NewCard(d.ca, virtual.P256("Bill")).Certificate(virtual.Authentication)
	read := c.spoken.(*pivCard)
	read.found = slices.Clone(read.found)
	read.found[0].Certificate = &x509.Certificate{Raw: other.Raw, PublicKey: other.PublicKey}
	if tries, err := c.Tries(t.Context(), c.Keys()[0]); signin.CodeOf(err) != signin.CodeCardRemoved {
		t.Errorf("another card answered %d, %v", tries, err)
	}
}
