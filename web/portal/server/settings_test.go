package main

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/stricttoml"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/piv"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/verify"
)

const origin = "https://signin.example"

// proof is the token that an agent makes with a card.
func proof(t *testing.T, card *virtual.Card, nonce string) []byte {
	t.Helper()
	cert := card.Certificate(virtual.Authentication)
	algorithm, err := token.AlgorithmFor(cert)
	if err != nil {
		t.Fatal(err)
	}
	key, composer := signin.Key{Certificate: cert, Algorithm: algorithm}, token.New("https://cardea.example/releases/1")
	hash, digest, err := composer.Compose(key, origin, nonce)
	if err != nil {
		t.Fatal(err)
	}
	manager := virtual.NewManager()
	manager.AddReader("Reader").Insert(card)
	client, err := pcsc.Connect(t.Context(), manager, "Reader")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var signature []byte
	err = client.Transact(t.Context(), func(tx *pcsc.Tx) error {
		found, err := piv.Inspect(t.Context(), tx, apdu.Chained)
		if err != nil {
			return err
		}
		return piv.Sign(t.Context(), tx, piv.SignRequest{
			Slot: piv.Authentication, Public: cert.PublicKey, Opts: hash, Digests: [][]byte{digest}, PIN: []byte(virtual.DefaultPIN),
			Settings: found.Settings, Signed: func(s []byte) { signature = s },
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	made, err := composer.Finish(key, hash, digest, signature)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestBySettingsAloneACardGetsInAndALostOneDoesNot(t *testing.T) {
	folder := t.TempDir()
	ca := virtual.NewCA("Example Card Authority")
	good := virtual.NewCard(ca, virtual.P256("555000000001 Anna Example"))
	lost := virtual.NewCard(ca, virtual.P256("555000000002 Bryn Example"))
	other := virtual.NewCard(virtual.NewCA("Another"), virtual.P256("555000000003 Carys Example"))
	ca.Revoke(lost.Certificate(virtual.Authentication))
	for name, text := range map[string][]byte{
		"cards.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate.Raw}),
		"cards.crl": ca.CRL(),
		"portal.toml": fmt.Appendf(nil, `
origin = %q
title = "x"
listen = "127.0.0.1:0"
policy = "1"
database = %q
mail = {from = "x@hospital.example", folder = %q}
[cards]
roots = [%q]
userID = "commonName"
userIDPattern = '([0-9]{12}) .*'
noExtendedUsage = true
issuerNames = {%q = "The card office"}
[revocation]
mode = "hardFail"
crls = [%q]
`, origin, filepath.Join(folder, "portal.db"), filepath.Join(folder, "mails"), filepath.Join(folder, "cards.pem"),
			ca.Certificate.Subject.String(), filepath.Join(folder, "cards.crl")),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := readConfig(filepath.Join(folder, "portal.toml"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.verifier()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[*virtual.Card]verify.Code{good: "", lost: verify.CodeCertificateRevoked, other: verify.CodeCertificateUntrusted} {
		nonce, err := v.Challenge(t.Context(), "browser")
		if err != nil {
			t.Fatal(err)
		}
		who, err := v.Verify(t.Context(), "browser", proof(t, name, nonce))
		if want != "" && verify.CodeOf(err) != want || want == "" && err != nil {
			t.Errorf("%s: %v", name.Certificate(virtual.Authentication).Subject, err)
		}
		if want == "" && (who.UserID != "555000000001" || who.Issuer != "The card office") {
			t.Errorf("the card is %s of %s", who.UserID, who.Issuer)
		}
	}
}

func TestWhatThePageAboutTheSiteShowsIsAccepted(t *testing.T) {
	text, err := os.ReadFile("../../../docs/portal.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(shown) != 1 {
		t.Fatalf("%d settings are shown", len(shown))
	}
	c := &config{AgentPort: 1}
	if err := stricttoml.Decode([]byte(shown[0][1]), c); err != nil {
		t.Fatal(err)
	}
	c.AgentPort = 24747
	if err := c.check(); err != nil {
		t.Error(err)
	}
	for name, whom := range c.Contacts.byName() {
		if whom == (contact{}) {
			t.Errorf("contacts.%s is not shown", name)
		}
	}
	// Every setting is told of, in the example or in the text.
	for _, name := range settingsOf(t) {
		if !strings.Contains(string(text), name) {
			t.Errorf("the page does not tell of %s", name)
		}
	}
}

// settingsOf reads the names of the settings from the source.
func settingsOf(t *testing.T) (names []string) {
	t.Helper()
	source, err := os.ReadFile("config.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("`toml:\"(\\w+)\"`").FindAllStringSubmatch(string(source), -1) {
		names = append(names, found[1])
	}
	if len(names) < 30 {
		t.Fatalf("there are %d settings", len(names))
	}
	return names
}
