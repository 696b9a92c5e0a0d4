package piv

import (
	"bytes"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
)

// intruder is a second program that tries to sign with the same card all the
// while, over its own context and connection.
type intruder struct {
	attempts, signed atomic.Int64
	tried            chan struct{} // gets one after an attempt, if it is empty
}

// intrude lets an intruder run until the returned function is called, which
// waits for its end.
func (b *bench) intrude(reader string) (*intruder, func()) {
	b.t.Helper()
	resources, err := b.driver.Establish()
	if err != nil {
		b.t.Fatal(err)
	}
	i := &intruder{tried: make(chan struct{}, 1)}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		i.run(resources, reader, stop)
		if err := resources.Release(); err != nil {
			b.t.Error(err)
		}
	}()
	i.waitForAttempts(1)
	return i, func() { close(stop); <-ended }
}

func (i *intruder) run(resources pcsc.Context, reader string, stop chan struct{}) {
	// GENERAL AUTHENTICATE of P-256 in one command: there is no gap in it.
	template := apdu.AppendTLV(apdu.AppendTLV(nil, 0x82), 0x81, make([]byte, 32))
	sign := apdu.Command{INS: 0x87, P1: algorithmP256, P2: byte(Authentication), Data: apdu.AppendTLV(nil, 0x7C, template), Le: 256}
	command, err := sign.Marshal(apdu.Short)
	if err != nil {
		panic(err)
	}
	var handle pcsc.Handle
	defer func() {
		if handle != nil {
			_ = handle.Disconnect(pcsc.LeaveCard) // the card may be gone
		}
	}()
	for {
		select {
		case <-stop:
			return
		default:
		}
		if handle == nil {
			if handle, err = resources.Connect(reader, pcsc.ShareShared, pcsc.ProtocolAny); err != nil {
				handle = nil // pulled, and not back yet
				continue
			}
		}
		answer, err := handle.Transmit(command)
		if err != nil { // reset or removed: come back as fast as can be
			if handle.Reconnect(pcsc.ShareShared, pcsc.ProtocolAny, pcsc.LeaveCard) != nil {
				_ = handle.Disconnect(pcsc.LeaveCard)
				handle = nil
			}
			continue
		}
		i.attempts.Add(1)
		if bytes.HasSuffix(answer, []byte{0x90, 0x00}) {
			i.signed.Add(1)
		}
		select {
		case i.tried <- struct{}{}:
		default:
		}
		// A reader has no queue: without a breath nobody else would ever get a
		// turn. It is shorter than a transaction, so one try always waits for
		// the end of it.
		time.Sleep(100 * time.Microsecond)
	}
}

// waitForAttempts returns when the intruder has tried n more times.
func (i *intruder) waitForAttempts(n int) {
	for range n + 1 { // the first may be from before
		<-i.tried
	}
}

// never fails when the intruder got a signature, or never had a chance.
func (i *intruder) never(t *testing.T) {
	t.Helper()
	if n := i.signed.Load(); n > 0 {
		t.Errorf("another program got %d signatures", n)
	}
}
