//go:build linux

package host_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pkcs11"
	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
	"go.uber.org/goleak"
)

// role is the first argument of the test program when it is a child.
const role = "pkcs11-host"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == role {
		if err := host.Serve(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 1 && os.Args[1] == parentRole {
		beParent(os.Args[2:])
	}
	code := m.Run()
	pkcs11test.CleanUp()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// logBook keeps what a Host logs.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newHost returns a Host for a module that does not outlive the test. Its
// deadlines are generous: a test sets the one that it is about.
func newHost(t testing.TB, token *pkcs11test.Token, changes ...func(*host.Config)) (*host.Host, *logBook) {
	t.Helper()
	command, err := host.Self(role)
	if err != nil {
		t.Fatal(err)
	}
	log := &logBook{}
	c := host.Config{
		Command: command, Module: token.Module, Env: token.Environ(), Log: slog.New(slog.NewTextHandler(log, nil)),
		Start: time.Minute, Call: time.Minute, End: time.Minute, SpareFor: -1,
	}
	for _, change := range changes {
		change(&c)
	}
	h := host.New(c)
	t.Cleanup(func() {
		h.Close()
		if strings.Contains(log.String(), pkcs11test.PIN) {
			t.Errorf("the PIN is in the log:\n%s", log)
		}
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	return h, log
}

// request is for n signatures by a key of a token.
func request(token *pkcs11test.Token, key, n int) host.SignRequest {
	certificate := token.Keys[key].Certificate
	return host.SignRequest{Batch: ask(token.Slot, certificate, n), PIN: []byte(pkcs11test.PIN)}
}

func ask(reader string, certificate *x509.Certificate, n int) pkcs11.Batch {
	r := pkcs11.Batch{
		Reader: reader, Certificate: certificate.Raw, Mechanism: host.RSAPKCS1, Hash: crypto.SHA256,
	}
	if _, is := certificate.PublicKey.(*ecdsa.PublicKey); is {
		r.Mechanism = host.ECDSA
	}
	for i := range n {
		digest := sha256.Sum256([]byte{byte(i)})
		r.Digests = append(r.Digests, digest[:])
	}
	return r
}

// verify fails unless the first n digests were signed.
func verify(t testing.TB, r host.SignRequest, signatures [][]byte, n int) {
	t.Helper()
	if len(signatures) != n {
		t.Fatalf("%d signatures, want %d", len(signatures), n)
	}
	certificate, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range signatures {
		if err := verifyOne(certificate, r, r.Digests[i], s); err != nil {
			t.Errorf("signature %d: %v", i, err)
		}
	}
}

func verifyOne(certificate *x509.Certificate, r host.SignRequest, digest, signature []byte) error {
	switch public := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		if r.Mechanism == host.RSAPSS {
			return rsa.VerifyPSS(public, r.Hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.VerifyPKCS1v15(public, r.Hash, digest, signature)
	case *ecdsa.PublicKey:
		half := len(signature) / 2
		r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		if !ecdsa.Verify(public, digest, r, s) {
			return errors.New("the signature does not verify")
		}
	}
	return nil
}

// signs fails unless the Host makes a signature now.
func signs(t testing.TB, h *host.Host, token *pkcs11test.Token) {
	t.Helper()
	r := request(token, 0, 1)
	signatures, err := h.Sign(t.Context(), r)
	if err != nil {
		t.Fatalf("the next request: %v", err)
	}
	verify(t, r, signatures, 1)
}

// wantFailure fails unless err is that failure.
func wantFailure(t testing.TB, err error, how host.How, call string) *host.Failure {
	t.Helper()
	failure, is := errors.AsType[*host.Failure](err)
	if !is || failure.How != how || failure.Call != call {
		t.Fatalf("got %v, want %s in %s", err, how, call)
	}
	return failure
}
