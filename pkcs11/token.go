package pkcs11

import (
	"crypto"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Token is what a module tells of one slot with a card in it. A reader may have
// several: some modules make a slot of each PIN of a card.
type Token struct {
	// Slot is the slot's description. Modules give the PC/SC name of the
	// reader, cut to 64 bytes: see InReader.
	Slot string
	// Label, Manufacturer, Model and Serial are for people and logs. They may
	// be those of the card before, so nothing is decided by them.
	Label, Manufacturer, Model, Serial string

	Tries Tries
	// Keypad: the PIN is typed on the reader, and Sign takes none.
	Keypad bool
	// PINNotSet: there is no PIN yet, or it must be changed before it is used.
	PINNotSet bool
	// MinPIN and MaxPIN are the PIN's length in bytes; 0 where it is not told.
	MinPIN, MaxPIN int

	Keys []Key
}

// Key is a certificate on a token whose private key is taken to be there too:
// most tokens show private keys only after the log-in.
type Key struct {
	ID          []byte // CKA_ID, which joins certificate and key
	Label       string
	Certificate []byte      // X.509 in DER, as it is on the token
	Mechanisms  []Mechanism // that fit the certificate's key
	// AlwaysAuthenticate: the PIN is asked for each signature. Most tokens
	// tell it only after the log-in: Sign does what is needed either way.
	AlwaysAuthenticate bool
}

// Tries is what a token tells about the PIN tries that are left. Modules know
// no numbers.
type Tries string

// The states of the tries. Many modules never say TriesLow.
const (
	TriesUnknown Tries = ""       // nothing is told: no wrong PIN yet, or few
	TriesLow     Tries = "low"    // a wrong PIN was entered (CKF_USER_PIN_COUNT_LOW)
	TriesFinal   Tries = "final"  // one is left (CKF_USER_PIN_FINAL_TRY)
	TriesLocked  Tries = "locked" // none is left (CKF_USER_PIN_LOCKED)
)

// Mechanism is a way to sign a digest.
type Mechanism string

// The mechanisms.
const (
	RSAPKCS1 Mechanism = "CKM_RSA_PKCS"     // PKCS#1 v1.5, over a DigestInfo made here
	RSAPSS   Mechanism = "CKM_RSA_PKCS_PSS" // MGF1 with the same hash, salt as long as the hash
	ECDSA    Mechanism = "CKM_ECDSA"        // signatures are r || s
)

// Batch asks for signatures by one key with one log-in.
type Batch struct {
	// Reader is the PC/SC name. Slots of other readers are not touched.
	Reader string
	// Certificate is the expected one, in DER. It is looked for on the token
	// anew, and no PIN is given to a token that does not have it.
	Certificate []byte
	Mechanism   Mechanism
	Hash        crypto.Hash
	Digests     [][]byte // each of Hash's length
	// AllowLastTry is the person's extra yes to spending the last try.
	AllowLastTry bool
}

// slotDescription is the size of CK_SLOT_INFO's slotDescription.
const slotDescription = 64

// InReader reports whether the token is in the reader of that PC/SC name. Of a
// name longer than 64 bytes only the beginning can be compared: a caller with
// two such readers tells them apart by certificates.
func (t Token) InReader(name string) bool { return sameReader(t.Slot, name) }

func sameReader(description, name string) bool {
	description, name = trim(description), trim(name)
	if description == name {
		return description != ""
	}
	if len(name) <= slotDescription {
		return false
	}
	// A module may cut in the middle of a character, or before it.
	cut := slotDescription
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return description == trim(name[:slotDescription]) || description == trim(name[:cut])
}

// trim removes the padding of PKCS#11's fixed fields: blanks by the standard,
// NUL in practice.
func trim(field string) string {
	field, _, _ = strings.Cut(field, "\x00")
	return strings.TrimSpace(field)
}

// text is a field for people: nothing in it moves a cursor or ends a line.
func text(field string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(trim(field), ""))
}

// pinLengths are those of a token, unless they make no sense.
func pinLengths(least, most uint) (int, int) {
	const longest = 255
	if most == 0 || most > longest || least > most {
		return 0, 0
	}
	return int(least), int(most)
}
