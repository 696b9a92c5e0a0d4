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

// ContactCard is a contact card in a USB reader. The measurements are those of
// a CryptoCertum card (profile 3.6.1) in the benchmarks of the signing tool jsign
// (github.com/ebourg/jsign, jsign-benchmark/README.md), means of ten; what the
// bytes and commands of an operation take by this table is taken off them.
//
//	number   source
//	ByteIn,  ISO 7816-3, 11: T=1 sends a character in 11 etu. TA1 = 96 (F = 512,
//	ByteOut  D = 32, tables 7 and 8) makes one etu 512/32 = 16 clocks; at 4 MHz,
//	         usual of CCID readers, a byte takes 11*16/4 = 44 us. With TA1 = 95
//	         it would be twice, with 94 four times as much.
//	Command  measured: SELECT 9.5 ms, of which about 50 bytes take 2.2 ms.
//	Reset    ISO 7816-3, 6.2: the answer begins within 40000 clocks, 10 ms; its
//	         16 bytes of 12 etu of 372 clocks take 17.9 ms at 4 MHz. Estimate:
//	         20 ms for the reader's power-up and PPS.
//	PIN      measured: PIN verification 33.0 ms.
//	RSA2048  measured: signature 269 ms, of which two commands, GET RESPONSE and
//	         540 bytes take 45 ms.
//	P256     measured: signature 158 ms, of which one command and 130 bytes take
//	         13 ms. (A YubiKey 5 is twice as fast, all in all: 72 ms.)
//	P384     measured: signature 231 ms, of which one command and 180 bytes take
//	         15 ms.
var ContactCard = Timing{
	Reset:   48 * time.Millisecond,
	Command: 7 * time.Millisecond,
	ByteIn:  44 * time.Microsecond,
	ByteOut: 44 * time.Microsecond,
	PIN:     25 * time.Millisecond,
	RSA2048: 225 * time.Millisecond,
	P256:    145 * time.Millisecond,
	P384:    215 * time.Millisecond,
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
