package verify

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Identity is who signed in. Issuer and UserID together name a person and
// survive a renewal of the card; they are what a site keeps. The rest is about
// this card.
type Identity struct {
	Issuer      string // the issuer's name, or its name from Config.IssuerNames
	UserID      string // by Config.UserID
	DisplayName string // to greet with, never to decide by
	Origin      string // which of Config.Origins the token was for

	Expiry      time.Time // of the certificate
	Certificate *x509.Certificate
	Revocation  RevocationStatus
}

// UserID reads the user id from a certificate. An error is CodeUserIDMissing.
//
// The rule must give one person one text and two persons of one issuer two: a
// common name that is a person's name does not.
type UserID func(cert *x509.Certificate) (string, error)

var (
	oidCommonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidSurname      = asn1.ObjectIdentifier{2, 5, 4, 4}
	oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidGivenName    = asn1.ObjectIdentifier{2, 5, 4, 42}
)

// CommonName is the UserID of issuers that write the user id, and nothing else,
// as the subject's common name.
func CommonName(cert *x509.Certificate) (string, error) {
	return attribute(cert, oidCommonName, "common name")
}

// SubjectSerialNumber is the UserID of issuers that write the user id as the
// attribute serialNumber of the subject (RFC 3739, section 3.1.2). It is the
// person's, not the certificate's serial number.
func SubjectSerialNumber(cert *x509.Certificate) (string, error) {
	return attribute(cert, oidSerialNumber, "serialNumber")
}

// CommonNameMatching is the UserID of issuers that write more than the user id
// in the common name. pattern must match all of it; the user id is the first
// group in parentheses, or everything when there is none.
func CommonNameMatching(pattern *regexp.Regexp) UserID {
	whole := regexp.MustCompile(`\A(?:` + pattern.String() + `)\z`)
	return func(cert *x509.Certificate) (string, error) {
		name, err := CommonName(cert)
		if err != nil {
			return "", err
		}
		groups := whole.FindStringSubmatch(name)
		switch {
		case groups == nil:
			return "", errors.New("the common name does not match the pattern")
		case len(groups) > 1:
			return groups[1], nil
		}
		return groups[0], nil
	}
}

// attribute returns the only attribute of its kind in the subject.
func attribute(cert *x509.Certificate, oid asn1.ObjectIdentifier, name string) (string, error) {
	found := ""
	for _, attr := range cert.Subject.Names {
		if !attr.Type.Equal(oid) {
			continue
		}
		text, ok := attr.Value.(string)
		if !ok || found != "" {
			return "", fmt.Errorf("the subject's %s is not one text", name)
		}
		found = text
	}
	if found == "" {
		return "", fmt.Errorf("the subject has no %s", name)
	}
	return found, nil
}

// identify reads who the holder of a trusted certificate is, by the rule userID.
func (v *Verifier) identify(cert *x509.Certificate, userID UserID) (Identity, error) {
	id, err := userID(cert)
	if err == nil && (id == "" || id != strings.TrimSpace(id) || strings.ContainsFunc(id, unicode.IsControl)) {
		err = fmt.Errorf("the user id %q is empty, has blanks around it or control characters in it", id)
	}
	if err != nil {
		return Identity{}, refuse(CodeUserIDMissing, err)
	}
	issuer := cert.Issuer.String()
	if name, ok := v.config.IssuerNames[issuer]; ok {
		issuer = name
	}
	return Identity{
		Issuer: issuer, UserID: id, DisplayName: displayName(cert, id),
		Expiry: cert.NotAfter, Certificate: cert,
	}, nil
}

// displayName prefers the person's name to a common name that may be a number.
func displayName(cert *x509.Certificate, fallback string) string {
	given, err1 := attribute(cert, oidGivenName, "given name")
	surname, err2 := attribute(cert, oidSurname, "surname")
	if err1 == nil && err2 == nil {
		return given + " " + surname
	}
	if name, err := CommonName(cert); err == nil {
		return name
	}
	return fallback
}
