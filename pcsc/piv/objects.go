package piv

import (
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/cardea-agent/cardea/pcsc/apdu"
)

// The tags of the objects that are no certificates (SP 800-73-4 part 1, table 3).
const (
	tagCHUID     apdu.Tag = 0x5FC102
	tagDiscovery apdu.Tag = 0x7E
)

// maxCertificate is the most, in bytes, that a compressed certificate may grow
// to. Real ones have 1 to 3 KiB.
const maxCertificate = 32 << 10

// getData reads one data object (SP 800-73-4 part 2, 3.1.2).
func (a *application) getData(tag apdu.Tag) ([]byte, error) {
	// The tag list 5C holds the tag as it is written.
	name := bytes.TrimLeft([]byte{byte(tag >> 16), byte(tag >> 8), byte(tag)}, "\x00")
	r, err := a.send(apdu.Command{
		INS: apdu.InsGetData, P1: 0x3F, P2: 0xFF,
		Data: apdu.AppendTLV(nil, 0x5C, name), Le: 256,
	})
	switch {
	case err != nil:
		return nil, err
	case r.Status == apdu.NotFound, r.Status == apdu.ReferenceNotFound, r.Status == apdu.Success && len(r.Data) == 0:
		return nil, ErrNotFound
	case r.Status != apdu.Success:
		return nil, fmt.Errorf("piv: object %X: %w", uint32(tag), r.Status)
	}
	return r.Data, nil
}

// PINReference says which PIN an operation uses (SP 800-73-4 part 1, table 4a).
// The zero value is the card's global PIN.
type PINReference byte

// The two PINs. Most cards have the application's alone.
const (
	GlobalPIN      PINReference = 0x00
	ApplicationPIN PINReference = 0x80
)

// pinReference reads the Discovery object, which older cards do not have.
func (a *application) pinReference() (PINReference, error) {
	b, err := a.getData(tagDiscovery)
	if errors.Is(err, ErrNotFound) {
		return ApplicationPIN, nil
	}
	if err != nil {
		return ApplicationPIN, err
	}
	return parseDiscovery(b)
}

// parseDiscovery reads which PIN is the one that people know (SP 800-73-4 part
// 1, 3.3.2): the global one counts if bit 6 of the first byte of the policy
// allows it, and is preferred if the second byte is 20.
func parseDiscovery(b []byte) (PINReference, error) {
	policy, found, err := apdu.FindTLV(b, tagDiscovery, 0x5F2F)
	if err != nil {
		return ApplicationPIN, fmt.Errorf("%w: discovery: %w", ErrMalformed, err)
	}
	if found && len(policy) != 2 {
		return ApplicationPIN, fmt.Errorf("%w: discovery: policy of %d bytes", ErrMalformed, len(policy))
	}
	if found && policy[0]&0x20 != 0 && policy[1] == 0x20 {
		return GlobalPIN, nil
	}
	return ApplicationPIN, nil
}

// CHUID is a card's identity (SP 800-73-4 part 1, 3.1.2). Nothing proves it:
// it tells cards apart, it does not authenticate one.
type CHUID struct {
	GUID  [16]byte // all zero on some older cards
	FASCN []byte   // 25 bytes; may be absent
}

// ID names the card: its GUID, or else its FASC-N, in hexadecimal. It is empty
// when the card has neither.
func (c CHUID) ID() string {
	if c.GUID != [16]byte{} {
		return hex.EncodeToString(c.GUID[:])
	}
	return hex.EncodeToString(c.FASCN)
}

func (a *application) chuid() (CHUID, error) {
	b, err := a.getData(tagCHUID)
	if err != nil {
		return CHUID{}, err
	}
	return parseCHUID(b)
}

func parseCHUID(b []byte) (CHUID, error) {
	objects, err := contents(b)
	if err != nil {
		return CHUID{}, fmt.Errorf("%w: CHUID: %w", ErrMalformed, err)
	}
	var c CHUID
	for _, object := range objects {
		switch {
		case object.Tag == 0x30:
			c.FASCN = bytes.Clone(object.Value)
		case object.Tag == 0x34 && len(object.Value) != len(c.GUID):
			return CHUID{}, fmt.Errorf("%w: CHUID: GUID of %d bytes", ErrMalformed, len(object.Value))
		case object.Tag == 0x34:
			c.GUID = [16]byte(object.Value)
		}
	}
	return c, nil
}

// certificate reads a slot's certificate. ErrNotFound: the slot has none.
func (a *application) certificate(slot Slot) (*x509.Certificate, error) {
	tag, ok := slot.object()
	if !ok {
		return nil, fmt.Errorf("%w: slot %v", ErrUnsupported, slot)
	}
	b, err := a.getData(tag)
	if err != nil {
		return nil, err
	}
	return parseCertificate(b)
}

// parseCertificate reads a certificate object (SP 800-73-4 part 1, table 10):
// 70 holds the certificate, 71 says whether gzip compressed it.
func parseCertificate(b []byte) (*x509.Certificate, error) {
	objects, err := contents(b)
	if err != nil {
		return nil, fmt.Errorf("%w: certificate: %w", ErrMalformed, err)
	}
	var der []byte
	compressed := false
	for _, object := range objects {
		switch object.Tag {
		case 0x70:
			der = object.Value
		case 0x71:
			// 01 is the standard's; some early cards were written with 80.
			compressed = len(object.Value) > 0 && object.Value[0]&0x81 != 0
		}
	}
	if len(der) == 0 {
		return nil, ErrNotFound
	}
	if compressed {
		if der, err = decompress(der); err != nil {
			return nil, fmt.Errorf("%w: certificate: %w", ErrMalformed, err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: certificate: %w", ErrMalformed, err)
	}
	return certificate, nil
}

// decompress refuses what grows beyond maxCertificate, so that a few bytes on a
// card cannot fill the memory.
func decompress(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, maxCertificate+1))
	if err != nil {
		return nil, err
	}
	if len(out) > maxCertificate {
		return nil, fmt.Errorf("more than %d bytes after decompression", maxCertificate)
	}
	return out, nil
}

// contents reads the objects inside the one object 53 that GET DATA answers.
func contents(b []byte) ([]apdu.TLV, error) {
	object, rest, err := apdu.ParseTLV(b)
	if err != nil {
		return nil, err
	}
	if object.Tag != 0x53 || len(rest) > 0 {
		return nil, fmt.Errorf("tag %X, %d bytes after it", uint32(object.Tag), len(rest))
	}
	return apdu.ParseTLVs(object.Value)
}
