// Package piv speaks to PIV cards directly, without middleware (NIST SP
// 800-73-4 part 2, SP 800-78-4). Every function works inside one card
// transaction that the caller holds, and selects the application first.
//
//   - Inspect reads a card when it goes in: certificates, identity, which PIN
//     counts, and what the later operations need to know.
//   - TriesLeft asks the counter of the PIN without spending a try.
//   - Sign verifies the PIN, signs one digest and makes the card forget the
//     PIN. RSA padding is done here; ECDSA comes as r||s.
//   - ChangePIN and UnblockPIN set a new PIN, and make the card forget it.
//
// What one process verified, every process can use until the card is reset. So
// nothing here leaves a PIN verified: once a PIN was sent, the card is told to
// forget it (00 20 FF 80) on every path, also when the operation fails, its
// context ends or the driver panics. Where a card does not know that command,
// or the answer is lost, Transaction.ResetAtEnd is called. A try is spent only
// after the counter was read in the same transaction, and the last one only
// with the caller's yes.
//
// PINs are never kept, never in an error, and the buffers that carried them are
// cleared. Answers of cards are not trusted: lengths are checked, decompression
// is bounded, and the signature is for the caller to verify. The package knows
// no reader, opens no transaction and never tries again by itself.
//
// It is tested over package virtual, in process and behind a real pcscd, with a
// second PC/SC client that tries to sign all the while; by tables, by a count
// of the APDUs of each operation, and by fuzzing of every reader.
package piv

import (
	"fmt"

	"github.com/cardea-agent/cardea/pcsc/apdu"
)

// Transaction is what this package needs of an open card transaction.
type Transaction interface {
	apdu.Transmitter
	// ResetAtEnd makes the transaction end with a reset of the card. It is
	// called at most once, and only when the card may still hold a PIN as
	// verified.
	ResetAtEnd()
}

// Slot is a key reference (SP 800-78-4, table 6-1).
type Slot byte

// The four keys of a card and what they are for.
const (
	Authentication     Slot = 0x9A
	Signature          Slot = 0x9C // wants the PIN immediately before each use
	KeyManagement      Slot = 0x9D
	CardAuthentication Slot = 0x9E // wants no PIN
)

// slots are all slots, in the order in which they are read.
var slots = [...]Slot{Authentication, Signature, KeyManagement, CardAuthentication}

// String is the slot's number as it is usually written.
func (s Slot) String() string { return fmt.Sprintf("%02X", byte(s)) }

// object is the tag of the slot's certificate (SP 800-73-4 part 1, table 3).
func (s Slot) object() (apdu.Tag, bool) {
	switch s {
	case Authentication:
		return 0x5FC105, true
	case Signature:
		return 0x5FC10A, true
	case KeyManagement:
		return 0x5FC10B, true
	case CardAuthentication:
		return 0x5FC101, true
	}
	return 0, false
}

// The application's identifier: NIST's registered prefix and, for SELECT, the
// PIV card application without its version (SP 800-73-4 part 1, 2.2).
const (
	registeredID  = "\xA0\x00\x00\x03\x08"
	applicationID = registeredID + "\x00\x00\x10\x00"
)

// application is the selected PIV application.
type application struct {
	tx   Transaction
	mode apdu.Mode
}

// selectApplication selects PIV. It returns ErrNotPIV when the card has none.
func selectApplication(tx Transaction, mode apdu.Mode) (*application, error) {
	a := &application{tx, mode}
	r, err := a.send(apdu.Command{INS: apdu.InsSelect, P1: 0x04, Data: []byte(applicationID), Le: 256})
	if err != nil {
		return nil, err
	}
	switch r.Status {
	case apdu.Success:
	case apdu.NotFound, apdu.FunctionNotSupported, apdu.IncorrectP1P2, 0x6A87,
		0x6999, apdu.InsNotSupported, apdu.ClaNotSupported:
		return nil, fmt.Errorf("%w: %w", ErrNotPIV, r.Status)
	default:
		return nil, fmt.Errorf("piv: select: %w", r.Status)
	}
	if err := checkProperties(r.Data); err != nil {
		return nil, err
	}
	return a, nil
}

// checkProperties reads the application property template (SP 800-73-4 part 2,
// table 3). The prefix of NIST stands in 79/4F; the 4F above it holds the whole
// identifier or only what follows the prefix.
func checkProperties(b []byte) error {
	for _, path := range [][]apdu.Tag{{0x61, 0x79, 0x4F}, {0x61, 0x4F}} {
		id, _, err := apdu.FindTLV(b, path...)
		if err != nil {
			return fmt.Errorf("%w: application properties: %w", ErrMalformed, err)
		}
		if len(id) >= len(registeredID) && string(id[:len(registeredID)]) == registeredID {
			return nil
		}
	}
	return fmt.Errorf("%w: another application answers", ErrNotPIV)
}

func (a *application) send(c apdu.Command) (apdu.Response, error) {
	r, err := apdu.Send(a.tx, c, a.mode)
	if err != nil {
		return apdu.Response{}, fmt.Errorf("piv: %w", err)
	}
	return r, nil
}
