package virtual

import (
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc"
)

func TestATransactionWaitsForAnotherProgramsCommandUnderWay(t *testing.T) {
	manager := NewManager()
	card := NewCard(NewCA("Test CA"), P256("Robin Example"))
	manager.AddReader("Reader").Insert(card)
	var handles [2]pcsc.Handle
	for i := range handles {
		resources, err := manager.Establish()
		if err != nil {
			t.Fatal(err)
		}
		if handles[i], err = resources.Connect("Reader", pcsc.ShareShared, pcsc.ProtocolAny); err != nil {
			t.Fatal(err)
		}
	}
	started, finish := make(chan struct{}), make(chan struct{})
	hold := Action{after: func(answer []byte) ([]byte, error) {
		close(started)
		<-finish
		return answer, nil
	}}
	card.Script(At(1, hold))
	sent, begun := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := handles[0].Transmit([]byte{0x00, 0x20, 0x00, 0x80})
		sent <- err
	}()
	<-started
	go func() { begun <- handles[1].BeginTransaction() }()
	select {
	case <-begun:
		t.Error("the transaction began while another program's command was under way")
	case <-time.After(20 * time.Millisecond):
		close(finish)
		if err := <-begun; err != nil {
			t.Error(err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		return
	}
	close(finish)
}
