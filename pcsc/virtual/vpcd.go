package virtual

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

var _ Slot = (*VPCD)(nil)

// Control messages of vpcd (vsmartcard, virtualsmartcard/src/vpcd/vpcd.h). Only
// the last one is answered.
const (
	vpcdPowerOff  = 0
	vpcdPowerOn   = 1
	vpcdReset     = 2
	vpcdGetATR    = 4
	redialAfter   = 5 * time.Millisecond
	redialAtMost  = 500 * time.Millisecond
	messageHeader = 2
)

// VPCD is a reader of the real pcscd: a port on which its vpcd driver listens
// for a card. Safe for use by several goroutines.
//
// pcscd looks for a card every 400 ms, so PC/SC learns of an insertion or a
// removal that much later, and a card that is back within that time may never
// have been missed: wait until PC/SC says that the reader is empty.
type VPCD struct {
	addr string

	mu     sync.Mutex // guards all below; held while a card goes in or out
	cancel context.CancelFunc
	ended  chan struct{}
}

// NewVPCD names the port, for example "127.0.0.1:35963". Nothing is dialled
// until a card is put in.
func NewVPCD(addr string) *VPCD { return &VPCD{addr: addr} }

// Insert connects the card, after taking out the one that is in. Where nothing
// listens yet, or no longer, it tries again until the card is removed: so the
// card is in the reader again after a restart of pcscd.
func (v *VPCD) Insert(card *Card) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.takeOut()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	v.cancel, v.ended = cancel, ended
	go func() {
		defer close(ended)
		stay(ctx, v.addr, card)
	}()
}

// Remove disconnects the card and returns when it does nothing any more.
func (v *VPCD) Remove() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.takeOut()
}

// takeOut is Remove with the lock held.
func (v *VPCD) takeOut() {
	if v.cancel == nil {
		return
	}
	v.cancel()
	<-v.ended
	v.cancel = nil
}

// stay keeps the card connected until ctx ends or its script pulls it.
func stay(ctx context.Context, addr string, card *Card) {
	var dialer net.Dialer
	pause := redialAfter
	for ctx.Err() == nil {
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err != nil {
			_ = wait(ctx, pause)
			pause = min(2*pause, redialAtMost)
			continue
		}
		pause = redialAfter
		if err := ServeVPCD(ctx, conn, card); errors.Is(err, ErrRemoved) {
			return
		}
	}
}

// ServeVPCD is the card at the other end of one connection of vpcd. It closes
// the connection and returns when ctx ends or the card's script pulls it
// (ErrRemoved), or when the connection breaks. vpcd knows no time-out: a card
// that is mute keeps pcscd waiting until it is pulled.
func ServeVPCD(ctx context.Context, conn net.Conn, card *Card) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	err := serveVPCD(ctx, conn, card)
	if ctx.Err() != nil {
		return ErrRemoved // whatever failed because of it
	}
	return err
}

// serveVPCD answers messages until one cannot be read or answered.
func serveVPCD(ctx context.Context, conn net.Conn, card *Card) error {
	for {
		message, err := readMessage(conn)
		if err != nil {
			return err
		}
		answer, err := vpcdAnswer(ctx, card, message)
		if errors.Is(err, ErrMute) {
			<-ctx.Done()
			return ErrRemoved
		}
		if err != nil {
			return err
		}
		if answer == nil {
			continue
		}
		// Header and body in one write: two would wait for each other's
		// acknowledgement, 40 ms.
		out := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
		if _, err := conn.Write(append(out, answer...)); err != nil {
			return err
		}
	}
}

// vpcdAnswer is the answer to one message; nil when it gets none.
func vpcdAnswer(ctx context.Context, card *Card, message []byte) ([]byte, error) {
	if len(message) != 1 {
		return card.Transmit(ctx, message)
	}
	switch message[0] {
	case vpcdPowerOff, vpcdPowerOn, vpcdReset:
		return nil, card.Reset(ctx)
	case vpcdGetATR:
		return append([]byte{}, card.atr...), nil
	}
	return nil, nil
}

// readMessage reads two bytes of length and as much data.
func readMessage(conn net.Conn) ([]byte, error) {
	var header [messageHeader]byte
	acknowledgeAtOnce(conn)
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(header[:]))
	_, err := io.ReadFull(conn, message)
	return message, err
}
