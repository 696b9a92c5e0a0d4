package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cardea-agent/cardea/pcsc/virtual"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cardea-portal": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			code := execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
			stop()
			os.Exit(code)
		},
	})
}

func TestTheProgramDoesAsItsScriptsSay(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "../../../testdata/portal",
		Setup: func(e *testscript.Env) error {
			return writeCertificates(e.WorkDir)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"fill": fill, "get": get,
		},
	})
}

// writeCertificates writes what an organisation has: the authority of its cards,
// and the certificate of its site.
func writeCertificates(folder string) error {
	ca := virtual.NewCA("Example Card Authority")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"signin.example"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"cards.pem": {Type: "CERTIFICATE", Bytes: ca.Certificate.Raw},
		"site.pem":  {Type: "CERTIFICATE", Bytes: der},
		"site.key":  {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(folder, "cards.crl"), ca.CRL(), 0o600)
}

// fill writes a file anew with the script's folder in place of $WORK: its
// settings name absolute paths.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: fill FILE...")
	}
	for _, name := range args {
		text := strings.ReplaceAll(ts.ReadFile(name), "$WORK", ts.Getenv("WORK"))
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

var servedAt = regexp.MustCompile(`the site is served".* address=(\S+)`)

// get asks the site whose log is in a file for a page, under the name
// signin.example: get LOG PATH [HEADER]. It prints what is answered.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: get LOG PATH [HEADER=VALUE]")
	}
	var address string
	for end := time.Now().Add(20 * time.Second); address == ""; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(ts.MkAbs(args[0])) // it may not be there yet
		if found := servedAt.FindSubmatch(text); found != nil {
			address = string(found[1])
		} else if time.Now().After(end) {
			ts.Fatalf("the site is never served: %s", text)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(ts.ReadFile("site.pem")))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "signin.example", MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	scheme := "https"
	if len(args) > 2 {
		scheme = "http" // a server in front asks
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, scheme+"://"+address+args[1], nil)
	ts.Check(err)
	r.Host = "signin.example"
	for _, header := range args[2:] {
		name, value, _ := strings.Cut(header, "=")
		r.Header.Set(name, value)
	}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n%v\n%s\n", answer.Status, answer.Header, body)
}

func TestOnlyTheLastAddressThatTheServerInFrontAddedCounts(t *testing.T) {
	for forwarded, want := range map[string]string{
		"": "192.0.2.1", "203.0.113.9": "203.0.113.9", "1.1.1.1, 203.0.113.9": "203.0.113.9",
		"::ffff:203.0.113.9": "203.0.113.9", "2001:db8::1": "2001:db8::1", "203.0.113.9, nonsense": "192.0.2.1",
	} {
		r := &http.Request{RemoteAddr: "192.0.2.1:1234", Header: http.Header{}}
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		if got := forwardedAddress(r); got.String() != want {
			t.Errorf("%q: %s, want %s", forwarded, got, want)
		}
	}
}
