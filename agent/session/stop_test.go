package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// stopping asks the agent to stop and returns where its end is told.
func (w *ward) stopping() <-chan struct{} {
	ended := make(chan struct{})
	go func() { defer close(ended); w.stop() }()
	return ended
}

// refusesPages waits until the agent takes no page in any more.
func (w *ward) refusesPages() {
	w.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		conn, _, err := w.dial(origin)
		if err != nil {
			return
		}
		_ = conn.CloseNow()
		if time.Now().After(deadline) {
			w.t.Fatal("an agent that stops takes pages in")
		}
	}
}

func TestAnAgentThatStopsLetsTheCardFinishAndAnswers(t *testing.T) {
	for name, instruction := range map[string]byte{"verifying": 0x20, "signing": 0x87} {
		t.Run(name, func(t *testing.T) {
			w := newWard(t)
			w.startTray()
			w.slot.Insert(w.card)
			p, idle := w.open(origin), w.open(origin)
			id := p.send("authenticate", map[string]any{"nonce": nonce()})
			asked := w.asked()
			atWork, goOn := make(chan struct{}), make(chan struct{})
			w.card.Script(virtual.On(instruction, virtual.Hold(func(context.Context) { close(atWork); <-goOn })))
			asked.Type(canary)
			<-atWork
			ended := w.stopping()
			if _, open := <-idle.answers; open {
				t.Error("a page that waits for nothing hears something")
			}
			w.refusesPages()
			select {
			case <-ended:
				t.Fatal("the agent ended while the card was at work")
			default:
			}
			close(goOn)
			if m := p.answer(id); m.Error != nil {
				t.Errorf("the page hears %+v", m.Error)
			}
			<-ended
			if w.card.PINVerified() {
				t.Error("the card still has the PIN")
			}
		})
	}
}

func TestAnAgentThatStopsDoesNotWaitForAPerson(t *testing.T) {
	w := newWard(t)
	w.startTray()
	w.slot.Insert(w.card)
	p := w.open(origin)
	p.send("authenticate", map[string]any{"nonce": nonce()})
	asked := w.asked()
	w.stop()
	<-asked.Closed
	if m, open := <-p.answers; open {
		t.Errorf("the page hears %+v", m)
	}

	// Neither does it after a PIN that was wrong.
	w.start()
	p = w.open(origin)
	p.send("authenticate", map[string]any{"nonce": nonce()})
	asked = w.asked()
	atWork, goOn := make(chan struct{}), make(chan struct{})
	w.card.Script(virtual.On(0x20, virtual.Hold(func(context.Context) { close(atWork); <-goOn })))
	asked.Type("11111111")
	<-atWork
	ended := w.stopping()
	w.refusesPages()
	close(goOn)
	<-ended
	if m, open := <-p.answers; open {
		t.Errorf("the page hears %+v", m)
	}
}
