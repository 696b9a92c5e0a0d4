package session_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// signingCertificate asks for it, with the person's yes.
func (w *ward) signingCertificate(p *page) *x509.Certificate {
	w.t.Helper()
	id := p.send("getSigningCertificate", map[string]any{})
	a := w.asked()
	if a.About.Purpose != signin.ToShowCertificate || len(a.Choices) != 1 {
		w.t.Errorf("asked %+v", a)
	}
	a.Choose(0)
	m := p.answer(id)
	var r protocol.GetSigningCertificateResult
	if err := json.Unmarshal(m.Result, &r); err != nil || m.Error != nil {
		w.t.Fatalf("%+v, %v", m, err)
	}
	der, err := base64.StdEncoding.DecodeString(r.Certificate)
	if err != nil {
		w.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	return certificate
}

func documents(n int) (digests [][]byte, items []protocol.SignItem) {
	for i := range n {
		digest := sha256.Sum256([]byte(fmt.Sprint("document ", i)))
		digests = append(digests, digest[:])
		items = append(items, protocol.SignItem{ID: fmt.Sprint(i), Digest: base64.StdEncoding.EncodeToString(digest[:])})
	}
	return digests, items
}

func verified(t *testing.T, certificate *x509.Certificate, digest []byte, signature string) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(raw) != 64 {
		t.Fatalf("signature %q: %v", signature, err)
	}
	public, _ := certificate.PublicKey.(*ecdsa.PublicKey)
	if !ecdsa.Verify(public, digest, new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])) {
		t.Error("a signature does not verify")
	}
}

func TestAPageHasDocumentsSignedWithOnePIN(t *testing.T) {
	w := newWard(t)
	w.startTray()
	w.slot.Insert(w.card)
	p := w.open(signing)
	certificate := w.signingCertificate(p)
	if certificate.KeyUsage != x509.KeyUsageContentCommitment {
		t.Errorf("the certificate's usage is %b", certificate.KeyUsage)
	}
	digests, items := documents(250)
	id := p.send("sign", protocol.SignParams{Certificate: base64.StdEncoding.EncodeToString(certificate.Raw), Hash: "SHA-256", Items: items})
	a := w.asked()
	if a.About.Purpose != signin.ToSign || a.About.Items != 250 || a.About.Origin != signing {
		t.Errorf("the window shows %+v", a.About)
	}
	a.Type(canary)
	if progress := w.asked(); progress.Total != 250 {
		t.Errorf("the window counts to %d", progress.Total)
	}
	m := p.answer(id)
	var r protocol.SignResult
	if err := json.Unmarshal(m.Result, &r); err != nil || m.Error != nil || len(r.Failures) != 0 || len(r.Signatures) != 250 {
		t.Fatalf("%+v, %v", m.Error, err)
	}
	for i, s := range r.Signatures {
		verified(t, certificate, digests[i], s.Signature)
	}
	if w.card.PINVerified() {
		t.Error("the PIN stays verified")
	}
	if !strings.Contains(w.journal.String(), `"items":250,"signed":250`) {
		t.Error("the audit log does not say what was signed")
	}
}
