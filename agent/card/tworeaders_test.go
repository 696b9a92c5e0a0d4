package card

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// counter is a registration desk: two readers, a card in each, and a Service
// that signs people in. The first is of the hospital's authority.
type counter struct {
	*desk
	service       *signin.Service
	prompter      *signintest.Prompter
	first, second virtual.Slot
	ours, theirs  *virtual.Card
	requests      chan signed
	stopRequested context.CancelFunc
}

// signed is what became of a request.
type signed struct {
	result signin.Result
	err    error
}

const (
	oursPIN   = "135790"
	theirsPIN = "246801"
)

func newCounter(t *testing.T, rules string) *counter {
	t.Helper()
	p, err := policy.Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{desk: makeDesk(t, nil, "Reader 1", "Reader 2"), prompter: signintest.NewPrompter(), requests: make(chan signed, 1)}
	c.first, c.second = c.slots[0], c.slots[1]
	with := func(pin string) func(*virtual.Profile) { return func(p *virtual.Profile) { p.PIN = pin } }
	c.ours = virtual.NewCard(virtual.NewCA("Hospital CA"), virtual.P256("Anna").With(with(oursPIN)))
	c.theirs = virtual.NewCard(virtual.NewCA("Other CA"), virtual.P256("Bill").With(with(theirsPIN)))
	c.service = signin.New(signin.Config{
		Cards: c.Manager, Prompter: c.prompter, Rules: p, Tokens: token.New("https://example/1"), Audit: &signintest.Audit{},
		Log: slog.New(slog.DiscardHandler),
	})
	return c
}

// put puts the cards in and waits until both were read. What they were sent
// until then does not count.
func (c *counter) put(first, second *virtual.Card) {
	c.t.Helper()
	c.first.Insert(first)
	c.second.Insert(second)
	c.settled(first, second)
}

// settled waits until both readers show the certificate of their card.
func (c *counter) settled(first, second *virtual.Card) {
	c.t.Helper()
	c.until("both cards were read", func(s signin.Snapshot) bool {
		return shows(s, 0, first) && shows(s, 1, second)
	})
	c.ours.ResetCount()
	c.theirs.ResetCount()
}

func shows(s signin.Snapshot, n int, card *virtual.Card) bool {
	return len(s.Readers) > n && s.Readers[n].Card != nil && s.Readers[n].Card.Keys()[0].Certificate.Equal(card.Certificate(virtual.Authentication))
}

func (c *counter) signIn() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	c.stopRequested = cancel
	go func() {
		r, err := c.service.Authenticate(ctx, signin.Request{Origin: "https://a.example", Nonce: "nonce"}, func(signin.Progress) {})
		c.requests <- signed{r, err}
	}()
}

func (c *counter) asked() signintest.Asked {
	c.t.Helper()
	select {
	case a := <-c.prompter.Asked:
		return a
	case r := <-c.requests:
		c.t.Fatalf("nobody was asked: %v", r.err)
	}
	panic("unreachable")
}

// signedBy says whose certificate the token has.
func (c *counter) signedBy(card *virtual.Card) {
	c.t.Helper()
	defer c.stopRequested()
	r := <-c.requests
	if r.err != nil {
		c.t.Fatal(r.err)
	}
	der, err := base64.StdEncoding.DecodeString(r.result.Token.UnverifiedCertificate)
	if err != nil {
		c.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil || !certificate.Equal(card.Certificate(virtual.Authentication)) {
		c.t.Errorf("the token is %v's, %v", certificate.Subject, err)
	}
}

// untouched reports whatever a card was sent, and a reset.
func (c *counter) untouched(name string, card *virtual.Card) {
	c.t.Helper()
	if n, resets := card.Count(), card.Resets(); n != 0 || resets != 0 || card.PINVerified() {
		c.t.Errorf("%s's card was reset %d times and sent %v", name, resets, card.Trace())
	}
	if left, _ := card.TriesLeft(); left != 3 {
		c.t.Errorf("%s's card has %d tries left", name, left)
	}
}

// secretly counts the commands with a PIN and the signatures.
func secretly(card *virtual.Card) (pins, signatures int) {
	for _, e := range card.Trace() {
		switch {
		case e.INS() == 0x20 && e.Length > 5, e.INS() == 0x24, e.INS() == 0x2C:
			pins++
		case e.INS() == 0x87:
			signatures++
		}
	}
	return pins, signatures
}

const hospitalOnly = "[certificate]\nissuers = [\"Hospital CA\"]\n"

func TestEachOfTwoReadersIsShownWithItsCard(t *testing.T) {
	c := newCounter(t, "")
	c.put(c.ours, c.theirs)
	before, _ := c.Snapshot()
	for i, name := range []string{"Reader 1", "Reader 2"} {
		if r := before.Readers[i]; r.Name != name || r.Status != signin.Ready || r.PIN != signin.PINOk || r.Card.Reader() != name {
			t.Errorf("%s is shown as %+v", name, r)
		}
	}
	c.first.Remove()
	after := c.until("the first reader is empty", func(s signin.Snapshot) bool { return s.Readers[0].Status == signin.NoCard })
	if after.State != signin.Ready || after.Readers[1].Card != before.Readers[1].Card {
		t.Errorf("with one card out: %+v", after)
	}
	select {
	case <-after.Readers[1].Card.Gone():
		t.Error("the card that stays is gone")
	default:
	}
	c.untouched("Bill", c.theirs)
}

func TestOfTwoCardsTheRulesChooseTheRightOneWhereverItIs(t *testing.T) {
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprint("in the first reader ", first), func(t *testing.T) {
			c := newCounter(t, hospitalOnly)
			want := "Reader 1"
			if first {
				c.put(c.ours, c.theirs)
			} else {
				c.put(c.theirs, c.ours)
				want = "Reader 2"
			}
			c.signIn()
			a := c.asked()
			if a.Choices != nil || a.About.Holder != "Anna" || a.About.Reader != want {
				t.Fatalf("asked %+v %+v", a.About, a.Choices)
			}
			a.Type("999999")
			c.asked().Type(oursPIN)
			c.signedBy(c.ours)
			c.untouched("Bill", c.theirs)
			if pins, signatures := secretly(c.ours); pins != 2 || signatures != 1 {
				t.Errorf("Anna's card had %d PINs and %d signatures", pins, signatures)
			}
		})
	}
}

func TestTheCardThatThePersonChoseIsTheOnlyOneThatIsTouched(t *testing.T) {
	c := newCounter(t, "")
	c.put(c.ours, c.theirs)
	c.signIn()
	a := c.asked()
	if len(a.Choices) != 2 || a.Choices[1].Holder != "Bill" || a.Choices[1].Reader != "Reader 2" {
		t.Fatalf("the choices are %+v", a.Choices)
	}
	a.Choose(1)
	c.asked().Type(theirsPIN)
	c.signedBy(c.theirs)
	c.untouched("Anna", c.ours)
}

func TestCardsThatSwapReadersWhileThePINIsTypedAreToldApart(t *testing.T) {
	c := newCounter(t, hospitalOnly)
	c.put(c.ours, c.theirs)
	c.signIn()
	a := c.asked()
	// Between two looks, or not: the other card is never there alone, which would
	// be told to be of the wrong issuer.
	c.second.Remove()
	c.first.Remove()
	c.second.Insert(c.ours)
	c.first.Insert(c.theirs)
	<-a.Closed
	b := c.asked()
	if b.About.Holder != "Anna" || b.About.Reader != "Reader 2" {
		t.Fatalf("asked %+v", b.About)
	}
	c.settled(c.theirs, c.ours)
	b.Type(oursPIN)
	c.signedBy(c.ours)
	c.untouched("Bill", c.theirs)
}

// The window may be answered before anybody noticed the swap.
func TestAPINForACardThatWasSwappedReachesNoOtherCard(t *testing.T) {
	for name, swap := range map[string]func(c *counter){
		"for the other reader's": func(c *counter) {
			c.first.Remove()
			c.second.Remove()
			c.first.Insert(c.theirs)
		},
		"for a third": func(c *counter) {
			c.first.Remove()
			c.first.Insert(virtual.NewCard(c.ca, virtual.P256("Carol")))
		},
		"for itself": func(c *counter) {
			c.first.Remove()
			c.first.Insert(c.ours)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t, "")
			c.put(c.ours, c.theirs)
			snapshot, _ := c.Snapshot()
			old := snapshot.Readers[0].Card
			swap(c)
			if _, _, err := c.sign(old, oursPIN, false); signin.CodeOf(err) != signin.CodeCardRemoved {
				t.Errorf("got %v", err)
			}
			select {
			case <-old.Gone():
			default:
				t.Error("the card is not gone")
			}
			for name, card := range map[string]*virtual.Card{"Anna": c.ours, "Bill": c.theirs} {
				if pins, signatures := secretly(card); pins != 0 || signatures != 0 {
					t.Errorf("%s's card had %d PINs and %d signatures", name, pins, signatures)
				}
			}
			c.until("the card in the reader is another", func(s signin.Snapshot) bool {
				return s.Readers[0].Card != nil && s.Readers[0].Card.Insertion() != old.Insertion()
			})
		})
	}
}

func TestTwoCardsCanBeBusyAtOnceAndOneOnlyOnce(t *testing.T) {
	c := newCounter(t, "")
	c.put(c.ours, c.theirs)
	s, _ := c.Snapshot()
	first, err := s.Readers[0].Card.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer first()
	second, err := s.Readers[1].Card.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	defer second()
	if _, err := s.Readers[0].Card.Acquire(); signin.CodeOf(err) != signin.CodeBusy {
		t.Errorf("got %v", err)
	}
}

// Twenty times in a row, with the cards in another place each time.
func TestOverManySwapsEachPINGoesToTheCardThatItIsFor(t *testing.T) {
	c := newCounter(t, "")
	first, second := c.ours, c.theirs
	pins := map[*virtual.Card]string{c.ours: oursPIN, c.theirs: theirsPIN}
	for round := range 20 {
		c.put(first, second)
		chosen, other := first, second
		n := round / 2 % 2
		if n == 1 {
			chosen, other = second, first
		}
		c.signIn()
		c.asked().Choose(n)
		c.asked().Type(pins[chosen])
		c.signedBy(chosen)
		c.untouched(fmt.Sprint("in round ", round, ", the other"), other)
		if tried, signatures := secretly(chosen); tried != 1 || signatures != 1 {
			t.Fatalf("round %d: %d PINs and %d signatures", round, tried, signatures)
		}
		c.first.Remove()
		c.second.Remove()
		first, second = second, first
	}
}
