package card

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// openSCCounter is a counter whose cards are behind pcscd and are spoken to
// through OpenSC.
func newOpenSCCounter(t *testing.T, rules string) *counter {
	t.Helper()
	p, err := policy.Parse([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	daemon := pcscdtest.Shared(t)
	log := slog.New(slog.DiscardHandler)
	c := &counter{prompter: signintest.NewPrompter(), requests: make(chan signed, 1)}
	with := func(pin string) func(*virtual.Profile) { return func(p *virtual.Profile) { p.PIN = pin } }
	c.ours = virtual.NewCard(virtual.NewCA("Hospital CA"), virtual.P256("Anna").With(with(oursPIN)))
	c.theirs = virtual.NewCard(virtual.NewCA("Other CA"), virtual.P256("Bill").With(with(theirsPIN)))
	c.desk = startDesk(t, Config{Driver: pcsc.System{}, List: listOf(t, formatATR(c.ours.ATR()), openSC(t)), Modules: hosts(t, log), Log: log})
	c.first, c.second = virtual.NewVPCD(daemon.Readers[0].Addr), virtual.NewVPCD(daemon.Readers[1].Addr)
	t.Cleanup(c.first.Remove)
	t.Cleanup(c.second.Remove)
	c.until("both readers are empty", func(s signin.Snapshot) bool {
		return len(s.Readers) == 2 && s.Readers[0].Status == signin.NoCard && s.Readers[1].Status == signin.NoCard
	})
	c.service = signin.New(signin.Config{
		Cards: c.Manager, Prompter: c.prompter, Rules: p, Tokens: token.New("https://example/1"), Audit: &signintest.Audit{}, Log: log,
	})
	return c
}

func TestThroughAModuleTooTheRulesChooseTheRightCard(t *testing.T) {
	for _, first := range []bool{true, false} {
		t.Run(fmt.Sprint("in the first reader ", first), func(t *testing.T) {
			c := newOpenSCCounter(t, hospitalOnly)
			want := pcscdtest.Shared(t).Readers[0].Name
			if first {
				c.put(c.ours, c.theirs)
			} else {
				c.put(c.theirs, c.ours)
				want = pcscdtest.Shared(t).Readers[1].Name
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
			if pins, signatures := secretly(c.ours); pins != 2 || signatures != 1 || c.ours.PINVerified() {
				t.Errorf("Anna's card had %d PINs and %d signatures", pins, signatures)
			}
		})
	}
}

func TestThroughAModuleTheCardThatThePersonChoseIsTheOnlyOneThatIsUsed(t *testing.T) {
	c := newOpenSCCounter(t, "")
	c.put(c.ours, c.theirs)
	c.signIn()
	a := c.asked()
	if len(a.Choices) != 2 || a.Choices[1].Holder != "Bill" {
		t.Fatalf("the choices are %+v", a.Choices)
	}
	a.Choose(1)
	c.asked().Type(theirsPIN)
	c.signedBy(c.theirs)
	c.untouched("Anna", c.ours)
}

func TestThroughAModuleCardsThatSwapReadersWhileThePINIsTypedAreToldApart(t *testing.T) {
	c := newOpenSCCounter(t, hospitalOnly)
	c.put(c.ours, c.theirs)
	c.signIn()
	a := c.asked()
	c.second.Remove() // the other one alone would be told to be of the wrong issuer
	c.until("the second reader is empty", func(s signin.Snapshot) bool { return s.Readers[1].Status == signin.NoCard })
	c.first.Remove()
	<-a.Closed
	c.second.Insert(c.ours)
	b := c.asked()
	c.first.Insert(c.theirs)
	if b.About.Holder != "Anna" || b.About.Reader != pcscdtest.Shared(t).Readers[1].Name {
		t.Fatalf("asked %+v", b.About)
	}
	c.settled(c.theirs, c.ours)
	b.Type(oursPIN)
	c.signedBy(c.ours)
	c.untouched("Bill", c.theirs)
}

// pcscd looks for cards each 400 ms. Here the swap is over before it looks: our
// connection, and whatever the module remembers, are as if nothing happened.
func TestThroughAModuleAPINReachesNoCardThatWasSwappedUnseen(t *testing.T) {
	for name, swap := range map[string]func(c *counter){
		"for the other reader's": func(c *counter) {
			c.first.Remove()
			c.second.Remove()
			c.first.Insert(c.theirs)
		},
		"for a third": func(c *counter) {
			c.first.Remove()
			c.first.Insert(virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Carol")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newOpenSCCounter(t, "")
			c.put(c.ours, c.theirs)
			snapshot, _ := c.Snapshot()
			old := snapshot.Readers[0].Card
			swap(c)
			_, _, err := c.sign(old, oursPIN, false)
			if code := signin.CodeOf(err); code != signin.CodeCardRemoved && code != signin.CodeModuleFailed { // it may stumble over it
				t.Errorf("got %v", err)
			}
			for name, card := range map[string]*virtual.Card{"Anna": c.ours, "Bill": c.theirs} {
				left, _ := card.TriesLeft()
				if pins, signatures := secretly(card); pins != 0 || signatures != 0 || left != 3 {
					t.Errorf("%s's card had %d PINs and %d signatures", name, pins, signatures)
				}
			}
		})
	}
}

func TestThroughAModuleOverManySwapsEachPINGoesToTheCardThatItIsFor(t *testing.T) {
	c := newOpenSCCounter(t, "")
	first, second := c.ours, c.theirs
	pins := map[*virtual.Card]string{c.ours: oursPIN, c.theirs: theirsPIN}
	for round := range 6 {
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
		c.until("both readers are empty", func(s signin.Snapshot) bool { return s.State == signin.NoCard })
		first, second = second, first
	}
}
