package card

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/piv"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// With -race this also says that nobody touches what the transaction, which
// goes on, still writes.
func TestACardThatHangsAtTheSignatureIsGivenUpAndSaysNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		card := virtual.NewCard(d.ca, virtual.P256("Anna"))
		d.slot.Insert(card)
		c := d.card(signin.Ready)
		card.Script(virtual.On(apdu.InsGeneralAuthenticate, virtual.Delay(8*time.Second)))
		key := c.Keys()[0]
		hash, digest, err := token.New("https://example/1").Compose(key, "https://a.example", "nonce")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		signatures, err := c.Sign(ctx, signin.CardSignRequest{
			Key: key, PIN: signin.NewPIN([]byte(virtual.DefaultPIN)), Hash: hash, Digests: [][]byte{digest},
		})
		if signatures != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %x, %v", signatures, err)
		}
		time.Sleep(10 * time.Second)
		if card.PINVerified() {
			t.Error("the PIN stays verified")
		}
	})
}

func TestTheCountIsOneAfterTheLastTryWasRefused(t *testing.T) {
	d := newDesk(t)
	card := virtual.NewCard(d.ca, virtual.P256("Anna"))
	d.slot.Insert(card)
	c := d.card(signin.Ready)
	card.Script(virtual.On(apdu.InsVerify, virtual.Answer(0x63C1))) // as if another program had spent two
	if _, _, err := d.sign(c, "000000", false); !errors.Is(err, signin.ErrLastTry) {
		t.Fatalf("got %v", err)
	}
	_, _, err := d.sign(c, "123", true)
	if e, ok := errors.AsType[*signin.Error](err); !ok || e.Code != signin.CodePINWrong || e.TriesLeft != 1 {
		t.Errorf("a PIN that is too short after it: %v", err)
	}
}

func TestAKeyThatCannotSignHasNoAlgorithm(t *testing.T) {
	d := newDesk(t)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sound := virtual.NewCard(d.ca, virtual.P256("Anna")).Certificate(virtual.Authentication)
	rsa4096 := &rsa.PublicKey{E: 65537}
	rsa4096.N = new(big.Int).Lsh(big.NewInt(1), 4095)
	for name, c := range map[string]struct {
		public any
		want   string
	}{
		"P-521":    {p521.Public(), ""},
		"RSA-4096": {rsa4096, ""},
		"P-256":    {sound.PublicKey, "ES256"},
	} {
		certificate := &x509.Certificate{Raw: sound.Raw, PublicKey: c.public}
		read := pivDriver{d.Driver, d.Algorithm, d.Log, nil}.card("Reader 1", nil, piv.Card{Certificates: map[piv.Slot]*x509.Certificate{piv.Authentication: certificate}})
		if got := read.found[0].Algorithm; got != c.want {
			t.Errorf("%s: the algorithm is %q, want %q", name, got, c.want)
		}
	}
}
