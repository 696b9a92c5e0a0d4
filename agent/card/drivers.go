package card

import (
	"cmp"
	"context"
	"errors"
	"sync"

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
	// keypad reports whether the PIN is typed on the reader.
	keypad() bool
	// pins are the tries that were left of each of the card's PINs when it was
	// read, first the one that people sign in with. A count may be triesLow.
	pins() []int
	// fullTries is what a right PIN sets a count to, as far as one can tell
	// without asking the card again; TriesUnknown for a card that does not count.
	fullTries() int
	// pinOf is the number of a key's PIN in pins.
	pinOf(key signin.Key) int
	// tries asks the card for the tries of a key's PIN, without spending one.
	tries(ctx context.Context, key signin.Key) (int, error)
	// sign is signin.Card's Sign. gone is closed when the card is out.
	sign(ctx context.Context, req signin.CardSignRequest, gone <-chan struct{}) ([][]byte, error)
	// close lets go of the card. It may wait for an operation under way.
	close()
}

// triesLow is a count of a card that tells that a try was spent, and not how
// many are left.
const triesLow = -2

// counted is a count as others know it.
func counted(tries int) int { return max(tries, signin.TriesUnknown) }

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

// read reads the card in a reader as the card list says.
func (m *Manager) read(ctx context.Context, reader pcsc.Reader) (spoken, error) {
	way := m.List.For(reader.ATR)
	if way.PIV {
		s, err := pivDriver{m.Driver, m.Algorithm, m.Log, m.modules}.read(ctx, reader)
		if !errors.Is(err, errNotMine) {
			return s, err
		}
	}
	var missing, failed error
	for _, module := range way.Modules {
		s, err := m.readThrough(ctx, module, reader, way.IsPIV)
		switch code := signin.CodeOf(err); {
		case err == nil:
			return s, nil
		case errors.Is(err, errNotMine):
		case code == signin.CodeModuleMissing:
			missing = cmp.Or(missing, err)
		case code == signin.CodeModuleFailed:
			failed = cmp.Or(failed, err)
		default:
			return nil, err
		}
	}
	switch {
	case failed != nil:
		return nil, failed
	case missing != nil && way.Name != "": // of a card on no list nobody knows what it needs
		return nil, missing
	}
	return nil, errUnknown
}
