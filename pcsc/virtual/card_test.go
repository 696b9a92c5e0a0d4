package virtual_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// Parts of commands in hexadecimal, for the tables.
const (
	verifyRight = "0020008008 313233343536FFFF"
	verifyWrong = "0020008008 363534333231FFFF"
	triesLeft   = "00200080"
	forget      = "0020FF80"
	selectPIV   = "00A404000B A000000308000010000100 00"
	signP256    = "0087119A26 7C24 8200 8120 " + digest + "00"
	sign9C      = "0087119C26 7C24 8200 8120 " + digest + "00"
	digest      = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// send transmits a command and returns data and status word.
func send(t testing.TB, card *virtual.Card, command []byte) ([]byte, uint16) {
	t.Helper()
	answer, err := card.Transmit(context.Background(), command)
	if err != nil {
		t.Fatal(err)
	}
	n := len(answer) - 2
	return answer[:n], binary.BigEndian.Uint16(answer[n:])
}

// The cards of the table.
var (
	p256       = virtual.P256("Robin Example")
	forgetless = p256.With(virtual.DoesNotForget)
	exact      = p256.With(func(p *virtual.Profile) { p.Quirks.ExactLength = true })
)

// statusWords is what cards answer, command by command.
var statusWords = []struct {
	name    string
	profile virtual.Profile
	steps   string // command > status word, separated by commas
}{
	{"PIV is selected after a reset", p256, triesLeft + ">63C3"},
	{"an empty VERIFY spends no try", p256, triesLeft + ">63C3," + triesLeft + ">63C3"},
	{"a wrong PIN spends a try and a right one gives all back", p256,
		verifyWrong + ">63C2," + triesLeft + ">63C2," + verifyRight + ">9000," + triesLeft + ">9000," + forget + ">9000," + triesLeft + ">63C3"},
	{"three wrong PINs block", p256,
		verifyWrong + ">63C2," + verifyWrong + ">63C1," + verifyWrong + ">63C0," + verifyRight + ">6983," + triesLeft + ">6983"},
	{"a wrong PIN makes a verified card forget", p256, verifyRight + ">9000," + verifyWrong + ">63C2," + signP256 + ">6982"},
	{"the last wrong PIN may answer blocked", p256.With(virtual.OneTryLeft, func(p *virtual.Profile) { p.Quirks.LastWrongIsBlocked = true }),
		verifyWrong + ">6983," + triesLeft + ">6983"},
	{"a PIN of bad form spends no try", p256,
		"0020008006 313233343536>6A80,0020008008 3132333435FFFFFF>6A80,0020008008 41424344454647FF>6A80,0020008008 3132FF33343536FF>6A80," + triesLeft + ">63C3"},
	{"an old PIN may be of four characters", p256.With(func(p *virtual.Profile) { p.LegacyPIN, p.PIN = true, "AbC1" }),
		"0020008008 41624331FFFFFFFF>9000,0024008010 41624331FFFFFFFF 41624332FFFFFFFF>6A80,0024008010 41624331FFFFFFFF 323232323232FFFF>9000"},
	{"only the PIV PIN is known", p256, "00200000>6A88,00200081>6A88,00200180>6A86"},
	{"a card may not know how to forget", forgetless, verifyRight + ">9000," + forget + ">6A86," + triesLeft + ">9000"},
	{"forgetting takes no data", p256, "0020FF8008 313233343536FFFF>6A80"},
	{"no PIN is set", p256.With(virtual.PINNotSet),
		triesLeft + ">6984," + verifyRight + ">6984,002C008010 3132333435363738 323232323232FFFF>9000,0020008008 323232323232FFFF>9000"},
	{"changing the PIN verifies it", p256, "0024008010 313233343536FFFF 323232323232FFFF>9000," + triesLeft + ">9000," + forget + ">9000," + verifyRight + ">63C2"},
	{"a wrong old PIN spends a try", p256, "0024008010 393939393939FFFF 323232323232FFFF>63C2," + triesLeft + ">63C2"},
	{"a new PIN of bad form spends no try", p256, "0024008010 393939393939FFFF 3232FFFFFFFFFFFF>6A80," + triesLeft + ">63C3"},
	{"the PUK is changed by the PUK", p256, "0024008110 3132333435363738 3837363534333231>9000,002C008010 3132333435363738 323232323232FFFF>63C2,002C008010 3837363534333231 323232323232FFFF>9000"},
	{"unblocking gives the PIN all tries and does not verify it", p256.With(virtual.BlockedPIN),
		triesLeft + ">6983,002C008010 3132333435363738 323232323232FFFF>9000," + triesLeft + ">63C3"},
	{"a wrong PUK counts, blocks and makes the card forget", p256, verifyRight + ">9000,002C008010 3939393939393939 323232323232FFFF>63C2," + triesLeft + ">63C3," +
		"002C008010 3939393939393939 323232323232FFFF>63C1,002C008010 3939393939393939 323232323232FFFF>63C0,002C008010 3132333435363738 323232323232FFFF>6983"},
	{"a key needs the PIN", p256, signP256 + ">6982," + verifyRight + ">9000," + signP256 + ">9000," + signP256 + ">9000," + forget + ">9000," + signP256 + ">6982"},
	{"the signature key needs the PIN immediately before", p256,
		verifyRight + ">9000," + sign9C + ">9000," + sign9C + ">6982," + verifyRight + ">9000," + triesLeft + ">9000," + sign9C + ">6982"},
	{"selecting PIV again keeps the PIN verified", p256, verifyRight + ">9000," + selectPIV + ">9000," + signP256 + ">9000"},
	{"another application is not found", p256, "00A4040005 A000000001>6A82,00A4000002 3F00>6A81"},
	{"a key of another algorithm", p256, verifyRight + ">9000,0087079A06 7C04 8200 8100>6A86,0087119504 7C028200>6A88"},
	{"a bad template", p256, verifyRight + ">9000,0087119A02 7C00>6A80,0087119A03 7C0581>6A80,0087119A04 7C028200>6A80,0087119A08 7C06 8200 8102 0000 00>9000"},
	{"an agreement is for the key management key", p256, verifyRight + ">9000,0087119A06 7C04 8200 8500>6A80,0087119D06 7C04 8200 8101>6A80"},
	{"objects that are not there", p256, "00CB3FFF03 5C017F>6A82,00CB3FFF05 5C035FC103>6A82,00CB3FFF01 5C>6A80,00CB000005 5C035FC102>6A86"},
	{"printed information needs the PIN", p256, "00CB3FFF05 5C035FC10900>6982," + verifyRight + ">9000,00CB3FFF05 5C035FC10900>9000"},
	{"a card without a certificate", p256.With(virtual.NoCertificate), "00CB3FFF05 5C035FC10500>6A82"},
	{"GET RESPONSE without a response", p256, "00C0000000>6985"},
	{"an answer is fetched in parts", p256, "00CB3FFF05 5C035FC10208>6135,00C0000010>6125,00C0000000>9000,00C0000000>6985"},
	{"a long answer says 6100", p256, "00CB3FFF05 5C035FC10508>6100"},
	{"another command drops the rest of an answer", p256, "00CB3FFF05 5C035FC10208>6135," + triesLeft + ">63C3,00C0000000>6985"},
	{"an exact card names the length", exact, "00CB3FFF03 5C017E40>6C14,00CB3FFF03 5C017E14>9000,00CB3FFF03 5C017E00>9000"},
	{"a strict card wants Le", p256.With(func(p *virtual.Profile) { p.Quirks.StrictLe = true }), "00CB3FFF03 5C017E>6114,00C0000014>9000"},
	{"a card without extended length", p256.With(func(p *virtual.Profile) { p.Quirks.NoExtended = true }), "00CB3FFF000003 5C017E 0000>6700"},
	{"extended length", p256, "00CB3FFF000003 5C017E 0000>9000"},
	{"a chain", p256, verifyRight + ">9000,1087119A02 7C24>9000,0087119A24 8200 8120 " + digest + "00>9000"},
	{"a chain of something else", p256, "1087119A02 7C24>9000,0087119C24 8200 8120 " + digest + "00>6883"},
	{"a chain too long", p256, strings.Repeat("1087119AFF"+strings.Repeat("00", 255)+">9000,", 16) + "1087119AFF" + strings.Repeat("00", 255) + ">6700"},
	{"VERIFY is not chained", p256, "1020008004 31323334>6884," + triesLeft + ">63C3"},
	{"lengths that do not fit", p256, "00>6700,0020>6700,0020008008 3132>6700,0020008001 3132 00>6700,00CB3FFF0000>6700,00CB3FFF000000 00>6700"},
	{"classes of other cards", p256, "0C200080>6882,01200080>6881,80200080>6E00"},
	{"writing needs the management key", p256, "00DB3FFF00>6982,0047009A00>6982,00EE0000>6D00"},
	{"a foreign card", virtual.Foreign(), selectPIV + ">6A82," + triesLeft + ">6D00"},
}

func TestTheCardAnswersWithTheStatusWordsOfTheStandard(t *testing.T) {
	for _, test := range statusWords {
		t.Run(test.name, func(t *testing.T) {
			card := virtual.NewCard(virtual.NewCA("Test CA"), test.profile)
			for i, step := range strings.Split(test.steps, ",") {
				command, want, _ := strings.Cut(step, ">")
				if _, sw := send(t, card, unhex(t, command)); fmt.Sprintf("%04X", sw) != want {
					t.Fatalf("step %d, %s: %04X, want %s", i+1, command, sw, want)
				}
			}
		})
	}
}

func TestAResetForgetsThePINAndTheChain(t *testing.T) {
	card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))
	send(t, card, unhex(t, verifyRight))
	if !card.PINVerified() {
		t.Fatal("not verified")
	}
	if err := card.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, sw := send(t, card, unhex(t, triesLeft)); sw != 0x63C3 || card.PINVerified() {
		t.Fatalf("%04X after a reset", sw)
	}
}

// container reads a data object, GET RESPONSE included, and returns the value of one field.
func container(t *testing.T, card *virtual.Card, object string, field byte) []byte {
	t.Helper()
	data, sw := send(t, card, unhex(t, "00CB3FFF05 5C03"+object+"08"))
	for sw&0xFF00 == 0x6100 {
		more, next := send(t, card, unhex(t, "00C0000000"))
		data, sw = append(data, more...), next
	}
	if sw != 0x9000 {
		t.Fatalf("object %s: %04X", object, sw)
	}
	for body := value(data); len(body) > 1; {
		v := value(body)
		if body[0] == field {
			return v
		}
		body = body[bytes.Index(body, v)+len(v):]
	}
	t.Fatalf("object %s has no field %02X", object, field)
	return nil
}

// value is what the object at the front of data holds: lengths of one to three bytes.
func value(data []byte) []byte {
	length, data := int(data[1]), data[2:]
	if length > 0x80 {
		n := length & 0x7F
		length = 0
		for _, b := range data[:n] {
			length = length<<8 | int(b)
		}
		data = data[n:]
	}
	return data[:length]
}

func TestTheCardGivesItsCertificatesPlainAndCompressed(t *testing.T) {
	objects := map[virtual.KeySlot]string{virtual.Authentication: "5FC105", virtual.Signature: "5FC10A",
		virtual.KeyManagement: "5FC10B", virtual.CardAuthentication: "5FC101"}
	for _, profile := range []virtual.Profile{virtual.P256("Robin Example"), virtual.P384("Robin Example").With(virtual.Compressed)} {
		card := virtual.NewCard(virtual.NewCA("Test CA"), profile)
		for slot, object := range objects {
			got, info := container(t, card, object, 0x70), container(t, card, object, 0x71)
			if info[0] == 1 {
				r, err := gzip.NewReader(bytes.NewReader(got))
				if err != nil {
					t.Fatal(err)
				}
				if got, err = io.ReadAll(r); err != nil {
					t.Fatal(err)
				}
			}
			if profile.Keys[0].Compressed != (info[0] == 1) || !bytes.Equal(got, card.Certificate(slot).Raw) {
				t.Errorf("key %X: CertInfo %X, certificate of %d bytes", slot, info, len(got))
			}
		}
	}
}

func TestEachCardHasAGUIDOfItsOwn(t *testing.T) {
	ca := virtual.NewCA("Test CA")
	one, other := virtual.NewCard(ca, virtual.P256("Robin Example")), virtual.NewCard(ca, virtual.P256("Robin Example"))
	first, guid := container(t, one, "5FC102", 0x34), one.GUID()
	if !bytes.Equal(first, guid[:]) || bytes.Equal(first, container(t, other, "5FC102", 0x34)) {
		t.Errorf("GUID %X of %X", first, guid)
	}
}

func TestTheCardSignsRSAChainedAndExtended(t *testing.T) {
	card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.RSA2048("Robin Example"))
	public := card.Certificate(virtual.Authentication).PublicKey.(*rsa.PublicKey)
	hashed := sha256.Sum256([]byte("signed"))
	padded := pkcs1(hashed[:])
	template := slices.Concat(unhex(t, "7C820106 8200 81820100"), padded)
	send(t, card, unhex(t, verifyRight))

	extended := slices.Concat(unhex(t, "0087079A 00010A"), template, []byte{0, 0})
	whole, sw := send(t, card, extended)
	if sw != 0x9000 {
		t.Fatalf("extended: %04X", sw)
	}
	send(t, card, slices.Concat(unhex(t, "1087079AFF"), template[:255]))
	first, sw := send(t, card, slices.Concat(unhex(t, "0087079A0B"), template[255:], []byte{0}))
	if len(first) != 256 || sw != 0x6108 {
		t.Fatalf("chained: %d bytes, %04X", len(first), sw)
	}
	rest, sw := send(t, card, unhex(t, "00C0000008"))
	if sw != 0x9000 {
		t.Fatalf("GET RESPONSE: %04X", sw)
	}
	for _, answer := range [][]byte{whole, append(first, rest...)} {
		if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, hashed[:], value(value(answer))); err != nil {
			t.Error(err)
		}
	}
}

// pkcs1 pads a SHA-256 digest for RSA-2048 (RFC 8017, 9.2).
func pkcs1(digest []byte) []byte {
	info := append([]byte{0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, digest...)
	return slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xFF}, 256-3-len(info)), []byte{0}, info)
}

func TestTheKeyManagementKeyAgrees(t *testing.T) {
	card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))
	public, err := card.Certificate(virtual.KeyManagement).PublicKey.(*ecdsa.PublicKey).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ours.ECDH(public)
	if err != nil {
		t.Fatal(err)
	}
	send(t, card, unhex(t, verifyRight))
	answer, sw := send(t, card, slices.Concat(unhex(t, "0087119D47 7C45 8200 8541"), ours.PublicKey().Bytes(), []byte{0}))
	if sw != 0x9000 || !bytes.Equal(value(value(answer)), want) {
		t.Errorf("%X %04X, want %X", answer, sw, want)
	}
}

func TestNoPINIsInATrace(t *testing.T) {
	card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))
	pin := unhex(t, "313233343536")
	for _, command := range []string{verifyRight, "00200080FF" + verifyRight[10:], "1020008004 31323334", "0C200080 08 313233343536FFFF",
		"0024008010 313233343536FFFF 313233343536FFFF", "002C008010 3132333435363738 313233343536FFFF"} {
		send(t, card, unhex(t, command))
	}
	if card.Count() != 6 || len(card.Trace()) != 6 {
		t.Fatalf("counted %d, traced %d", card.Count(), len(card.Trace()))
	}
	for _, e := range card.Trace() {
		if bytes.Contains(e.Command, pin[:4]) || strings.Contains(e.String(), "31 32 33 34") {
			t.Errorf("%v", e)
		}
	}
}

func TestTheCardIsUsedByManyAtOnce(t *testing.T) {
	card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))
	verify, sign := unhex(t, verifyRight), unhex(t, signP256)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				for _, command := range [][]byte{verify, sign} {
					if answer, err := card.Transmit(t.Context(), command); err != nil || len(answer) < 2 {
						t.Errorf("%X, %v", answer, err)
					}
				}
				_ = card.Trace()
				_ = card.Certificate(virtual.Authentication)
			}
		})
	}
	all.Wait()
	if card.Count() != 200 {
		t.Errorf("counted %d", card.Count())
	}
}

func FuzzCard(f *testing.F) {
	for _, seed := range []string{verifyWrong, triesLeft, forget, selectPIV, signP256, sign9C, "00CB3FFF05 5C035FC10508", "1087119A02 7C24",
		"00C0000000", "00CB3FFF000003 5C017E 0000", "0024008010 393939393939FFFF 323232323232FFFF", "002C008010 3939393939393939 323232323232FFFF"} {
		raw := unhex(f, seed)
		f.Add(raw, raw)
	}
	ca := virtual.NewCA("Test CA")
	profile := virtual.P256("Robin Example").With(func(p *virtual.Profile) { p.PIN, p.PUK, p.Keys = "86420975", "97531864", p.Keys[:2] })
	f.Fuzz(func(t *testing.T, first, second []byte) {
		card := virtual.NewCard(ca, profile)
		for _, command := range [][]byte{first, second, first} {
			if answer, err := card.Transmit(t.Context(), command); err != nil || len(answer) < 2 {
				t.Fatalf("%X: %X, %v", command, answer, err)
			}
		}
		if !bytes.Contains(append(first, second...), []byte("86420975")) && !bytes.Contains(append(first, second...), []byte("97531864")) && card.PINVerified() {
			t.Fatalf("verified by %X, %X", first, second)
		}
	})
}

func hexadecimal(b []byte) string { return fmt.Sprintf("%X", b) }
