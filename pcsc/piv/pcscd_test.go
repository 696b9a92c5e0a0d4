//go:build linux && cgo

package piv

import (
	"context"
	"crypto"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

func TestMain(m *testing.M) { os.Exit(pcscdtest.Main(m)) }

// patience bounds the wait for pcscd, which looks for cards each 400 ms.
const patience = 30 * time.Second

// newDaemonBench puts a card into a reader of the real pcscd.
func newDaemonBench(t *testing.T, profile virtual.Profile) *bench {
	t.Helper()
	reader := pcscdtest.Shared(t).Readers[0]
	b := &bench{t: t, driver: pcsc.System{}, card: virtual.NewCard(virtual.NewCA("Test CA"), profile)}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	b.await(reader.Name, false)
	reader.Insert(t, func(conn net.Conn) {
		_ = virtual.ServeVPCD(ctx, conn, b.card) // ends when it is pulled
	})
	b.await(reader.Name, true)
	b.connect(reader.Name)
	return b
}

// await waits until the reader has a card, or none.
func (b *bench) await(reader string, present bool) {
	b.t.Helper()
	resources, err := b.driver.Establish()
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		if err := resources.Release(); err != nil {
			b.t.Error(err)
		}
	}()
	states := []pcsc.ReaderState{{Reader: reader}}
	for {
		if err := resources.GetStatusChange(states, patience); err != nil {
			b.t.Fatal(err)
		}
		if is := states[0].Event&pcsc.StatePresent != 0; is == present {
			return
		}
		states[0].Current = states[0].Event &^ pcsc.StateChanged
	}
}

func TestTheRealResourceManagerCarriesEveryOperation(t *testing.T) {
	for name, profile := range map[string]virtual.Profile{
		"RSA2048": virtual.RSA2048("Robin Example"),
		"P384":    virtual.P384("Robin Example").With(virtual.Compressed),
		"Field":   virtual.Field("123456789012", "Robin Example").With(virtual.DoesNotForget),
	} {
		t.Run(name, func(t *testing.T) {
			b := newDaemonBench(t, profile)
			card := b.inspect()
			if len(card.Certificates) != len(profile.Keys) {
				t.Errorf("%d certificates, failures %v", len(card.Certificates), card.Failures)
			}
			b.signAndVerify(card, Authentication, crypto.SHA256)
			b.signAndVerify(card, Signature, crypto.SHA512)
			b.signAndVerify(card, Authentication, crypto.SHA384)
		})
	}
}

func TestBehindTheRealResourceManagerASecondProgramNeverSigns(t *testing.T) {
	for kind, change := range forgetting {
		t.Run(kind, func(t *testing.T) {
			b := newDaemonBench(t, virtual.P256("Robin Example").With(change))
			i, stop := b.intrude(b.client.Reader())
			for name, operation := range operations {
				if name == "unblock" && kind == "forgets" {
					continue // ends with a reset as on the other card
				}
				b.besiege(i, 3, operation)
			}
			wrong := b.request(Authentication)
			wrong.PIN = []byte("000000")
			if _, err := b.sign(wrong); err != (WrongPIN{PIN, 2}) {
				t.Errorf("wrong PIN: %v", err)
			}
			i.waitForAttempts(2)
			b.card.Script(virtual.On(apdu.InsGeneralAuthenticate, virtual.Answer(0x6F00)).Always())
			if _, err := b.sign(b.request(Authentication)); !errors.Is(err, apdu.StatusWord(0x6F00)) {
				t.Errorf("failing card: %v", err)
			}
			b.forgotten()
			b.card.Script()
			i.waitForAttempts(2)
			stop()
			i.never(t)
		})
	}
}

func TestBehindTheRealResourceManagerASecondProgramSignsWhereAPINIsLeftVerified(t *testing.T) {
	b := newDaemonBench(t, virtual.P256("Robin Example"))
	i, stop := b.intrude(b.client.Reader())
	b.leaveVerified()
	i.waitForAttempts(2)
	stop()
	if i.signed.Load() == 0 {
		t.Error("the intruder could have signed and did not")
	}
}
