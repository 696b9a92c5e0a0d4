//go:build linux

package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	stdlog "log"

	"github.com/cardea-agent/cardea/web/portal"
	"github.com/cardea-agent/cardea/web/verify"
)

// authority issues the certificates of the sites. The browsers trust it.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{key: key}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example Site CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a.certificate, err = x509.ParseCertificate(der)
	return a, err
}

// install puts its certificate into the database of a browser's profile.
func (a *authority) install(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	file := filepath.Join(folder, "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"-N", "--empty-password"},
		{"-A", "-n", "site", "-t", "C,,", "-i", file},
	} {
		if out, err := exec.Command("certutil", append([]string{"-d", "sql:" + folder}, args...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("certutil: %w\n%s", err, out)
		}
	}
	return nil
}

// issue makes the certificate of the sites.
func (a *authority) issue() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{listedName, unlistedName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// listen opens the port of a site.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// origin is what a site on l is called.
func origin(name string, l net.Listener) string {
	return fmt.Sprintf("https://%s:%d", name, l.Addr().(*net.TCPAddr).Port)
}

// contacts are those who help the people of the sites.
var contacts = portal.Contacts{
	LocalAdministrator: portal.Contact{Name: "IT service desk", Phone: "01632 960100", Hours: "00–24"},
	CardIssuer:         portal.Contact{Name: "Card office", Phone: "01632 960101", Email: "cards@hospital.example"},
	SoftwareDesk:       portal.Contact{Name: "Clinical applications desk", Phone: "01632 960102"},
	MailDesk:           portal.Contact{Name: "Mail desk", Phone: "01632 960103"},
}

// asking changes how a site checks cards.
type asking = func(*verify.Config)

// serve runs a portal until the test ends.
func (d *desk) serve(t *testing.T, l net.Listener, name string, agentPort int, accounts people, changes ...asking) *gates {
	t.Helper()
	certificate, err := d.trust.issue()
	if err != nil {
		t.Fatal(err)
	}
	config := verify.Config{
		Origins: []string{origin(name, l)}, Roots: d.cards.Pool(), UserID: verify.CommonName,
		NoExtendedUsage: true, Revocation: verify.Revocation{Mode: verify.RevocationOff},
		IssuerNames: map[string]string{d.cards.Certificate.Subject.String(): d.cards.Certificate.Subject.CommonName},
	}
	for _, change := range changes {
		change(&config)
	}
	verifier, err := verify.New(config)
	if err != nil {
		t.Fatal(err)
	}
	log := d.log("site")
	site := portal.New(portal.Config{
		Origin: origin(name, l), AgentPort: agentPort, Verifier: verifier, Accounts: accounts.Accounts, Title: "Example Hospital",
		Contacts: contacts, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	held := &gates{paths: map[string]*halt{}}
	server := &http.Server{
		Handler:           held.before(site),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: limit,
		ErrorLog:          stdlog.New(log, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return held
}
