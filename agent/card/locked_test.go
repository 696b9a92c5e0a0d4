package card

import (
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

func (d *desk) isGone(c signin.Card) bool {
	d.t.Helper()
	select {
	case <-c.Gone():
		return true
	default:
		return false
	}
}

// reads reports whether a card is being read, or was.
func (d *desk) reads() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.places {
		if p.cancel != nil || p.card != nil {
			return true
		}
	}
	return false
}

func TestALockedDesktopForgetsTheCardAndKnowsItAgain(t *testing.T) {
	d := newDesk(t)
	anna := virtual.NewCard(d.ca, virtual.P256("Anna Example"))
	d.slot.Insert(anna)
	before := d.card(signin.Ready)
	reading := anna.Count()
	d.SetLocked(true)
	s, _ := d.Snapshot()
	if r := s.Readers[0]; !s.Locked || r.Card != nil || !r.Pending || r.Again != before.Insertion() || !d.isGone(before) {
		t.Errorf("while it is locked: %+v", s)
	}
	d.ReadAgain()
	anna.ResetCount()
	d.SetLocked(false)
	after := d.card(signin.Ready)
	if after == before || after.Insertion() != before.Insertion() {
		t.Errorf("the card that stayed in is insertion %d, and was %d", after.Insertion(), before.Insertion())
	}
	if n := anna.Count(); n != reading {
		t.Errorf("reading it again took %d commands, the first time %d", n, reading)
	}
	if _, _, err := d.sign(after, "123456", false); err != nil {
		t.Error(err)
	}
}

func TestACardThatWasOutWhileTheDesktopWasLockedIsAnother(t *testing.T) {
	d := newDesk(t)
	anna := virtual.NewCard(d.ca, virtual.P256("Anna Example"))
	d.slot.Insert(anna)
	before := d.card(signin.Ready)
	reading := anna.Count()
	d.SetLocked(true)
	anna.ResetCount()
	d.slot.Remove()
	d.until("the card is out", func(s signin.Snapshot) bool { return s.Readers[0].Again == 0 && !s.Readers[0].Pending })
	d.slot.Insert(anna)
	d.until("it is back", func(s signin.Snapshot) bool { return s.Readers[0].Pending })
	if d.reads() {
		t.Error("a card is read behind the lock")
	}
	d.SetLocked(false)
	if after := d.card(signin.Ready); after.Insertion() == before.Insertion() {
		t.Error("nobody noticed that the card was out")
	}
	if n := anna.Count(); n != reading {
		t.Errorf("%d commands, and one reading takes %d: it was read behind the lock", n, reading)
	}
}

func TestACardThatIsSwappedBetweenTwoLooksBehindTheLockIsAnother(t *testing.T) {
	d := newDesk(t)
	d.slot.Insert(virtual.NewCard(d.ca, virtual.P256("Anna Example")))
	before := d.card(signin.Ready)
	d.SetLocked(true)
	d.slot.Remove()
	d.slot.Insert(virtual.NewCard(d.ca, virtual.P256("Ben Example")))
	d.until("the swap is noticed", func(s signin.Snapshot) bool { return s.Readers[0].Again == 0 && s.Readers[0].Pending })
	d.SetLocked(false)
	if after := d.card(signin.Ready); after.Insertion() == before.Insertion() || after.Keys()[0].Holder() != "Ben Example" {
		t.Errorf("insertion %d of %s", after.Insertion(), after.Keys()[0].Holder())
	}
}

func TestACardOfALockedDesktopIsNotReadBeforeItIsUnlocked(t *testing.T) {
	d := newDesk(t)
	d.SetLocked(true)
	anna := virtual.NewCard(d.ca, virtual.P256("Anna Example"))
	d.slot.Insert(anna)
	d.until("it is noticed", func(s signin.Snapshot) bool {
		return len(s.Readers) == 1 && s.Readers[0].Pending && s.Readers[0].Name != ""
	})
	if n := anna.Count(); n != 0 || d.reads() {
		t.Errorf("%d commands behind the lock", n)
	}
	d.SetLocked(true) // said twice
	d.SetLocked(false)
	d.card(signin.Ready)
}

func TestACardThatWorksWhenTheDesktopIsLockedFirstForgetsItsPIN(t *testing.T) {
	d := newDesk(t)
	anna := virtual.NewCard(d.ca, virtual.P256("Anna Example"))
	d.slot.Insert(anna)
	c := d.card(signin.Ready)
	release, err := c.Acquire()
	if err != nil {
		t.Fatal(err)
	}
	d.SetLocked(true)
	if s, _ := d.Snapshot(); s.Readers[0].Card != nil || s.Readers[0].Again != c.Insertion() || d.isGone(c) {
		t.Errorf("while it works: %+v, gone: %v", s, d.isGone(c))
	}
	if _, _, err := d.sign(c, "123456", false); err != nil || anna.PINVerified() {
		t.Errorf("%v, and it has the PIN: %v", err, anna.PINVerified())
	}
	release()
	if _, err := c.Acquire(); !d.isGone(c) || signin.CodeOf(err) != signin.CodeCardRemoved {
		t.Errorf("it is not forgotten after that: %v", err)
	}
	d.SetLocked(false)
	if after := d.card(signin.Ready); after == c || after.Insertion() != c.Insertion() {
		t.Error("it is not the same card read anew")
	}
}
