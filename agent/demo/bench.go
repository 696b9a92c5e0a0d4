package main

import (
	"sync"

	"github.com/cardea-agent/cardea/pcsc/virtual"
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

type benchCard struct {
	*virtual.Card
	Holder, Kind string
}

func newBench() *bench {
	b := &bench{ca: virtual.NewCA("Example Card Authority"), manager: virtual.NewManager(), inserted: -1}
	b.reader = b.manager.AddReader(readerName)
	add := func(holder, kind string, profile virtual.Profile, changes ...func(*virtual.Profile)) {
		changes = append(changes, virtual.As(virtual.ContactCard))
		b.cards = append(b.cards, benchCard{virtual.NewCard(b.ca, profile.With(changes...)), holder, kind})
	}
	add("Anna Example", "A hospital’s card with RSA keys, user ID 555000000001.", virtual.Field("555000000001", "Anna Example"))
	add("Bryn Example", "A card with P-256 keys. Two wrong PINs were typed: one try is left.", virtual.P256("Bryn Example"), virtual.OneTryLeft)
	add("Carys Example", "A card that expired yesterday.", virtual.P256("Carys Example"), virtual.Expired)
	add("Dewi Example", "A card whose PIN is blocked.", virtual.P256("Dewi Example"), virtual.BlockedPIN)
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
	Cards           []cardView
	Inserted        string // the holder's name, empty without a card
	Plugged, Serves bool
	PIN             string
}

type cardView struct {
	Number       int
	Holder, Kind string
	In           bool
	TriesLeft    int
	Commands     int
}

func (b *bench) view() view {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := view{Plugged: b.reader != nil, Serves: !b.stopped, PIN: virtual.DefaultPIN}
	for i, c := range b.cards {
		pin, _ := c.TriesLeft()
		v.Cards = append(v.Cards, cardView{i, c.Holder, c.Kind, i == b.inserted, pin, c.Count()})
		if i == b.inserted {
			v.Inserted = c.Holder
		}
	}
	return v
}
