// Command gen writes new test keys to testdata/rsakeys/keys.pem. It is run
// from the top of the repository, by hand and rarely: every certificate made
// from the old keys belongs to a card that exists only while a program runs.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log"
	"os"
)

// count is how many keys are kept: enough for the cards of one demo (three keys each)
// without two cards that share a key.
const count = 12

func main() {
	var out bytes.Buffer
	for range count {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			log.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			log.Fatal(err)
		}
		// Explanatory text before a PEM block is skipped by every reader.
		out.WriteString("Test key of virtual cards. Published, so worth nothing.\n")
		if err := pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: der}); err != nil {
			log.Fatal(err)
		}
	}
	if err := os.WriteFile("testdata/rsakeys/keys.pem", out.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}
