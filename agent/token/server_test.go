package token_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/piv"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/verify"
)

const browser = "the cookie of one browser"

func newServer(t *testing.T, config verify.Config) *verify.Verifier {
	t.Helper()
	config.Origins = []string{origin}
	config.UserID = verify.CommonName
	server, err := verify.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// attempt is one sign-in from challenge to identity. sign is the card.
func attempt(t *testing.T, server *verify.Verifier, key signin.Key, sign func(crypto.Hash, []byte) []byte) (verify.Identity, error) {
	t.Helper()
	composer := token.New(release)
	fresh, err := server.Challenge(t.Context(), browser)
	if err != nil {
		t.Fatal(err)
	}
	hash, digest, err := composer.Compose(key, origin, fresh)
	if err != nil {
		t.Fatal(err)
	}
	made, err := composer.Finish(key, hash, digest, sign(hash, digest))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	return server.Verify(t.Context(), browser, text)
}

func TestAServerAcceptsWhatTheAgentMakesWithEveryAlgorithm(t *testing.T) {
	roots := x509.NewCertPool()
	roots.AddCert(authority())
	server := newServer(t, verify.Config{
		Roots: roots, NoExtendedUsage: true, Revocation: verify.Revocation{Mode: verify.RevocationOff},
	})
	for algorithm, kind := range kinds {
		t.Run(algorithm, func(t *testing.T) {
			key := signin.Key{Certificate: certify(t, kind), Algorithm: algorithm}
			who, err := attempt(t, server, key, func(hash crypto.Hash, digest []byte) []byte {
				return sign(t, signers()[kind], algorithm, hash, digest)
			})
			if err != nil || who.UserID != "000000000001" || who.Issuer != "CN=Cards" {
				t.Errorf("%+v, %v", who, err)
			}
		})
	}
}

// The whole way but the browser: a PIV card behind PC/SC, the agent's token, a
// server that asks the card's issuer.
func TestACardSignsInAtAServerUntilItIsRevoked(t *testing.T) {
	ca := virtual.NewCA("Test CA")
	responder := httptest.NewServer(ca.OCSPHandler())
	defer responder.Close()
	lists := httptest.NewServer(ca.CRLHandler())
	defer lists.Close()
	ca.OCSPServer, ca.CRLDistributionPoint = responder.URL, lists.URL

	for name, test := range map[string]struct {
		profile    virtual.Profile
		algorithms []string
		config     verify.Config
		want       string
	}{
		"P-256 with clientAuth": {virtual.ClientAuth("Robin Example"), []string{"ES256"}, verify.Config{}, "Robin Example"},
		"P-384":                 {virtual.P384("Robin Example"), []string{"ES384"}, verify.Config{NoExtendedUsage: true}, "Robin Example"},
		"a hospital's": {
			virtual.Field("123456789012", "Robin Example"), []string{"RS256", "PS256"},
			verify.Config{NoExtendedUsage: true, Policies: []x509.OID{virtual.PolicyAuthentication}}, "123456789012",
		},
	} {
		t.Run(name, func(t *testing.T) {
			card := virtual.NewCard(ca, test.profile)
			client := insert(t, card)
			cert := card.Certificate(virtual.Authentication)
			chosen, err := token.AlgorithmFor(cert)
			if err != nil || chosen != test.algorithms[0] {
				t.Fatalf("algorithm %q, %v", chosen, err)
			}
			for _, algorithm := range test.algorithms {
				key := signin.Key{Certificate: cert, Algorithm: algorithm}
				signer := func(hash crypto.Hash, digest []byte) []byte { return signByCard(t, client, key, hash, digest) }
				for source, revocation := range map[string]verify.Revocation{
					"OCSP": {Mode: verify.RevocationHardFail, OCSP: true, HTTPClient: responder.Client()},
					"CRL":  {Mode: verify.RevocationHardFail, CRLFromCertificate: true, HTTPClient: lists.Client()},
				} {
					config := test.config
					config.Roots, config.Revocation = ca.Pool(), revocation
					who, err := attempt(t, newServer(t, config), key, signer)
					if err != nil || who.UserID != test.want || who.Revocation != verify.RevocationGood {
						t.Errorf("%s, %s: %+v, %v", algorithm, source, who, err)
					}
				}
			}
			ca.Revoke(cert)
			config := test.config
			config.Roots = ca.Pool()
			key := signin.Key{Certificate: cert, Algorithm: chosen}
			signer := func(hash crypto.Hash, digest []byte) []byte { return signByCard(t, client, key, hash, digest) }
			for source, revocation := range map[string]verify.Revocation{
				"OCSP": {Mode: verify.RevocationSoftFail, OCSP: true},
				"CRL":  {Mode: verify.RevocationSoftFail, CRLFromCertificate: true},
			} {
				config.Revocation = revocation
				if _, err := attempt(t, newServer(t, config), key, signer); verify.CodeOf(err) != verify.CodeCertificateRevoked {
					t.Errorf("revoked, %s: %v", source, err)
				}
			}
		})
	}
}

func TestASigningCertificateDoesNotSignIn(t *testing.T) {
	ca := virtual.NewCA("Test CA")
	card := virtual.NewCard(ca, virtual.Field("123456789012", "Robin Example"))
	client := insert(t, card)
	cert := card.Certificate(virtual.Signature)
	key := signin.Key{ID: "9C", Certificate: cert, Algorithm: "RS256"}
	server := newServer(t, verify.Config{
		Roots: ca.Pool(), NoExtendedUsage: true, Revocation: verify.Revocation{Mode: verify.RevocationOff},
	})
	_, err := attempt(t, server, key, func(hash crypto.Hash, digest []byte) []byte {
		return signByCard(t, client, key, hash, digest)
	})
	if verify.CodeOf(err) != verify.CodeWrongUsage {
		t.Errorf("%v", err)
	}
}

// insert puts the card into a reader of a resource manager in this process.
func insert(t *testing.T, card *virtual.Card) *pcsc.Card {
	t.Helper()
	manager := virtual.NewManager()
	manager.AddReader("Virtual reader 0").Insert(card)
	client, err := pcsc.Connect(t.Context(), manager, "Virtual reader 0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func signByCard(t *testing.T, client *pcsc.Card, key signin.Key, hash crypto.Hash, digest []byte) []byte {
	t.Helper()
	req := piv.SignRequest{
		Slot: piv.Authentication, Public: key.Certificate.PublicKey, Opts: hash, Digests: [][]byte{digest}, PIN: []byte(virtual.DefaultPIN),
	}
	if key.ID == "9C" {
		req.Slot = piv.Signature
	}
	if strings.HasPrefix(key.Algorithm, "PS") {
		req.Opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	var signature []byte
	err := client.Transact(t.Context(), func(tx *pcsc.Tx) error {
		card, err := piv.Inspect(t.Context(), tx, apdu.Chained)
		if err != nil {
			return err
		}
		req.Settings = card.Settings
		req.Signed = func(s []byte) { signature = s }
		return piv.Sign(t.Context(), tx, req)
	})
	if err != nil {
		t.Fatal(err)
	}
	return signature
}
