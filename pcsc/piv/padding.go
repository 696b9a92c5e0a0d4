package piv

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // crypto.SHA256
	_ "crypto/sha512" // crypto.SHA384, crypto.SHA512
	"encoding/binary"
	"fmt"
)

// digestInfo is what stands before a digest in PKCS #1 v1.5: the hash's name in
// DER (RFC 8017, 9.2, note 1). It is also the list of hashes that can be used.
var digestInfo = map[crypto.Hash]string{
	crypto.SHA256: "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
	crypto.SHA384: "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
	crypto.SHA512: "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
}

// padPKCS1 is EMSA-PKCS1-v1_5 (RFC 8017, 9.2) for a modulus of size bytes.
func padPKCS1(hash crypto.Hash, digest []byte, size int) ([]byte, error) {
	info := digestInfo[hash] + string(digest)
	if size < len(info)+11 {
		return nil, fmt.Errorf("%w: RSA key too short for %v", ErrUnsupported, hash)
	}
	em := make([]byte, size)
	em[1] = 0x01
	end := size - len(info)
	for i := 2; i < end-1; i++ {
		em[i] = 0xFF
	}
	copy(em[end:], info)
	return em, nil
}

// padPSS is EMSA-PSS with a fresh salt as long as the hash, which is what PS256,
// PS384 and PS512 demand (RFC 7518, 3.5). Other salt lengths are refused.
func padPSS(opts *rsa.PSSOptions, digest []byte, modulusBits int) ([]byte, error) {
	if n := opts.SaltLength; n != rsa.PSSSaltLengthEqualsHash && n != opts.Hash.Size() {
		return nil, fmt.Errorf("%w: PSS salt length %d", ErrUnsupported, n)
	}
	salt := make([]byte, opts.Hash.Size())
	_, _ = rand.Read(salt) // never fails
	return emsaPSS(opts.Hash, digest, salt, modulusBits)
}

// emsaPSS is EMSA-PSS-ENCODE with MGF1 (RFC 8017, 9.1.1). The result is as long
// as the modulus: the standard library makes it only inside a private key.
func emsaPSS(hash crypto.Hash, digest, salt []byte, modulusBits int) ([]byte, error) {
	emBits := modulusBits - 1
	emLen := (emBits + 7) / 8
	hLen := hash.Size()
	if emLen < hLen+len(salt)+2 {
		return nil, fmt.Errorf("%w: RSA key too short for PSS with %v", ErrUnsupported, hash)
	}
	padded := make([]byte, (modulusBits+7)/8)
	em := padded[len(padded)-emLen:] // one byte shorter when emBits is a multiple of 8
	db, h := em[:emLen-hLen-1], em[emLen-hLen-1:emLen-1]

	w := hash.New()
	w.Write(make([]byte, 8))
	w.Write(digest)
	w.Write(salt)
	w.Sum(h[:0])

	db[len(db)-len(salt)-1] = 0x01
	copy(db[len(db)-len(salt):], salt)
	maskMGF1(hash, h, db)
	db[0] &= 0xFF >> (8*emLen - emBits)
	em[emLen-1] = 0xBC
	return padded, nil
}

// maskMGF1 masks b with MGF1 of the seed (RFC 8017, B.2.1).
func maskMGF1(hash crypto.Hash, seed, b []byte) {
	var mask []byte
	for counter := uint32(0); len(mask) < len(b); counter++ {
		w := hash.New()
		w.Write(seed)
		w.Write(binary.BigEndian.AppendUint32(nil, counter))
		mask = w.Sum(mask)
	}
	for i := range b {
		b[i] ^= mask[i]
	}
}
