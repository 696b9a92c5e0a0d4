package piv

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"
	"math/big"

	"github.com/cardea-agent/cardea/pcsc/apdu"
)

// The algorithm identifiers of GENERAL AUTHENTICATE (SP 800-78-4, table 6-2;
// RSA-3072: SP 800-78-5).
const (
	algorithmRSA3072 = 0x05
	algorithmRSA1024 = 0x06
	algorithmRSA2048 = 0x07
	algorithmP256    = 0x11
	algorithmP384    = 0x14
)

// The tags of the dynamic authentication template (SP 800-73-4 part 2, table 7).
const (
	tagTemplate  apdu.Tag = 0x7C
	tagChallenge apdu.Tag = 0x81
	tagResponse  apdu.Tag = 0x82
)

// operation is a signature that is ready to be made: all that can fail without
// the card has been done.
type operation struct {
	slot      Slot
	algorithm byte
	input     []byte // what the key is applied to
	// finish turns the card's answer into a signature.
	finish func([]byte) ([]byte, error)
}

// CheckKey returns ErrUnsupported for a public key that Sign cannot sign for, so
// that nobody is asked for a PIN in vain.
func CheckKey(public crypto.PublicKey) error {
	_, err := newOperation(Authentication, public, crypto.SHA256, make([]byte, crypto.SHA256.Size()))
	return err
}

// newOperation pads the digest for the key.
func newOperation(slot Slot, public crypto.PublicKey, opts crypto.SignerOpts, digest []byte) (operation, error) {
	hash := opts.HashFunc()
	if _, known := digestInfo[hash]; !known || len(digest) != hash.Size() {
		return operation{}, fmt.Errorf("%w: hash %v, digest of %d bytes", ErrUnsupported, hash, len(digest))
	}
	if _, ok := slot.object(); !ok {
		return operation{}, fmt.Errorf("%w: slot %v", ErrUnsupported, slot)
	}
	switch key := public.(type) {
	case *rsa.PublicKey:
		return newRSA(slot, key, opts, digest)
	case *ecdsa.PublicKey:
		if _, pss := opts.(*rsa.PSSOptions); !pss {
			return newECDSA(slot, key, digest)
		}
	}
	return operation{}, fmt.Errorf("%w: %T with %T", ErrUnsupported, public, opts)
}

func newRSA(slot Slot, key *rsa.PublicKey, opts crypto.SignerOpts, digest []byte) (operation, error) {
	o := operation{slot: slot}
	switch key.N.BitLen() {
	case 1024:
		o.algorithm = algorithmRSA1024
	case 2048:
		o.algorithm = algorithmRSA2048
	case 3072:
		o.algorithm = algorithmRSA3072
	default:
		return o, fmt.Errorf("%w: RSA with %d bits", ErrUnsupported, key.N.BitLen())
	}
	var err error
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		o.input, err = padPSS(pss, digest, key.N.BitLen())
	} else {
		o.input, err = padPKCS1(opts.HashFunc(), digest, key.Size())
	}
	o.finish = func(answer []byte) ([]byte, error) {
		if len(answer) != key.Size() {
			return nil, fmt.Errorf("%w: RSA signature of %d bytes", ErrMalformed, len(answer))
		}
		return answer, nil
	}
	return o, err
}

func newECDSA(slot Slot, key *ecdsa.PublicKey, digest []byte) (operation, error) {
	o := operation{slot: slot}
	switch key.Curve {
	case elliptic.P256():
		o.algorithm = algorithmP256
	case elliptic.P384():
		o.algorithm = algorithmP384
	default:
		return o, fmt.Errorf("%w: curve %v", ErrUnsupported, key.Curve)
	}
	size := key.Curve.Params().BitSize / 8
	// ECDSA takes the leftmost bits of a long digest and the number that a
	// short one stands for (FIPS 186-5, 6.4.1). Cards want exactly size bytes.
	o.input = make([]byte, size)
	if len(digest) >= size {
		copy(o.input, digest)
	} else {
		copy(o.input[size-len(digest):], digest)
	}
	o.finish = func(answer []byte) ([]byte, error) { return rawECDSA(answer, size) }
	return o, nil
}

// rawECDSA turns the card's DER signature into r || s, size bytes each. Only
// DER is taken: what is written again must be the same bytes.
func rawECDSA(der []byte, size int) ([]byte, error) {
	var value struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &value)
	if err != nil {
		return nil, fmt.Errorf("%w: ECDSA signature: %w", ErrMalformed, err)
	}
	again, err := asn1.Marshal(value)
	if err != nil || len(rest) > 0 || string(again) != string(der) {
		return nil, fmt.Errorf("%w: ECDSA signature is not DER", ErrMalformed)
	}
	raw := make([]byte, 2*size)
	for i, n := range []*big.Int{value.R, value.S} {
		if n.Sign() <= 0 || n.BitLen() > 8*size {
			return nil, fmt.Errorf("%w: ECDSA signature out of range", ErrMalformed)
		}
		n.FillBytes(raw[i*size : (i+1)*size])
	}
	return raw, nil
}

// do makes the signature (SP 800-73-4 part 2, 3.2.4 and A.4).
func (o operation) do(a *application) ([]byte, error) {
	template := apdu.AppendTLV(nil, tagResponse)
	template = apdu.AppendTLV(template, tagChallenge, o.input)
	r, err := a.send(apdu.Command{
		INS: apdu.InsGeneralAuthenticate, P1: o.algorithm, P2: byte(o.slot),
		Data: apdu.AppendTLV(nil, tagTemplate, template),
		Le:   max(256, len(o.input)+8), // the signature with two tags and lengths
	})
	if err != nil {
		return nil, err
	}
	if r.Status != apdu.Success {
		return nil, fmt.Errorf("piv: sign with %v: %w", o.slot, r.Status)
	}
	answer, err := parseSignature(r.Data)
	if err != nil {
		return nil, err
	}
	return o.finish(answer)
}

// parseSignature takes the signature out of the card's template.
func parseSignature(b []byte) ([]byte, error) {
	answer, found, err := apdu.FindTLV(b, tagTemplate, tagResponse)
	if err != nil {
		return nil, fmt.Errorf("%w: signature: %w", ErrMalformed, err)
	}
	if !found {
		return nil, fmt.Errorf("%w: no signature in the answer", ErrMalformed)
	}
	return answer, nil
}
