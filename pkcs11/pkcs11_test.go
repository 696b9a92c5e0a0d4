package pkcs11

import (
	"crypto"
	"crypto/sha512"
	"errors"
	"slices"
	"strings"
	"testing"
)

// kindOf is what every kind's name in the table stands for. A code that is not
// here is ErrFailed.
var kindOf = map[error][]Code{
	ErrPINIncorrect: {0xA0},
	ErrPINForm:      {0xA1, 0xA2},
	ErrPINLocked:    {0xA4},
	ErrPINNotSet:    {0xA3, 0x102, 0x1B0},
	ErrCancelled:    {0x1, 0x50, 0x200},
	ErrTokenGone:    {0x3, 0x32, 0xE0, 0xE1, 0xB0, 0xB3, 0x82},
	ErrKeyGone:      {0x60, 0x65},
	ErrMechanism:    {0x1B, 0x20, 0x21, 0x62, 0x63, 0x68, 0x70, 0x71, 0x140},
}

func TestEveryCodeHasItsNameAndItsMeaning(t *testing.T) {
	if len(codes) < 90 {
		t.Errorf("the table has %d codes", len(codes))
	}
	for code, row := range codes {
		want := ErrFailed
		for kind, of := range kindOf {
			if slices.Contains(of, code) {
				want = kind
			}
		}
		if got := code.Kind(); got != want {
			t.Errorf("%v means %q, want %q", code, got, want)
		}
		if !strings.HasPrefix(row.name, "CKR_") || !strings.HasPrefix(code.Error(), row.name+" (0X") {
			t.Errorf("%#x is called %q", uint(code), code.Error())
		}
	}
	for kind, of := range kindOf {
		for _, code := range of {
			if _, has := codes[code]; !has {
				t.Errorf("%v: the table has no %#x", kind, uint(code))
			}
		}
	}
}

func TestCodesOfVendorsAreNamedAsSuch(t *testing.T) {
	for code, want := range map[Code]string{
		0x80000001: "a code of the vendor's own (0X80000001)",
		0x7FFF:     "unknown CKR code (0X7FFF)",
	} {
		if got := code.Error(); got != want || code.Kind() != ErrFailed {
			t.Errorf("%#x: %q, %v", uint(code), got, code.Kind())
		}
	}
}

func TestAnErrorIsFoundByItsKindAndItsCode(t *testing.T) {
	err := refused("C_Login", 0xA0)
	if !errors.Is(err, ErrPINIncorrect) || !errors.Is(err, Code(0xA0)) || errors.Is(err, ErrPINLocked) {
		t.Errorf("%#v", err)
	}
	if got, want := err.Error(), "pkcs11: C_Login: the PIN is wrong: CKR_PIN_INCORRECT (0XA0)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := found(ErrKeyGone).Error(), "pkcs11: the card has no such key"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestASlotIsJoinedToItsReader(t *testing.T) {
	long := "A reader with a name that is longer than PKCS#11 has room for, 00 00"
	umlauts := strings.Repeat("ü", 40)
	for _, test := range []struct {
		description, reader string
		want                bool
	}{
		{"Reader 1", "Reader 1", true},
		{"Reader 1" + strings.Repeat(" ", 56), "Reader 1", true},
		{"Reader 1" + strings.Repeat("\x00", 56), "Reader 1", true},
		{"Reader 1\x00rubbish", "Reader 1", true},
		{"Reader 1", "Reader 1 ", true},
		{"Reader 1", "Reader 10", false},
		{"Reader 10", "Reader 1", false},
		{"Reader 1", "reader 1", false},
		{"", "", false},
		{"", "Reader 1", false},
		{"Reader 1", "", false},
		{long[:64], long, true},
		{long[:63], long, false},
		{long[:64], long[:64] + " 01 00", true}, // the two cannot be told apart
		{long[:20], long, false},
		{umlauts[:64], umlauts, true},
		{"x" + umlauts[:63], "x" + umlauts, true},  // in the middle of a character
		{"x" + umlauts[:62], "x" + umlauts, true},  // before it
		{"x" + umlauts[:60], "x" + umlauts, false}, // too early
		{strings.Repeat("a", 63), strings.Repeat("a", 64), false},
		{strings.Repeat("a", 63), strings.Repeat("a", 63) + " b", true}, // cut at a blank
	} {
		if got := (Token{Slot: test.description}).InReader(test.reader); got != test.want {
			t.Errorf("%q in %q: %v", test.description, test.reader, got)
		}
	}
}

func TestWhatATokenSaysOfItselfHasNoControlCharacters(t *testing.T) {
	for in, want := range map[string]string{
		"Robin Example     ":       "Robin Example",
		"two\nlines\x1b[2J":        "twolines[2J",
		"\xff\xfeRobin":            "Robin",
		"Zoë\x00 and what follows": "Zoë",
	} {
		if got := text(in); got != want {
			t.Errorf("%q is shown as %q", in, got)
		}
	}
}

func TestOnlySensibleLengthsOfPINsAreTold(t *testing.T) {
	for _, test := range [][4]int{{4, 8, 4, 8}, {0, 0, 0, 0}, {8, 4, 0, 0}, {0, 16, 0, 16}, {4, 1 << 30, 0, 0}} {
		least, most := pinLengths(uint(test[0]), uint(test[1]))
		if least != test[2] || most != test[3] {
			t.Errorf("%d to %d is told as %d to %d", test[0], test[1], least, most)
		}
	}
}

func TestADigestIsGivenAsTheMechanismWantsIt(t *testing.T) {
	digest := sha512.Sum512([]byte("a sentence"))
	for _, test := range []struct {
		mechanism Mechanism
		size      int
		want      string
	}{
		{RSAPKCS1, 256, digestInfo[crypto.SHA512] + string(digest[:])},
		{RSAPSS, 256, string(digest[:])},
		{ECDSA, 64, string(digest[:32])}, // P-256 takes the leftmost bits
		{ECDSA, 132, string(digest[:])},  // P-521 takes them all
	} {
		r := Batch{Mechanism: test.mechanism, Hash: crypto.SHA512}
		if got := r.input(digest[:], test.size); string(got) != test.want {
			t.Errorf("%s: %x", test.mechanism, got)
		}
	}
}
