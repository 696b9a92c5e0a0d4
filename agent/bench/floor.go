//go:build linux

package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// The commands of a sign-in, written out by hand (SP 800-73-4 part 2): what the
// product sends must not be more than this.
var (
	selectPIV = []byte{0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x00}
	askTries  = []byte{0x00, 0x20, 0x00, 0x80}
	verify    = slices.Concat([]byte{0x00, 0x20, 0x00, 0x80, 0x08}, []byte(virtual.DefaultPIN), []byte{0xFF, 0xFF})
	forgetPIN = []byte{0x00, 0x20, 0xFF, 0x80}

	// beforePIN tells how many tries are left, for the person to see.
	beforePIN = [][]byte{selectPIV, askTries}
)

// afterPIN are the commands from the PIN to the signature and the forgetting.
func afterPIN(algorithm virtual.Algorithm) [][]byte {
	return slices.Concat([][]byte{selectPIV, askTries, verify}, signWith(algorithm), [][]byte{forgetPIN})
}

// signWith is GENERAL AUTHENTICATE with the authentication key: one command for
// a digest on the curve, two chained ones for a padded block of RSA.
func signWith(algorithm virtual.Algorithm) [][]byte {
	if algorithm == virtual.AlgorithmP256 {
		digest := make([]byte, 32)
		_, _ = rand.Read(digest) // never fails
		return [][]byte{slices.Concat([]byte{0x00, 0x87, 0x11, 0x9A, 0x26, 0x7C, 0x24, 0x82, 0x00, 0x81, 0x20}, digest, []byte{0x00})}
	}
	block := make([]byte, 256)
	_, _ = rand.Read(block)
	block[0], block[1] = 0x00, 0x01
	data := slices.Concat([]byte{0x7C, 0x82, 0x01, 0x06, 0x82, 0x00, 0x81, 0x82, 0x01, 0x00}, block)
	first, rest := data[:255], data[255:]
	return [][]byte{
		slices.Concat([]byte{0x10, 0x87, 0x07, 0x9A, 0xFF}, first),
		slices.Concat([]byte{0x00, 0x87, 0x07, 0x9A, byte(len(rest))}, rest, []byte{0x00}),
	}
}

// raw does a sign-in's work at the seam to PC/SC, with nothing in between: over
// pcscd that is ebfe/scard behind pcsc.System, which turns return codes into
// errors and copies each answer.
type raw struct {
	context pcsc.Context
	reader  string
}

func newRaw(driver pcsc.Driver, reader string) (raw, error) {
	context, err := driver.Establish()
	return raw{context, reader}, err
}

func (r raw) close() { _ = r.context.Release() }

// run connects, sends the commands of each transaction and disconnects. The
// context stays: a program that signs again and again keeps it too.
func (r raw) run(transactions ...[][]byte) error {
	handle, err := r.context.Connect(r.reader, pcsc.ShareShared, pcsc.ProtocolAny)
	if err != nil {
		return err
	}
	for _, commands := range transactions {
		if err := transact(handle, commands); err != nil {
			_ = handle.Disconnect(pcsc.ResetCard) // a PIN may be verified
			return err
		}
	}
	return handle.Disconnect(pcsc.LeaveCard)
}

func transact(handle pcsc.Handle, commands [][]byte) error {
	if err := handle.BeginTransaction(); err != nil {
		return err
	}
	for _, command := range commands {
		if err := transmit(handle, command); err != nil {
			return err
		}
	}
	return handle.EndTransaction(pcsc.LeaveCard)
}

// transmit sends a command and fetches all of its answer.
func transmit(handle pcsc.Handle, command []byte) error {
	for {
		answer, err := handle.Transmit(command)
		if err != nil {
			return err
		}
		if len(answer) < 2 {
			return fmt.Errorf("the card answered %d bytes", len(answer))
		}
		switch status := answer[len(answer)-2:]; {
		case status[0] == 0x61:
			command = []byte{0x00, 0xC0, 0x00, 0x00, status[1]}
		case status[0] == 0x90, status[0] == 0x63 && slices.Equal(command, askTries):
			return nil
		default:
			return fmt.Errorf("the card answered %s to %s", hex.EncodeToString(status), hex.EncodeToString(command[:4]))
		}
	}
}
