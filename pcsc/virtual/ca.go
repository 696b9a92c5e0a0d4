package virtual

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/testdata/rsakeys"
)

// CA is a certificate authority for tests and demos. Its key lives only as long
// as the program. Safe for use by several goroutines.
type CA struct {
	// Certificate is the authority's own.
	Certificate *x509.Certificate
	// OCSPServer and CRLDistributionPoint are the addresses written into the
	// certificates that are issued from then on; none when empty. Set them
	// before the CA is used by several goroutines.
	OCSPServer           string
	CRLDistributionPoint string
	// Momentary leaves nextUpdate out of OCSP answers (RFC 6960, section 2.4), so
	// that nobody keeps them: a revocation counts at once.
	Momentary bool

	key *ecdsa.PrivateKey

	mu      sync.Mutex // guards all below
	serial  int64
	rsaKeys []*rsa.PrivateKey // not given out yet
	revoked map[string]revocation
}

// NewCA makes a root authority with a P-256 key, valid for ten years.
func NewCA(name string) *CA { return newCA(name, nil) }

// Intermediate makes an authority whose own certificate this one issues.
func (ca *CA) Intermediate(name string) *CA { return newCA(name, ca) }

func newCA(name string, parent *CA) *CA {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("virtual: CA key: %v", err))
	}
	ca := &CA{key: key, rsaKeys: rsakeys.All(), revoked: map[string]revocation{}}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name, Organization: []string{"Example Trust (test only)"}},
		NotBefore:             time.Now().AddDate(-3, 0, 0), // before every certificate it issues, expired ones included
		NotAfter:              time.Now().AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	if parent == nil {
		ca.Certificate, parent = template, ca
	}
	ca.Certificate = parent.sign(template, &key.PublicKey)
	return ca
}

// Pool returns a pool with the authority's certificate and no other.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate)
	return pool
}

// sign issues a certificate. It panics when the template cannot be: that is a
// mistake in the calling program.
func (ca *CA) sign(template *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	ca.mu.Lock()
	ca.serial++
	template.SerialNumber = big.NewInt(ca.serial)
	ca.mu.Unlock()
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate, public, ca.key)
	if err != nil {
		panic(fmt.Sprintf("virtual: certificate for %q: %v", template.Subject, err))
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(fmt.Sprintf("virtual: certificate for %q: %v", template.Subject, err))
	}
	return certificate
}

// issue makes the certificate that k describes.
func (ca *CA) issue(k Key, public crypto.PublicKey) *x509.Certificate {
	template := &x509.Certificate{
		Subject:     k.Subject,
		NotBefore:   orDefault(k.NotBefore, time.Now().AddDate(0, -1, 0)),
		NotAfter:    orDefault(k.NotAfter, time.Now().AddDate(2, 0, 0)),
		KeyUsage:    k.Usage,
		ExtKeyUsage: k.ExtendedUsage,
		Policies:    k.Policies,
	}
	if k.Slot == CardAuthentication {
		template.UnknownExtKeyUsage = []asn1.ObjectIdentifier{cardAuthenticationUsage}
	}
	if ca.OCSPServer != "" {
		template.OCSPServer = []string{ca.OCSPServer}
	}
	if ca.CRLDistributionPoint != "" {
		template.CRLDistributionPoints = []string{ca.CRLDistributionPoint}
	}
	return ca.sign(template, public)
}

// newKey returns a private key that no other card of this authority has. RSA
// keys come from the published ones until those run out.
func (ca *CA) newKey(algorithm Algorithm) crypto.Signer {
	switch algorithm {
	case AlgorithmP256:
		return mustKey(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	case AlgorithmP384:
		return mustKey(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	case AlgorithmRSA2048:
		ca.mu.Lock()
		defer ca.mu.Unlock()
		if len(ca.rsaKeys) > 0 {
			key := ca.rsaKeys[0]
			ca.rsaKeys = ca.rsaKeys[1:]
			return key
		}
		return mustKey(rsa.GenerateKey(rand.Reader, 2048))
	}
	panic(fmt.Sprintf("virtual: algorithm %02X is unknown", byte(algorithm)))
}

func mustKey[K crypto.Signer](key K, err error) K {
	if err != nil {
		panic(fmt.Sprintf("virtual: key: %v", err))
	}
	return key
}
