package card

import (
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// foreignATR is that of virtual.Foreign.
const foreignATR = "3B 65 00 00 20 63 CB 68 00"

func TestAnUnknownCardIsTriedAsPIVAndShownWithItsATR(t *testing.T) {
	d := newDesk(t)
	foreign := virtual.NewCard(d.ca, virtual.Foreign())
	d.slot.Insert(foreign)
	if got := d.state(signin.CardUnknown).Readers[0].ATR; got != foreignATR {
		t.Errorf("the ATR is %q", got)
	}
	if len(foreign.Trace()) == 0 {
		t.Error("nobody asked whether it is a PIV card")
	}
	d.slot.Remove()
	if got := d.state(signin.NoCard).Readers[0].ATR; got != "" {
		t.Errorf("an empty reader has the ATR %q", got)
	}
	d.slot.Insert(virtual.NewCard(d.ca, virtual.P256("Anna")))
	if got := d.state(signin.Ready).Readers[0].ATR; got != "" {
		t.Errorf("a card that is known has the ATR %q", got)
	}
}

// A module's card is not to be sent commands that it does not know: some count
// them.
func TestACardThatIsListedForAModuleIsNotTriedAsPIV(t *testing.T) {
	list, err := ShippedList().With([]byte(`
[[card]]
id = "foreign"
name = "Foreign"
atr = "` + foreignATR + `"
speak = "pkcs11"
modules = ["mcard"]
`))
	if err != nil {
		t.Fatal(err)
	}
	d := makeDesk(t, list, "Reader 1")
	foreign := virtual.NewCard(d.ca, virtual.Foreign())
	d.slot.Insert(foreign)
	d.state(signin.CardUnknown)
	if got := foreign.Trace(); len(got) != 0 {
		t.Errorf("the card was sent % X", got)
	}
}
