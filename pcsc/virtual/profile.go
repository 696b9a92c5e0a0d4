package virtual

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"time"
)

// The PIN and PUK of every card whose profile names no others.
const (
	DefaultPIN = "123456"
	DefaultPUK = "12345678"
)

// defaultTries is how many wrong PINs, or PUKs, in a row block it.
const defaultTries = 3

// KeySlot is a PIV key reference (SP 800-73-4 part 1, table 4b).
type KeySlot byte

// The four key slots of an issued card.
const (
	Authentication     KeySlot = 0x9A // PIN once after each reset
	Signature          KeySlot = 0x9C // PIN immediately before every signature
	KeyManagement      KeySlot = 0x9D // PIN once; ECDH or RSA decryption
	CardAuthentication KeySlot = 0x9E // no PIN
)

// Algorithm is a PIV algorithm identifier (SP 800-78-4, table 6-2).
type Algorithm byte

// The algorithms that a virtual card knows.
const (
	AlgorithmRSA2048 Algorithm = 0x07
	AlgorithmP256    Algorithm = 0x11
	AlgorithmP384    Algorithm = 0x14
)

// Profile says what a card is made of. The zero value of a field means the
// usual thing. NewCard does not keep or change the caller's slices.
type Profile struct {
	Holder string // printed on the card, and in the subjects that name no other
	Keys   []Key

	PIN, PUK           string // DefaultPIN and DefaultPUK when empty
	PINTries, PUKTries int    // what the counters return to; 3 when zero
	WrongPINs          int    // tries already spent when the card is made
	WrongPUKs          int
	PINNotSet          bool // the card has no PIN yet (status word 6984) until RESET RETRY COUNTER gives it one
	LegacyPIN          bool // VERIFY takes 4 to 8 characters of any kind; a new PIN must still be 6 to 8 digits

	ATR    []byte // a PIV card's when nil; empty but not nil: the card does not answer a reset
	NotPIV bool   // no PIV application: SELECT and everything else is refused
	GUID   [16]byte
	Timing Timing
	Quirks Quirks
}

// Key is one key of a card and its certificate.
type Key struct {
	Slot          KeySlot
	Algorithm     Algorithm
	Subject       pkix.Name // CN = the profile's Holder when empty
	Usage         x509.KeyUsage
	ExtendedUsage []x509.ExtKeyUsage
	Policies      []x509.OID
	NotBefore     time.Time // a month ago when zero
	NotAfter      time.Time // in two years when zero
	Issuer        *CA       // the CA given to NewCard when nil
	Compressed    bool      // the certificate is stored gzip-compressed (CertInfo 01)
	NoCertificate bool      // the key is there, the certificate is not
	// SameAs is the slot of an earlier key of the profile whose private key this
	// one has as well: two certificates of one key. None when zero.
	SameAs KeySlot
}

// Quirks are ways in which real cards differ from the standard or use a choice
// that it leaves.
type Quirks struct {
	// ForgetStatus is what the card answers to `00 20 FF 80`, keeping the PIN
	// verified, when not zero: 6A86 and 6A88 are usual of older cards.
	ForgetStatus uint16
	// ExactLength makes GET DATA, SELECT and GET RESPONSE answer 6Cxx to a short
	// Le that is larger than what there is, as cards that speak T=0 inside do.
	ExactLength bool
	// StrictLe answers 61xx to a command without Le, where other cards take it
	// for Le = 00.
	StrictLe bool
	// NoExtended makes the card refuse extended-length commands with 6700.
	NoExtended bool
	// NoDiscovery leaves the Discovery object out.
	NoDiscovery bool
	// LastWrongIsBlocked makes the wrong PIN that spends the last try answer
	// 6983 instead of 63C0.
	LastWrongIsBlocked bool
}

// RSA2048 is a card with all four keys: three of RSA-2048, and P-256 in 9E.
func RSA2048(holder string) Profile { return fullCard(holder, AlgorithmRSA2048) }

// P256 is a card with all four keys on the curve P-256.
func P256(holder string) Profile { return fullCard(holder, AlgorithmP256) }

// P384 is a card with three keys on the curve P-384, and P-256 in 9E.
func P384(holder string) Profile { return fullCard(holder, AlgorithmP384) }

// ClientAuth is P256 whose authentication certificate has the extended usage
// clientAuth, which Web eID's own validators demand.
func ClientAuth(holder string) Profile {
	return P256(holder).With(func(p *Profile) {
		p.Key(Authentication).ExtendedUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

// The certificate policies of the pair on a card as Field makes it.
var (
	PolicyAuthentication = mustOID(1, 2, 826, 0, 1275, 101, 0, 3, 1, 1)
	PolicySignature      = mustOID(1, 2, 826, 0, 1275, 102, 0, 3, 2, 0)
)

// Field is a card as a hospital's: a pair of RSA-2048 keys whose certificates
// have a policy, a user id of twelve digits as common name, no extended usage
// and no alternative name. The signing certificate's name is id_NAME.
func Field(userID, name string) Profile {
	signer := userID + "_" + strings.ReplaceAll(strings.ToUpper(name), " ", "_")
	return Profile{Holder: name, Keys: []Key{
		{
			Slot: Authentication, Algorithm: AlgorithmRSA2048, Subject: pkix.Name{CommonName: userID},
			Usage: x509.KeyUsageDigitalSignature, Policies: []x509.OID{PolicyAuthentication},
		},
		{
			Slot: Signature, Algorithm: AlgorithmRSA2048, Subject: pkix.Name{CommonName: signer},
			Usage: x509.KeyUsageContentCommitment, Policies: []x509.OID{PolicySignature},
		},
	}}
}

// Foreign is a card that answers a reset but has no PIV application.
func Foreign() Profile {
	return Profile{NotPIV: true, ATR: []byte{0x3B, 0x65, 0x00, 0x00, 0x20, 0x63, 0xCB, 0x68, 0x00}}
}

// Dead is a card that does not answer a reset: put in the wrong way round.
func Dead() Profile { return Profile{NotPIV: true, ATR: []byte{}} }

// Key returns the profile's key in slot, to be changed in place. It panics when
// there is none.
func (p *Profile) Key(slot KeySlot) *Key {
	for i := range p.Keys {
		if p.Keys[i].Slot == slot {
			return &p.Keys[i]
		}
	}
	panic("virtual: the profile has no such key")
}

// With returns a copy of the profile with some details changed.
func (p Profile) With(changes ...func(*Profile)) Profile {
	p.Keys = append([]Key(nil), p.Keys...)
	for _, change := range changes {
		change(&p)
	}
	return p
}

// Expired makes both certificates of the pair, 9A and 9C, end yesterday.
func Expired(p *Profile) {
	p.eachOfPair(func(k *Key) {
		k.NotBefore = time.Now().AddDate(-2, 0, 0)
		k.NotAfter = time.Now().AddDate(0, 0, -1)
	})
}

// NotYetValid makes both certificates of the pair begin tomorrow.
func NotYetValid(p *Profile) {
	p.eachOfPair(func(k *Key) { k.NotBefore = time.Now().AddDate(0, 0, 1) })
}

// ExpiresIn makes both certificates of the pair end after d.
func ExpiresIn(d time.Duration) func(*Profile) {
	return func(p *Profile) { p.eachOfPair(func(k *Key) { k.NotAfter = time.Now().Add(d) }) }
}

// WrongUsage gives the pair's certificates a usage that neither signs people in nor documents.
func WrongUsage(p *Profile) {
	p.eachOfPair(func(k *Key) { k.Usage = x509.KeyUsageKeyEncipherment })
}

// BothUsages gives the pair's certificates digitalSignature and nonRepudiation.
func BothUsages(p *Profile) {
	p.eachOfPair(func(k *Key) { k.Usage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment })
}

// NoCertificate leaves every certificate out.
func NoCertificate(p *Profile) {
	for i := range p.Keys {
		p.Keys[i].NoCertificate = true
	}
}

// Compressed stores every certificate gzip-compressed.
func Compressed(p *Profile) {
	for i := range p.Keys {
		p.Keys[i].Compressed = true
	}
}

// IssuedBy has the pair's certificates issued by another CA.
func IssuedBy(ca *CA) func(*Profile) {
	return func(p *Profile) { p.eachOfPair(func(k *Key) { k.Issuer = ca }) }
}

// BlockedPIN has spent every try of the PIN.
func BlockedPIN(p *Profile) { p.WrongPINs = p.pinTries() }

// OneTryLeft has spent all tries of the PIN but one.
func OneTryLeft(p *Profile) { p.WrongPINs = p.pinTries() - 1 }

// BlockedPUK has spent every try of the PUK.
func BlockedPUK(p *Profile) { p.WrongPUKs = orDefault(p.PUKTries, defaultTries) }

// PINNotSet makes a card that was never given a PIN.
func PINNotSet(p *Profile) { p.PINNotSet = true }

// DoesNotForget makes a card that does not know `00 20 FF 80`.
func DoesNotForget(p *Profile) { p.Quirks.ForgetStatus = swWrongP1P2 }

// As sets the timing, for example ContactCard.
func As(t Timing) func(*Profile) { return func(p *Profile) { p.Timing = t } }

func (p *Profile) pinTries() int { return orDefault(p.PINTries, defaultTries) }

func (p *Profile) eachOfPair(change func(*Key)) {
	for i := range p.Keys {
		if p.Keys[i].Slot == Authentication || p.Keys[i].Slot == Signature {
			change(&p.Keys[i])
		}
	}
}

// cardAuthenticationUsage is id-PIV-cardAuth (FIPS 201, X.509 profile): such a
// certificate says which card it is, not who holds it.
var cardAuthenticationUsage = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 6, 8}

func fullCard(holder string, algorithm Algorithm) Profile {
	exchange := x509.KeyUsageKeyAgreement
	if algorithm == AlgorithmRSA2048 {
		exchange = x509.KeyUsageKeyEncipherment
	}
	return Profile{Holder: holder, Keys: []Key{
		{Slot: Authentication, Algorithm: algorithm, Usage: x509.KeyUsageDigitalSignature},
		{Slot: Signature, Algorithm: algorithm, Usage: x509.KeyUsageContentCommitment},
		{Slot: KeyManagement, Algorithm: algorithm, Usage: exchange},
		{Slot: CardAuthentication, Algorithm: AlgorithmP256, Usage: x509.KeyUsageDigitalSignature},
	}}
}

func mustOID(arcs ...uint64) x509.OID {
	oid, err := x509.OIDFromInts(arcs)
	if err != nil {
		panic(err)
	}
	return oid
}

func orDefault[T comparable](value, usual T) T {
	var zero T
	if value == zero {
		return usual
	}
	return value
}
