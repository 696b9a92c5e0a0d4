package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// maxCRL is the longest list that is read: about a million entries.
const maxCRL = 64 << 20

var oidIssuingDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}

// crl is a list that was read; its signature is checked for each issuer that
// asks. Its entries are dropped for a table.
type crl struct {
	list    *x509.RevocationList
	revoked map[string]time.Time // by the serial number's bytes
	scope   issuingDistributionPoint

	mu      sync.Mutex
	checked map[[sha256.Size]byte]error // by issuer; guarded by mu
}

// issuingDistributionPoint is the extension of RFC 5280, section 5.2.5.
type issuingDistributionPoint struct {
	DistributionPoint          distributionPointName `asn1:"optional,tag:0"`
	OnlyContainsUserCerts      bool                  `asn1:"optional,tag:1"`
	OnlyContainsCACerts        bool                  `asn1:"optional,tag:2"`
	OnlySomeReasons            asn1.BitString        `asn1:"optional,tag:3"`
	IndirectCRL                bool                  `asn1:"optional,tag:4"`
	OnlyContainsAttributeCerts bool                  `asn1:"optional,tag:5"`
}

type distributionPointName struct {
	FullName     []asn1.RawValue  `asn1:"optional,tag:0"`
	RelativeName pkix.RDNSequence `asn1:"optional,tag:1"`
}

// askCRL looks a certificate up in the list at a web address or in a file.
func (c *checker) askCRL(place string) source {
	return func(ctx context.Context, cert, issuer *x509.Certificate) error {
		list, err := c.crls.get(ctx, place, func(ctx context.Context) (*crl, time.Time, error) {
			der, err := c.readCRL(ctx, place)
			if err != nil {
				return nil, time.Time{}, err
			}
			return parseCRL(der, c.clock())
		})
		if err != nil {
			return fmt.Errorf("CRL %s: %w", place, err)
		}
		if err := list.covers(cert, issuer); err != nil {
			return fmt.Errorf("CRL %s: %w", place, err)
		}
		if when, ok := list.revoked[string(cert.SerialNumber.Bytes())]; ok {
			return fmt.Errorf("%w at %v", errRevoked, when)
		}
		return nil
	}
}

func (c *checker) readCRL(ctx context.Context, place string) ([]byte, error) {
	if isWebURL(place) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
		if err != nil {
			return nil, err
		}
		return fetch(c.client, req, maxCRL)
	}
	file, err := os.Open(place)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readAll(file, maxCRL)
}

// parseCRL reads a list and refuses one that it could misread: with critical
// extensions of the list or of an entry that are not understood here (RFC 5280,
// sections 5.2 and 5.3), so also delta and indirect lists.
func parseCRL(der []byte, now time.Time) (*crl, time.Time, error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, time.Time{}, err
	}
	until, err := fresh(now, list.ThisUpdate, list.NextUpdate)
	if err != nil {
		return nil, time.Time{}, err
	}
	parsed := &crl{list: list, revoked: map[string]time.Time{}, checked: map[[sha256.Size]byte]error{}}
	for _, ext := range list.Extensions {
		if ext.Id.Equal(oidIssuingDistributionPoint) {
			if rest, err := asn1.Unmarshal(ext.Value, &parsed.scope); err != nil || len(rest) > 0 {
				return nil, time.Time{}, errors.New("malformed issuing distribution point")
			}
		} else if ext.Critical {
			return nil, time.Time{}, fmt.Errorf("unknown critical extension %v", ext.Id)
		}
	}
	for _, e := range list.RevokedCertificateEntries {
		if slices.ContainsFunc(e.Extensions, func(ext pkix.Extension) bool { return ext.Critical }) {
			return nil, time.Time{}, errors.New("an entry has an unknown critical extension")
		}
		parsed.revoked[string(e.SerialNumber.Bytes())] = e.RevocationTime
	}
	list.RevokedCertificateEntries = nil
	list.RevokedCertificates = nil //nolint:staticcheck // the parser fills it still, with the same entries
	return parsed, until, nil
}

// covers checks that the list is the issuer's and speaks of cert.
func (l *crl) covers(cert, issuer *x509.Certificate) error {
	if !bytes.Equal(l.list.RawIssuer, issuer.RawSubject) {
		return errors.New("of another issuer")
	}
	if err := l.checkSignature(issuer); err != nil {
		return err
	}
	s := l.scope
	if s.OnlyContainsCACerts || s.OnlyContainsAttributeCerts || s.IndirectCRL || s.OnlySomeReasons.BitLength > 0 || len(s.DistributionPoint.RelativeName) > 0 {
		return errors.New("does not speak of all cards' certificates")
	}
	if len(s.DistributionPoint.FullName) == 0 {
		return nil
	}
	for _, name := range s.DistributionPoint.FullName {
		// [6] is a uniformResourceIdentifier (RFC 5280, section 4.2.1.6).
		if name.Tag == 6 && slices.Contains(cert.CRLDistributionPoints, string(name.Bytes)) {
			return nil
		}
	}
	return errors.New("speaks of another part of the issuer's certificates")
}

func (l *crl) checkSignature(issuer *x509.Certificate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := sha256.Sum256(issuer.Raw)
	err, known := l.checked[key]
	if !known {
		err = l.list.CheckSignatureFrom(issuer)
		l.checked[key] = err
	}
	return err
}
