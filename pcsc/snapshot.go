package pcsc

import (
	"bytes"
	"slices"
)

// Snapshot is everything that a Watcher knows at one moment. Receivers share
// its slices and must not change them.
type Snapshot struct {
	// Err says why the resource manager cannot be used; nil when it can. Its
	// kind is ErrNoService, ErrDenied or ErrFailed, and there are no readers then.
	Err error
	// Readers are sorted by name. Those of Windows Hello are left out.
	Readers []Reader
}

// Reader is one reader and the card in it.
type Reader struct {
	Name      string
	Present   bool   // a card is in the reader
	Mute      bool   // it is there and does not answer
	InUse     bool   // some program, this one included, is connected to it
	Exclusive bool   // another program has it for itself
	ATR       []byte // the card's answer to reset (ISO 7816-3), nil without a card
	// Insertion numbers the last insertion that was seen in this reader, over
	// all readers of the Watcher. It changes whenever another card may be there
	// than before, also when removal and insertion fell between two looks and
	// when the service was away. It stays after a removal, and changes without
	// a card when one came and went between two looks. 0: none was ever seen.
	Insertion uint64
}

func newReader(name string, r *tracked, insertion uint64) Reader {
	present := r.state&StatePresent != 0
	return Reader{
		Name:      name,
		Present:   present,
		Mute:      present && r.state&StateMute != 0,
		InUse:     present && r.state&(StateInUse|StateExclusive) != 0,
		Exclusive: present && r.state&StateExclusive != 0,
		ATR:       r.atr,
		Insertion: insertion,
	}
}

func (r Reader) equal(o Reader) bool {
	return r.Name == o.Name && r.Present == o.Present && r.Mute == o.Mute && r.InUse == o.InUse &&
		r.Exclusive == o.Exclusive && bytes.Equal(r.ATR, o.ATR) && r.Insertion == o.Insertion
}

func (s Snapshot) equal(o Snapshot) bool {
	if (s.Err == nil) != (o.Err == nil) || s.Err != nil && s.Err.Error() != o.Err.Error() {
		return false
	}
	return slices.EqualFunc(s.Readers, o.Readers, Reader.equal)
}
