//go:build unix

// Package pkcs11test has tokens and modules for tests: SoftHSM2 with keys and
// certificates, and the same with the faults of modules in the field.
//
// Both are in folders of the test's own. The faults are a small module in C,
// built with this machine's compiler, which passes everything on to another
// module and crashes, hangs, prints or lies where a test wants it.
//
// A test that needs a program which is missing is skipped; with
// CARDEA_E2E_REQUIRED=1 it fails. The package is never part of a program that
// people install; its own tests are those of packages pkcs11 and host.
package pkcs11test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/testdata/rsakeys"
)

// PIN is the PIN of every token.
const PIN = "271828"

// softHSM is where Debian's package softhsm2 puts the module.
const softHSM = "/usr/lib/softhsm/libsofthsm2.so"

// Kind is a kind of key.
type Kind string

// The kinds of keys.
const (
	P256    Kind = "P-256"
	P384    Kind = "P-384"
	RSA2048 Kind = "RSA-2048"
	// Insistent is P-256 with CKA_ALWAYS_AUTHENTICATE.
	Insistent Kind = "P-256, insistent"
)

// Token is a SoftHSM token of a test.
type Token struct {
	Module string   // the file
	Env    []string // settings as NAME=value that lead the module to the token
	Slot   string   // the slot's description, which stands for a reader's name
	Keys   []Key

	folder string
}

// Key is a key on a Token.
type Key struct {
	Kind        Kind
	ID          byte
	Certificate *x509.Certificate
}

// New makes a token with a key of each kind.
func New(t testing.TB, kinds ...Kind) *Token {
	t.Helper()
	need(t, softHSM)
	token := &Token{Module: softHSM, folder: t.TempDir()}
	token.configure(t)
	token.run(t, "softhsm2-util", "--init-token", "--free", "--label", "test", "--so-pin", PIN, "--pin", PIN)
	for i, kind := range kinds {
		token.Keys = append(token.Keys, token.add(t, kind, byte(i+1)))
	}
	token.Slot = token.slot(t)
	return token
}

// configure leads SoftHSM to the token's folder.
func (k *Token) configure(t testing.TB) {
	t.Helper()
	conf := filepath.Join(k.folder, "softhsm2.conf")
	write(t, conf, fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", k.folder))
	k.Env = []string{"SOFTHSM2_CONF=" + conf}
}

// Copy returns a copy. SoftHSM writes to a token's files at each log-in, and a
// process that reads them meanwhile finds no token.
func (k *Token) Copy(t testing.TB) *Token {
	t.Helper()
	c := *k
	c.folder = filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(c.folder, os.DirFS(k.folder)); err != nil {
		t.Fatal(err)
	}
	c.configure(t)
	return &c
}

// Environ is this process's environment with the token's settings.
func (k *Token) Environ() []string { return append(os.Environ(), k.Env...) }

// slot reads the description of the token's slot. SoftHSM makes a number of it
// that is known only after the token was made.
func (k *Token) slot(t testing.TB) string {
	t.Helper()
	entries, err := filepath.Glob(filepath.Join(k.folder, "*-*"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("tokens: %v, %v", entries, err)
	}
	// The number is the end of the serial number, which is the end of the
	// folder's name.
	name := filepath.Base(entries[0])
	var number uint32
	if _, err := fmt.Sscanf(name[len(name)-8:], "%x", &number); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("SoftHSM slot ID 0x%x", number&0x7FFFFFFF)
}

// add makes a key and its certificate.
func (k *Token) add(t testing.TB, kind Kind, number byte) Key {
	t.Helper()
	id := fmt.Sprintf("%02x", number)
	var public crypto.PublicKey
	if kind == Insistent {
		k.tool(t, "--keypairgen", "--key-type", "EC:prime256v1", "--id", id, "--label", string(kind), "--usage-sign", "--always-auth")
		der := filepath.Join(k.folder, "public.der")
		k.tool(t, "--read-object", "--type", "pubkey", "--id", id, "--output-file", der)
		b, err := os.ReadFile(der)
		if err != nil {
			t.Fatal(err)
		}
		if public, err = x509.ParsePKIXPublicKey(b); err != nil {
			t.Fatal(err)
		}
	} else {
		private := newKey(t, kind, number)
		public = private.Public()
		b, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(k.folder, "key.pem")
		write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})))
		k.run(t, "softhsm2-util", "--import", file, "--token", "test", "--label", string(kind), "--id", id, "--pin", PIN)
	}
	certificate := certify(t, kind, public)
	file := filepath.Join(k.folder, "certificate.der")
	write(t, file, string(certificate.Raw))
	k.tool(t, "--write-object", file, "--type", "cert", "--id", id, "--label", string(kind))
	return Key{Kind: kind, ID: number, Certificate: certificate}
}

func newKey(t testing.TB, kind Kind, number byte) crypto.Signer {
	t.Helper()
	curve := elliptic.P256()
	switch kind {
	case RSA2048:
		return rsakeys.All()[int(number)%len(rsakeys.All())]
	case P384:
		curve = elliptic.P384()
	}
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// certify makes a certificate by an authority that nobody knows.
func certify(t testing.TB, kind Kind, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "Robin Example " + string(kind)},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, authority)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// tool runs OpenSC's tool, logged in to the token.
func (k *Token) tool(t testing.TB, args ...string) {
	t.Helper()
	k.run(t, "pkcs11-tool", append([]string{"--module", k.Module, "--login", "--pin", PIN}, args...)...)
}

func (k *Token) run(t testing.TB, name string, args ...string) {
	t.Helper()
	need(t, name)
	cmd := exec.CommandContext(t.Context(), name, args...) //nolint:gosec // the names are above
	cmd.Env = k.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// need skips the test where a program or a file is missing.
func need(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if _, err := os.Stat(name); err == nil {
		return
	}
	if os.Getenv("CARDEA_E2E_REQUIRED") == "1" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
