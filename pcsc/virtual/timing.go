package virtual

import "time"

// Timing is how slow a card is. The zero value takes no time beyond this
// machine's own arithmetic; that arithmetic counts as part of the modelled time.
type Timing struct {
	Reset   time.Duration // from reset to the answer to reset, power-up included
	Command time.Duration // each command, whatever it is
	ByteIn  time.Duration // each byte of a command
	ByteOut time.Duration // each byte of an answer, status word included
	PIN     time.Duration // each VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER
	RSA2048 time.Duration // each private operation
	P256    time.Duration // each signature or key agreement
	P384    time.Duration
}

// ContactCard is a contact card in a USB reader.
//
//	number    source
//	ByteIn,   ISO 7816-3, 11: T=1 sends a character in 11 etu (8E1 and a guard
//	ByteOut   time of one). TA1 = 96 (F = 512, D = 32, ISO 7816-3 tables 7 and
//	          8) makes one etu 512/32 = 16 clocks; at the 4 MHz that CCID readers
//	          commonly drive a card with, a byte takes 11*16/4 = 44 us. That is
//	          22.7 kbyte/s; TA1 = 95 would be half of it, 94 a quarter.
//	Command   estimate: T=1 prologue and epilogue of both blocks, 8 bytes (0.35
//	          ms); block guard time and turnaround of 22 etu each way (0.2 ms);
//	          two USB full-speed bulk transfers, 1 ms frames (2 ms); the card's
//	          dispatch (0.5 ms).
//	Reset     ISO 7816-3, 6.2: the answer begins within 40000 clocks (10 ms); 16
//	          bytes of 12 etu of 372 clocks at 4 MHz take 17.9 ms; PPS and the
//	          power-up of the reader are an estimate (20 ms).
//	PIN       estimate: the counter is written to EEPROM or flash before and
//	          after the comparison, 5 ms each, as data sheets of smartcard
//	          controllers give for a page.
//	RSA2048,  estimates: data sheets and published measurements of Java Cards
//	P256,     (for example the JCAlgTest project's tables) have RSA-2048 with CRT
//	P384      between 90 and 600 ms, ECDSA P-256 between 30 and 120 ms, and P-384
//	          about twice that; the numbers are of a middling card.
var ContactCard = Timing{
	Reset:   48 * time.Millisecond,
	Command: 3 * time.Millisecond,
	ByteIn:  44 * time.Microsecond,
	ByteOut: 44 * time.Microsecond,
	PIN:     10 * time.Millisecond,
	RSA2048: 300 * time.Millisecond,
	P256:    60 * time.Millisecond,
	P384:    120 * time.Millisecond,
}

// operation is the kind of work that a command was.
type operation int

const (
	noOperation operation = iota
	pinOperation
	rsaOperation
	p256Operation
	p384Operation
)

func keyOperation(a Algorithm) operation {
	switch a {
	case AlgorithmRSA2048:
		return rsaOperation
	case AlgorithmP384:
		return p384Operation
	default:
		return p256Operation
	}
}

func (t *Timing) instant() bool { return *t == Timing{} }

// command is the time of carrying a command and its answer.
func (t *Timing) command(in, out int) time.Duration {
	return t.Command + time.Duration(in)*t.ByteIn + time.Duration(out)*t.ByteOut
}

// operation is the time of the card's own work.
func (t *Timing) operation(o operation) time.Duration {
	switch o {
	case pinOperation:
		return t.PIN
	case rsaOperation:
		return t.RSA2048
	case p256Operation:
		return t.P256
	case p384Operation:
		return t.P384
	}
	return 0
}
