package protocol

import (
	"crypto"
	"fmt"
	"time"
)

// Limits of a sign request.
const (
	MaxItems       = 250
	MaxItemID      = 64       // characters
	MaxCertificate = 16 << 10 // bytes of DER
	// secondsPerItem is what a slow card needs for one signature.
	secondsPerItem = 2
)

// Hashes are the names that sign takes, as Web Cryptography calls them.
var Hashes = map[string]crypto.Hash{"SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}

// Timeout is the time limit of a batch.
func (p SignParams) Timeout() time.Duration {
	if p.TimeoutSeconds == 0 {
		return Timeout(min(MaxTimeout, DefaultTimeout+secondsPerItem*len(p.Items)))
	}
	return Timeout(p.TimeoutSeconds)
}

// Check names the first field with a wrong value.
func (p GetSigningCertificateParams) Check() string { return checkPatience(p.Lang, p.TimeoutSeconds) }

// Check names the first field with a wrong value.
func (p SignParams) Check() string {
	hash := Hashes[p.Hash]
	switch {
	case !isBase64(p.Certificate, 1, MaxCertificate):
		return "certificate"
	case hash == 0:
		return "hash"
	case len(p.Items) == 0 || len(p.Items) > MaxItems:
		return "items"
	}
	seen := make(map[string]bool, len(p.Items))
	for i, item := range p.Items {
		switch {
		case item.ID == "" || len(item.ID) > MaxItemID || !clientShape.MatchString(item.ID) || seen[item.ID]:
			return fmt.Sprintf("items[%d].id", i)
		case !isBase64(item.Digest, hash.Size(), hash.Size()):
			return fmt.Sprintf("items[%d].digest", i)
		}
		seen[item.ID] = true
	}
	return checkPatience(p.Lang, p.TimeoutSeconds)
}

// isBase64 reports whether a text is strict base64 (RFC 4648 section 4) of least
// to most bytes.
func isBase64(text string, least, most int) bool {
	b, err := decodeBase64(text)
	return err == nil && len(b) >= least && len(b) <= most
}

// Bytes decodes a text that Check accepted.
func Bytes(text string) []byte {
	b, err := decodeBase64(text)
	if err != nil {
		panic("protocol: " + err.Error())
	}
	return b
}
