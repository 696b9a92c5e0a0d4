package main

import (
	"sync"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/store"
)

const readerName = "Demo reader"

// bench is the virtual reader and the cards that lie beside it.
type bench struct {
	ca      *virtual.CA
	manager *virtual.Manager
	cards   []benchCard

	mu       sync.Mutex      // guards all below
	reader   *virtual.Reader // nil while it is unplugged
	inserted int             // which card is in, -1 for none
	stopped  bool            // the smartcard service
}

// benchCard is a card, and what it was made of.
type benchCard struct {
	*virtual.Card
	Holder, Kind string
	profile      virtual.Profile
	lost         bool // reported to the authority
	bad          bool // made to fail
}

// ready is how many of the cards are for the walk through the demo: one that
// belongs to each of the people, and one to be registered. The others fail, each
// in its way.
const ready = 3

func newBench() *bench {
	b := &bench{ca: virtual.NewCA("Example Card Authority"), manager: virtual.NewManager(), inserted: -1}
	b.ca.Momentary = true // a lost card is refused at once
	b.reader = b.manager.AddReader(readerName)
	add := func(holder, kind string, profile virtual.Profile, changes ...func(*virtual.Profile)) {
		profile = profile.With(append(changes, virtual.As(virtual.ContactCard))...)
		b.cards = append(b.cards, benchCard{
			Card: virtual.NewCard(b.ca, profile), Holder: holder, Kind: kind, profile: profile, bad: len(b.cards) >= ready,
		})
	}
	add("Anna Example", "Registered at the site. A hospital’s card with RSA keys, user ID 555000000001.", virtual.Field("555000000001", "Anna Example"))
	add("Bryn Example", "Registered at the site. Bryn is on the helpdesk. A card with P-256 keys.", virtual.P256("Bryn Example"))
	add("Anna Example, second card", "Not registered yet. The site leads through it in three steps. User ID 555000000002.", virtual.Field("555000000002", "Anna Example"))
	add("Carys Example", "Expired yesterday.", virtual.P256("Carys Example"), virtual.Expired)
	add("Dewi Example", "Its PIN is blocked.", virtual.P256("Dewi Example"), virtual.BlockedPIN)
	add("Elin Example", "Two wrong PINs were typed: one try is left. The site does not know this card.", virtual.P256("Elin Example"), virtual.OneTryLeft)
	return b
}

// insert puts a card in, after taking out the one that is in. Without a reader
// it does nothing.
func (b *bench) insert(card int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reader != nil && card >= 0 && card < len(b.cards) {
		b.reader.Insert(b.cards[card].Card)
		b.inserted = card
	}
}

// remove takes out the card that is in.
func (b *bench) remove() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reader != nil {
		b.reader.Remove()
	}
	b.inserted = -1
}

// unplug takes the reader away, with the card that is in.
func (b *bench) unplug() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.manager.RemoveReader(readerName)
	b.reader, b.inserted = nil, -1
}

// plug brings the reader back, empty.
func (b *bench) plug() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reader == nil {
		b.reader = b.manager.AddReader(readerName)
	}
}

// reportLost has the authority tell everybody who asks that a card is not to be
// trusted any more.
func (b *bench) reportLost(card int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &b.cards[card]
	for _, slot := range []virtual.KeySlot{virtual.Authentication, virtual.Signature} {
		b.ca.Revoke(c.Certificate(slot))
	}
	c.lost = true
}

// renew gives a card's holder the next one, with new keys and certificates and
// the old user ID. The old one is taken out.
func (b *bench) renew(card int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inserted == card && b.reader != nil {
		b.reader.Remove()
		b.inserted = -1
	}
	c := &b.cards[card]
	c.Card, c.lost = virtual.NewCard(b.ca, c.profile), false
}

func (b *bench) stopService() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.manager.StopService()
	b.stopped = true
}

func (b *bench) startService() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.manager.StartService()
	b.stopped = false
}

// view is the bench as the control page shows it.
type view struct {
	Cards, BadCards []cardView
	Inserted        string // the holder's name, empty without a card
	Plugged, Serves bool
	PIN, Password   string
	People          []personView
	Mails           []mailView
}

// personView is somebody with an account.
type personView struct {
	Name, Email string
	Helpdesk    bool
}

type cardView struct {
	Number            int
	Holder, Kind      string
	In, Lost          bool
	Plugged, Occupied bool // the reader
	TriesLeft         int
	Commands          int
}

func (b *bench) view() view {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := view{Plugged: b.reader != nil, Serves: !b.stopped, PIN: virtual.DefaultPIN, Password: demoPassword}
	for _, one := range people {
		v.People = append(v.People, personView{one.name, one.email, one.role == store.RoleHelpdesk})
	}
	for i, c := range b.cards {
		pin, _ := c.TriesLeft()
		shown := cardView{i, c.Holder, c.Kind, i == b.inserted, c.lost, v.Plugged, b.inserted >= 0, pin, c.Count()}
		if c.bad {
			v.BadCards = append(v.BadCards, shown)
		} else {
			v.Cards = append(v.Cards, shown)
		}
		if i == b.inserted {
			v.Inserted = c.Holder
		}
	}
	return v
}
