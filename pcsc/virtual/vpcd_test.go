package virtual_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// served is vpcd's end of a connection with a card at the other.
type served struct {
	net.Conn
	pull  context.CancelFunc
	ended chan error
}

func serve(t *testing.T, card *virtual.Card) served {
	t.Helper()
	ours, cards := net.Pipe()
	ctx, pull := context.WithCancel(t.Context())
	s := served{Conn: ours, pull: pull, ended: make(chan error, 1)}
	go func() { s.ended <- virtual.ServeVPCD(ctx, cards, card) }()
	t.Cleanup(func() { pull(); _ = ours.Close() })
	return s
}

// say sends one message.
func (s served) say(t *testing.T, message ...byte) {
	t.Helper()
	if _, err := s.Write(append([]byte{0, byte(len(message))}, message...)); err != nil {
		t.Fatal(err)
	}
}

// hear reads as many bytes as wanted and compares them.
func (s served) hear(t *testing.T, want ...byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%X, %v, want %X", got, err, want)
	}
}

func TestVPCDAsksForATRAndAnswers(t *testing.T) {
	card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))
	s := serve(t, card)
	atr := card.ATR()
	s.say(t, 1)
	s.say(t, 4)
	s.hear(t, append([]byte{0, byte(len(atr))}, atr...)...)
	s.say(t, verifyGood...)
	s.hear(t, 0, 2, 0x90, 0)
	for _, control := range []byte{2, 0, 1} { // none is answered, each makes the card forget
		s.say(t, control)
		s.say(t, empty...)
		s.hear(t, 0, 2, 0x63, 0xC3)
		s.say(t, verifyGood...)
		s.hear(t, 0, 2, 0x90, 0)
	}
	s.say(t, 9) // no such control message
	s.say(t)    // no message at all
	s.hear(t, 0, 2, 0x67, 0)
}

func TestVPCDLosesTheConnectionWithTheCard(t *testing.T) {
	ca := virtual.NewCA("Test CA")
	for name, test := range map[string]struct {
		script virtual.Fault
		pull   bool
		want   error
	}{
		"pulled":           {virtual.RemoveAt(9), true, virtual.ErrRemoved},
		"pulled by script": {virtual.RemoveAt(1), false, virtual.ErrRemoved},
		"mute, pulled":     {virtual.MuteAt(1), true, virtual.ErrRemoved},
	} {
		t.Run(name, func(t *testing.T) {
			card := virtual.NewCard(ca, virtual.P256("Robin Example"))
			card.Script(test.script)
			s := serve(t, card)
			s.say(t, empty...)
			if test.pull {
				s.pull()
			}
			if err := <-s.ended; !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			rest, err := io.ReadAll(s)
			if err != nil || len(rest) > 4 || name != "pulled" && len(rest) != 0 {
				t.Errorf("%X, %v after the end", rest, err)
			}
		})
	}
}

func TestVPCDEndsWithTheConnection(t *testing.T) {
	s := serve(t, virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example")))
	_, _ = s.Write([]byte{0, 9, 1})
	_ = s.Close()
	if err := <-s.ended; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}
