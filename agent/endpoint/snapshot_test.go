package endpoint

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

func stateOnly(state signin.State) signin.Snapshot { return signin.Snapshot{Revision: 1, State: state} }

// card is a card with one certificate.
type card struct {
	signin.Card
	usage x509.KeyUsage
	until time.Time
}

func (c card) Keys() []signin.Key {
	return []signin.Key{{ID: "9c", Certificate: &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment}},
		{ID: "9a", Certificate: &x509.Certificate{KeyUsage: c.usage, NotAfter: c.until}}}
}

func TestASnapshotTellsOfCardsAndNotOfPeople(t *testing.T) {
	now := time.Now()
	got, err := protocol.Encode(pageSnapshot(signin.Snapshot{Revision: 9, State: signin.Ready, Readers: []signin.Reader{
		{Name: "empty", Status: signin.NoCard},
		{Name: "being read", Status: signin.NoCard, Pending: true, Keypad: true},
		{Name: "foreign", Status: signin.CardUnknown},
		{Name: "good", Status: signin.Ready, PIN: signin.PINLow, Card: card{usage: x509.KeyUsageDigitalSignature, until: now.Add(47 * time.Hour)}},
		{Name: "expired", Status: signin.NoUsableCertificate, Card: card{usage: x509.KeyUsageDigitalSignature, until: now.Add(-time.Hour)}},
		{Name: "without", Status: signin.NoUsableCertificate, Card: card{usage: x509.KeyUsageKeyEncipherment}},
	}}, now))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"revision":9,"state":"ready","readers":[{"name":"empty","keypad":false,"card":null},{"name":"being read","keypad":true,"card":null},` +
		`{"name":"foreign","keypad":false,"card":{"known":false}},{"name":"good","keypad":false,"card":{"known":true,"pin":"low","expiresInDays":1}},` +
		`{"name":"expired","keypad":false,"card":{"known":true,"expiresInDays":-1}},{"name":"without","keypad":false,"card":{"known":true}}],"warnings":[]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAWatchSendsTheSnapshotThenEachNewOneOnce(t *testing.T) {
	backend := &fakeBackend{}
	backend.set(stateOnly(signin.NoReader))
	p := serve(t, defaults(backend)).open(t, good)
	p.ask("watch", `{}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{"revision":1,"state":"noReader","readers":[],"warnings":[]}}`)
	backend.set(signin.Snapshot{Revision: 2, State: signin.NoReader}) // nothing that a page can see
	backend.set(signin.Snapshot{Revision: 3, State: signin.NoCard, Readers: []signin.Reader{{Name: "R", Status: signin.NoCard}}})
	p.expect(`{"jsonrpc":"2.0","method":"status","params":{"revision":3,"state":"noCard","readers":[{"name":"R","keypad":false,"card":null}],"warnings":[]}}`)
	p.ask("watch", `{}`)
	if got := p.next(); !strings.Contains(got, `"id":1,"result":{"revision":3`) {
		t.Error(got)
	}
	backend.set(signin.Snapshot{Revision: 4, State: signin.ServiceDown})
	p.expect(`{"jsonrpc":"2.0","method":"status","params":{"revision":4,"state":"serviceDown","readers":[],"warnings":[]}}`)
	p.ask("endSession", `{"session":"`+session+`"}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`) // and no second status before it
}
