package card

import (
	"context"
	"errors"
	"sync"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
)

// driver is one way to speak to cards. The card list says which are tried for a
// card, and in which order.
type driver interface {
	// read finds the keys of the card in a reader. It is errNotMine for a
	// card that the driver cannot speak to; then the next one is tried. Any
	// other error may be gone when the card is read again.
	read(ctx context.Context, reader pcsc.Reader) (spoken, error)
}

// spoken is one card that a driver speaks to, during one insertion. Its errors
// are those of errors.go's table, a *signin.Error or the context's. The manager
// sees to it that only one operation with a PIN is under way at a time.
type spoken interface {
	// keys are what was found when the card was read.
	keys() []signin.Key
	// knownTries is how many PIN tries were left when the card was read.
	knownTries() int
	// tries asks the card, without spending one.
	tries(ctx context.Context) (int, error)
	// sign is signin.Card's Sign.
	sign(ctx context.Context, req signin.CardSignRequest) ([][]byte, error)
	// close lets go of the card. It may wait for an operation under way.
	close()
}

var (
	// errNotMine is of a driver that cannot speak to the card.
	errNotMine = errors.New("card: the card is of another kind")
	// errUnknown means that no driver can.
	errUnknown = errors.New("card: nothing that is configured can speak to the card")
)

// signatures are those that a transaction made until it was given up. It may
// still go on then, and nobody hears of what it makes.
type signatures struct {
	told func(n int) // nil tells nobody

	mu   sync.Mutex
	made [][]byte
	over bool
}

func (s *signatures) add(signature []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.made = append(s.made, signature)
	if s.told != nil {
		s.told(len(s.made))
	}
}

func (s *signatures) all() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	return s.made
}

// drivers are the ways to speak to a card that the list tells, in order.
func (m *Manager) drivers(way cards.Way) []driver {
	var all []driver
	if way.PIV {
		all = append(all, pivDriver{m.Driver, m.Algorithm, m.Log})
	}
	return all
}

// read reads the card in a reader as the card list says.
func (m *Manager) read(ctx context.Context, reader pcsc.Reader) (spoken, error) {
	way := m.List.For(reader.ATR)
	for _, d := range m.drivers(way) {
		s, err := d.read(ctx, reader)
		if !errors.Is(err, errNotMine) {
			return s, err
		}
	}
	return nil, errUnknown
}
