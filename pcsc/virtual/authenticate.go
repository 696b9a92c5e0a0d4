package virtual

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
)

// Tags inside the dynamic authentication template of GENERAL AUTHENTICATE (SP
// 800-73-4 part 2, table 7).
const (
	tagTemplate  = 0x7C
	tagChallenge = 0x81
	tagResponse  = 0x82
	tagExponent  = 0x85
)

// authenticate is GENERAL AUTHENTICATE (SP 800-73-4 part 2, 3.2.4): sign,
// decipher, agree on a key. fresh: the command before verified the PIN.
func (c *Card) authenticate(cmd command, fresh bool) ([]byte, uint16, operation) {
	key := c.keys[KeySlot(cmd.p2)]
	switch {
	case key == nil:
		return nil, swReferenceNotFound, noOperation
	case Algorithm(cmd.p1) != key.Algorithm:
		return nil, swWrongP1P2, noOperation
	case !c.allowed(key.Slot, fresh):
		return nil, swSecurityStatus, noOperation
	}
	tag, input, ok := readTemplate(cmd.data)
	if !ok {
		return nil, swWrongData, noOperation
	}
	var output []byte
	switch private := key.private.(type) {
	case *rsa.PrivateKey:
		if tag == tagChallenge {
			output = rawRSA(private, input)
		}
	case *ecdsa.PrivateKey:
		if tag == tagExponent && key.Slot == KeyManagement {
			output = agree(private, input)
		} else if tag == tagChallenge && key.Slot != KeyManagement {
			output = signECDSA(private, input)
		}
	}
	if output == nil {
		return nil, swWrongData, noOperation
	}
	return tlv(tagTemplate, tlv(tagResponse, output)), swOK, keyOperation(key.Algorithm)
}

// allowed is the access rule of a key (SP 800-73-4 part 1, table 4b).
func (c *Card) allowed(slot KeySlot, fresh bool) bool {
	switch slot {
	case CardAuthentication:
		return true
	case Signature:
		return c.verified && fresh
	default:
		return c.verified
	}
}

// readTemplate finds the one input, a challenge or a point, beside the empty
// response that asks for an output.
func readTemplate(data []byte) (tag uint32, input []byte, ok bool) {
	outer, body, rest, ok := readTLV(data)
	if !ok || outer != tagTemplate || len(rest) != 0 {
		return 0, nil, false
	}
	asked := false
	for len(body) > 0 {
		t, value, next, ok := readTLV(body)
		switch {
		case !ok:
			return 0, nil, false
		case t == tagResponse && len(value) == 0 && !asked:
			asked = true
		case (t == tagChallenge || t == tagExponent) && len(value) > 0 && input == nil:
			tag, input = t, value
		default:
			return 0, nil, false
		}
		body = next
	}
	return tag, input, asked && input != nil
}

// rawRSA is the private operation without padding, by the Chinese remainder
// theorem: a card signs and deciphers what it is given. Not constant-time, which
// a simulator's published keys do not need.
func rawRSA(key *rsa.PrivateKey, input []byte) []byte {
	m := new(big.Int).SetBytes(input)
	if len(input) != key.Size() || m.Cmp(key.N) >= 0 {
		return nil
	}
	p, q := key.Primes[0], key.Primes[1]
	m1 := new(big.Int).Exp(m, key.Precomputed.Dp, p)
	m2 := new(big.Int).Exp(m, key.Precomputed.Dq, q)
	h := m1.Sub(m1, m2)
	h.Mul(h, key.Precomputed.Qinv).Mod(h, p)
	h.Mul(h, q).Add(h, m2)
	return h.FillBytes(make([]byte, key.Size()))
}

// signECDSA signs a digest no longer than the curve's order.
func signECDSA(key *ecdsa.PrivateKey, digest []byte) []byte {
	if len(digest) > (key.Curve.Params().BitSize+7)/8 {
		return nil
	}
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest)
	if err != nil {
		return nil
	}
	return signature
}

// agree is ECDH with an uncompressed point: its x coordinate.
func agree(key *ecdsa.PrivateKey, point []byte) []byte {
	private, err := key.ECDH()
	if err != nil {
		return nil
	}
	public, err := private.Curve().NewPublicKey(point)
	if err != nil {
		return nil
	}
	shared, err := private.ECDH(public)
	if err != nil {
		return nil
	}
	return shared
}
