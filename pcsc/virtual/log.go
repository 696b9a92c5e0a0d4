package virtual

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// traceLength is how many of the latest exchanges a card remembers.
const traceLength = 1024

// Exchange is one command and its answer. The data of commands that carry a
// PIN or PUK is not in it.
type Exchange struct {
	// Command is the command APDU; of VERIFY, CHANGE REFERENCE DATA and RESET
	// RETRY COUNTER, whatever their class, only the first four bytes.
	Command []byte
	// Length is how long the command was.
	Length int
	// Answer is data and status word; empty when the card did not answer.
	Answer []byte
}

// INS is the instruction byte, 0 when the command was too short to have one.
func (e Exchange) INS() byte {
	if len(e.Command) < 2 {
		return 0
	}
	return e.Command[1]
}

// Status is the status word, 0 when the card did not answer.
func (e Exchange) Status() uint16 {
	if len(e.Answer) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(e.Answer[len(e.Answer)-2:])
}

// String shows the exchange in hexadecimal.
func (e Exchange) String() string {
	hidden := ""
	if e.Length > len(e.Command) {
		hidden = fmt.Sprintf(" (%d bytes not shown)", e.Length-len(e.Command))
	}
	return fmt.Sprintf("> % X%s\n< % X", e.Command, hidden, e.Answer)
}

// log counts commands and keeps the latest.
type log struct {
	commands atomic.Int64
	resets   atomic.Int64

	mu        sync.Mutex // guards exchanges
	exchanges []Exchange
}

func (l *log) count() { l.commands.Add(1) }

func (l *log) add(raw, answer []byte) {
	shown := raw
	// A command that is cut short may still hold a PIN: the instruction alone decides.
	if len(raw) > 4 && (raw[1] == insVerify || raw[1] == insChange || raw[1] == insResetRetry) {
		shown = raw[:4]
	}
	e := Exchange{Command: slices.Clone(shown), Length: len(raw), Answer: slices.Clone(answer)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.exchanges) == traceLength {
		l.exchanges = slices.Delete(l.exchanges, 0, traceLength/2)
	}
	l.exchanges = append(l.exchanges, e)
}

// Count returns how many commands the card was sent since it was made or since
// ResetCount, GET RESPONSE and unanswered ones included.
func (c *Card) Count() int { return int(c.log.commands.Load()) }

// Resets returns how often the card was reset, or powered up, since it was made
// or since ResetCount.
func (c *Card) Resets() int { return int(c.log.resets.Load()) }

// ResetCount sets Count and Resets to zero and empties Trace.
func (c *Card) ResetCount() {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	c.log.commands.Store(0)
	c.log.resets.Store(0)
	c.log.exchanges = nil
}

// Trace returns the latest exchanges, oldest first: at least 512 of them when
// there were so many.
func (c *Card) Trace() []Exchange {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	return slices.Clone(c.log.exchanges)
}
