package piv

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

const readerName = "Virtual reader 0"

// bench is a card in a reader and a connection to it.
type bench struct {
	t      testing.TB
	driver pcsc.Driver
	slot   virtual.Slot
	card   *virtual.Card
	client *pcsc.Card
}

// newBench puts a card into a reader of a resource manager in this process.
func newBench(t testing.TB, profile virtual.Profile) *bench {
	t.Helper()
	manager := virtual.NewManager()
	b := &bench{t: t, driver: manager, slot: manager.AddReader(readerName)}
	b.card = virtual.NewCard(virtual.NewCA("Test CA"), profile)
	b.slot.Insert(b.card)
	b.connect(readerName)
	return b
}

func (b *bench) connect(reader string) {
	b.t.Helper()
	client, err := pcsc.Connect(b.t.Context(), b.driver, reader)
	if err != nil {
		b.t.Fatal(err)
	}
	b.client = client
	b.t.Cleanup(client.Close)
}

// transact runs f in a transaction and returns its error.
func (b *bench) transact(f func(tx Transaction) error) error {
	b.t.Helper()
	return b.client.Transact(b.t.Context(), func(tx *pcsc.Tx) error { return f(tx) })
}

func (b *bench) inspect() Card {
	b.t.Helper()
	var card Card
	err := b.transact(func(tx Transaction) (err error) {
		card, err = Inspect(b.t.Context(), tx, apdu.Chained)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return card
}

func (b *bench) sign(req SignRequest) (signature []byte, err error) {
	b.t.Helper()
	err = b.transact(func(tx Transaction) (err error) {
		signature, err = signOne(b.t.Context(), tx, req)
		return err
	})
	return signature, err
}

// signOne is Sign for one digest.
func signOne(ctx context.Context, tx Transaction, req SignRequest) (signature []byte, err error) {
	req.Signed = func(s []byte) { signature = s }
	if err := Sign(ctx, tx, req); err != nil {
		return nil, err
	}
	return signature, nil
}

// request is for a signature that works: of slot, with the right PIN.
func (b *bench) request(slot Slot) SignRequest {
	b.t.Helper()
	settings := Settings{PIN: ApplicationPIN, CanForget: true}
	return SignRequest{
		Settings: settings, Slot: slot, Public: b.card.Certificate(virtual.KeySlot(slot)).PublicKey,
		Opts: crypto.SHA256, Digests: [][]byte{digestOf(crypto.SHA256, "signed")}, PIN: []byte(virtual.DefaultPIN),
	}
}

// forgotten fails when the card still holds the PIN as verified.
func (b *bench) forgotten() {
	b.t.Helper()
	if b.card.PINVerified() {
		b.t.Error("the card holds the PIN as verified after the transaction")
	}
}

// verify checks a signature with the standard library.
func verify(public crypto.PublicKey, opts crypto.SignerOpts, digest, signature []byte) error {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		half := len(signature) / 2
		r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		if 8*half != key.Curve.Params().BitSize || !ecdsa.Verify(key, digest, r, s) {
			return errors.New("ECDSA signature does not verify")
		}
		return nil
	case *rsa.PublicKey:
		if pss, ok := opts.(*rsa.PSSOptions); ok {
			return rsa.VerifyPSS(key, pss.Hash, digest, signature, pss)
		}
		return rsa.VerifyPKCS1v15(key, opts.HashFunc(), digest, signature)
	}
	return fmt.Errorf("%T", public)
}

var profiles = map[string]virtual.Profile{
	"RSA2048":       virtual.RSA2048("Robin Example"),
	"P256":          virtual.P256("Robin Example"),
	"P384":          virtual.P384("Robin Example"),
	"ClientAuth":    virtual.ClientAuth("Robin Example"),
	"Field":         virtual.Field("123456789012", "Robin Example"),
	"Compressed":    virtual.RSA2048("Robin Example").With(virtual.Compressed),
	"ExactLength":   virtual.RSA2048("Robin Example").With(func(p *virtual.Profile) { p.Quirks.ExactLength = true }),
	"NoDiscovery":   virtual.P256("Robin Example").With(func(p *virtual.Profile) { p.Quirks.NoDiscovery = true }),
	"DoesNotForget": virtual.P256("Robin Example").With(virtual.DoesNotForget),
}

func TestEveryProfileSignsWithEveryKeyHashAndPadding(t *testing.T) {
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, profile)
			card := b.inspect()
			for slot, certificate := range card.Certificates {
				for _, hash := range hashes {
					options := []crypto.SignerOpts{hash}
					if _, ok := certificate.PublicKey.(*rsa.PublicKey); ok {
						options = append(options, &rsa.PSSOptions{Hash: hash, SaltLength: rsa.PSSSaltLengthEqualsHash})
					}
					for _, opts := range options {
						b.signAndVerify(card, slot, opts)
					}
				}
			}
		})
	}
}

func (b *bench) signAndVerify(card Card, slot Slot, opts crypto.SignerOpts) {
	b.t.Helper()
	if _, ec := card.Certificates[slot].PublicKey.(*ecdsa.PublicKey); ec && slot == KeyManagement {
		return // agrees on keys and signs nothing
	}
	req := b.request(slot)
	req.Settings, req.Public, req.Opts = card.Settings, card.Certificates[slot].PublicKey, opts
	req.Digests = [][]byte{digestOf(opts.HashFunc(), "signed")}
	signature, err := b.sign(req)
	if err == nil {
		err = verify(req.Public, opts, req.Digests[0], signature)
	}
	if err != nil {
		b.t.Errorf("slot %v, %T %v: %v", slot, opts, opts.HashFunc(), err)
	}
	b.forgotten()
}

func TestInspectionFindsWhatIsOnTheCard(t *testing.T) {
	for name, profile := range profiles {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, profile)
			card := b.inspect()
			if len(card.Certificates) != len(profile.Keys) || len(card.Failures) > 0 {
				t.Errorf("%d certificates, failures %v", len(card.Certificates), card.Failures)
			}
			for slot, certificate := range card.Certificates {
				if !certificate.Equal(b.card.Certificate(virtual.KeySlot(slot))) {
					t.Errorf("slot %v has another certificate", slot)
				}
			}
			if card.CHUID.GUID != b.card.GUID() || card.TriesLeft != 3 || card.PIN != ApplicationPIN || card.PINNotSet {
				t.Errorf("found %+v", card)
			}
			if want := name != "DoesNotForget"; card.CanForget != want {
				t.Errorf("CanForget %v, want %v", card.CanForget, want)
			}
			if pin, puk := b.card.TriesLeft(); pin != 3 || puk != 3 {
				t.Errorf("tries left %d, %d", pin, puk)
			}
		})
	}
}

func TestInspectionGoesOnWhereAnObjectIsMissingOrBroken(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example").With(virtual.NoCertificate))
	if card := b.inspect(); len(card.Certificates) > 0 || len(card.Failures) > 0 {
		t.Errorf("found %+v", card)
	}
	b = newBench(t, virtual.P256("Robin Example"))
	b.card.Script(virtual.At(6, virtual.Garbage(0x53, 0x01, 0x70, 0x90, 0x00)))
	card := b.inspect()
	if len(card.Certificates) != 3 || !errors.Is(card.Failures[Authentication], ErrMalformed) {
		t.Errorf("%d certificates, failures %v", len(card.Certificates), card.Failures)
	}
	b = newBench(t, virtual.P256("Robin Example"))
	b.card.Script(virtual.At(3, virtual.Answer(0x6F00)))
	if card := b.inspect(); card.CHUID.ID() != "" || len(card.Certificates) != 4 {
		t.Errorf("found %+v", card)
	}
	b = newBench(t, virtual.P256("Robin Example").With(virtual.PINNotSet))
	if card := b.inspect(); !card.PINNotSet || card.TriesLeft != TriesUnknown || len(card.Certificates) != 4 {
		t.Errorf("found %+v", card)
	}
	b = newBench(t, virtual.P256("Robin Example").With(virtual.BlockedPIN))
	if card := b.inspect(); card.TriesLeft != 0 || len(card.Certificates) != 4 {
		t.Errorf("found %+v", card)
	}
}

func TestACardThatIsPulledDuringInspectionIsNoEmptyCard(t *testing.T) {
	for n := 1; n <= 9; n++ {
		b := newBench(t, virtual.P256("Robin Example"))
		b.card.Script(virtual.RemoveAt(n))
		err := b.transact(func(tx Transaction) error {
			_, err := Inspect(t.Context(), tx, apdu.Chained)
			return err
		})
		if !errors.Is(err, pcsc.ErrCardRemoved) {
			t.Errorf("pulled at command %d: %v", n, err)
		}
	}
}

func TestInspectionEndsWithItsContext(t *testing.T) {
	b := newBench(t, virtual.P256("Robin Example"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.transact(func(tx Transaction) error {
		_, err := Inspect(ctx, tx, apdu.Chained)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestAnotherCardIsNotPIV(t *testing.T) {
	b := newBench(t, virtual.Foreign())
	err := b.transact(func(tx Transaction) error {
		_, err := Inspect(t.Context(), tx, apdu.Chained)
		return err
	})
	if !errors.Is(err, ErrNotPIV) {
		t.Errorf("error %v", err)
	}
}

// TestTheAPDUsOfEachOperation holds what a person waits for: nothing may be
// sent between PIN and signature that is not in this table.
func TestTheAPDUsOfEachOperation(t *testing.T) {
	const selection, query, pin, forget = "00A40400 ", "00200080 ", "00200080! ", "0020FF80 "
	rsa2048 := virtual.RSA2048("Robin Example")
	p256 := virtual.P256("Robin Example")
	wrong := func(r *SignRequest) { r.PIN = []byte("000000") }
	for _, c := range []struct {
		name    string
		profile virtual.Profile
		change  func(*SignRequest)
		want    string
	}{
		{"sign, P-256", p256, nil, selection + query + pin + "0087119A " + forget},
		{"sign, RSA-2048", rsa2048, nil, selection + query + pin + "1087079A 0087079A 00C00000 " + forget},
		{"sign, RSA-2048, one extended APDU", rsa2048, func(r *SignRequest) { r.Settings.Mode = apdu.OneExtended },
			selection + query + pin + "0087079A " + forget},
		{"sign, not known whether the card forgets", p256, func(r *SignRequest) { r.Settings.CanForget = false },
			selection + query + forget + pin + "0087119A " + forget},
		{"sign, the card does not forget", p256.With(virtual.DoesNotForget),
			func(r *SignRequest) { r.Settings.CanForget = false },
			selection + query + forget + pin + "0087119A "},
		{"wrong PIN", p256, wrong, selection + query + pin + forget},
		{"last try, not allowed", p256.With(virtual.OneTryLeft), nil, selection + query},
		{"blocked", p256.With(virtual.BlockedPIN), nil, selection + query},
		{"PIN of wrong form", p256, func(r *SignRequest) { r.PIN = []byte("123") }, ""},
		{"hash unknown", p256, func(r *SignRequest) { r.Opts = crypto.SHA1 }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.profile)
			req := b.request(Authentication)
			if c.change != nil {
				c.change(&req)
			}
			_, err := b.sign(req)
			if got := b.trace(); got != c.want {
				t.Errorf("sent %s\nwant %s(%v)", got, c.want, err)
			}
			b.forgotten()
		})
	}
}

// trace is the headers of all commands; ! marks data that is not shown.
func (b *bench) trace() string {
	s := ""
	for _, e := range b.card.Trace() {
		s += fmt.Sprintf("%X", e.Command[:4])
		if e.Length > 4 && e.INS() == apdu.InsVerify {
			s += "!"
		}
		s += " "
	}
	return s
}

func TestT0AndExtendedLengthsWorkToo(t *testing.T) {
	for name, mode := range map[string]apdu.Mode{"T=0": apdu.ChainedT0, "extended": apdu.OneExtended} {
		b := newBench(t, virtual.RSA2048("Robin Example"))
		var card Card
		err := b.transact(func(tx Transaction) (err error) {
			card, err = Inspect(t.Context(), tx, mode)
			return err
		})
		if err != nil || len(card.Certificates) != 4 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b.signAndVerify(card, Signature, crypto.SHA256)
	}
}
