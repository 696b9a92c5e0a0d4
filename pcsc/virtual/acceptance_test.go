//go:build linux

package virtual_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/go-piv/piv-go/v2/piv"
)

// daemon is the private pcscd of this test process, nil where none is installed.
// libpcsclite reads the name of its socket once, so TestMain sets it.
var daemon *pcscdtest.Daemon

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	d, err := pcscdtest.Start("Virtual PIV reader")
	switch {
	case err == nil:
		daemon = d
		name, value, _ := strings.Cut(d.Env(), "=")
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	case !errors.Is(err, pcscdtest.ErrMissing) || required():
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if daemon != nil {
		if err := daemon.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

func required() bool { return os.Getenv("CARDEA_E2E_REQUIRED") == "1" }

// inPCSCD puts a card into the private pcscd and waits until PC/SC has it. With
// the card of the test before it must not be mistaken: the reader is empty first.
func inPCSCD(t *testing.T, card *virtual.Card) (reader string) {
	t.Helper()
	reader, _ = insertInPCSCD(t, card)
	return reader
}

// insertInPCSCD is inPCSCD for a test that takes the card out itself.
func insertInPCSCD(t *testing.T, card *virtual.Card) (reader string, slot virtual.Slot) {
	t.Helper()
	if daemon == nil {
		t.Skip("pcscd or vsmartcard-vpcd is not installed")
	}
	reader = daemon.Readers[0].Name
	slot = virtual.NewVPCD(daemon.Readers[0].Addr)
	awaitCard(t, reader, false)
	slot.Insert(card)
	t.Cleanup(slot.Remove)
	awaitCard(t, reader, true)
	return reader, slot
}

// awaitCard waits until the reader has a card, or none, in the eyes of pcscd.
func awaitCard(t *testing.T, reader string, present bool) {
	t.Helper()
	c, err := pcsc.System{}.Establish()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Release() }()
	states := []pcsc.ReaderState{{Reader: reader}}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if err := c.GetStatusChange(states, time.Second); err != nil && !errors.Is(err, pcsc.Timeout) {
			t.Fatalf("%v\n%s", err, daemon.Log())
		}
		if (states[0].Event&pcsc.StatePresent != 0) == present {
			return
		}
		states[0].Current = states[0].Event &^ pcsc.StateChanged
	}
	t.Fatalf("card present in %q: never %v\n%s", reader, present, daemon.Log())
}

// tool runs a program of the system against the private pcscd.
func tool(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if required() {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}

func mustRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := tool(t, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func wantContains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}

func TestOpenSCToolKnowsThePIVCard(t *testing.T) {
	reader := inPCSCD(t, virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example")))
	wantContains(t, mustRun(t, "opensc-tool", "-r", reader, "-a"), "3b:8b:80:01:80:f9:a0:00:00:03:08:00:00:10:00:c8")
	wantContains(t, mustRun(t, "opensc-tool", "-r", reader, "-n"), "Personal Identity Verification Card")
	wantContains(t, mustRun(t, "piv-tool", "-r", reader, "-n"), "Personal Identity Verification Card")
	serial := mustRun(t, "piv-tool", "-r", reader, "--serial")
	wantContains(t, serial, " ") // a dump of 8 or 16 bytes
}

func TestPKCS15ToolListsKeysAndCertificates(t *testing.T) {
	reader := inPCSCD(t, virtual.NewCard(virtual.NewCA("Test CA"), virtual.RSA2048("Robin Example").With(virtual.Compressed)))
	wantContains(t, mustRun(t, "pkcs15-tool", "--reader", reader, "--dump"),
		"Certificate for PIV Authentication", "Certificate for Digital Signature", "Certificate for Key Management",
		"Certificate for Card Authentication", "PIV AUTH key", "Private RSA Key")
}

// openSCModule is OpenSC's PKCS#11 module, as Debian installs it.
const openSCModule = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"

func TestPKCS11ToolSignsWithEveryKindOfKey(t *testing.T) {
	for _, test := range []struct {
		profile   virtual.Profile
		mechanism string
	}{
		{virtual.RSA2048("Robin Example"), "SHA256-RSA-PKCS"},
		{virtual.P256("Robin Example"), "ECDSA-SHA256"},
		{virtual.P384("Robin Example"), "ECDSA-SHA384"},
		{virtual.Field("555000000001", "Robin Example"), "SHA256-RSA-PKCS"},
	} {
		t.Run(test.mechanism+" "+test.profile.Keys[0].Subject.CommonName, func(t *testing.T) {
			card := virtual.NewCard(virtual.NewCA("Test CA"), test.profile)
			inPCSCD(t, card)
			sign(t, card, virtual.Authentication, "01", test.mechanism)
			sign(t, card, virtual.Signature, "02", test.mechanism)
		})
	}
}

// sign lets pkcs11-tool sign a file with the key that OpenSC numbers id, and
// checks the signature.
func sign(t *testing.T, card *virtual.Card, slot virtual.KeySlot, id, mechanism string) {
	t.Helper()
	message := []byte("a sentence that only this test signs")
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(in, message, 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "pkcs11-tool", "--module", openSCModule, "--login", "--pin", virtual.DefaultPIN,
		"--sign", "--id", id, "-m", mechanism, "-i", in, "-o", out)
	signature, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifySignature(card.Certificate(slot).PublicKey, message, signature); err != nil {
		t.Errorf("key %X: %v", slot, err)
	}
}

// verifySignature checks PKCS #1 v1.5 with SHA-256, or ECDSA as r and s with the
// hash of the curve's size.
func verifySignature(public crypto.PublicKey, message, signature []byte) error {
	switch public := public.(type) {
	case *rsa.PublicKey:
		digest := sha256.Sum256(message)
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature)
	case *ecdsa.PublicKey:
		h := hash.Hash(sha256.New())
		if public.Curve.Params().BitSize == 384 {
			h = sha512.New384()
		}
		h.Write(message)
		var value struct{ R, S *big.Int }
		half := len(signature) / 2
		value.R, value.S = new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		der, err := asn1.Marshal(value)
		if err != nil {
			return err
		}
		if !ecdsa.VerifyASN1(public, h.Sum(nil), der) {
			return errors.New("the ECDSA signature is not of this message and key")
		}
		return nil
	}
	return fmt.Errorf("no check for %T", public)
}

func TestYubicoPIVToolManagesThePIN(t *testing.T) {
	card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))
	inPCSCD(t, card)
	yubico := func(args ...string) (string, error) {
		return tool(t, "yubico-piv-tool", append([]string{"-r", "Virtual"}, args...)...)
	}
	want := func(ok bool, part string, args ...string) {
		t.Helper()
		out, err := yubico(args...)
		if ok != (err == nil) {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		wantContains(t, out, part)
	}
	want(true, "PIN tries left:\t3", "-a", "status")
	want(true, "Robin Example", "-a", "status")
	want(true, "Successfully verified PIN", "-a", "verify-pin", "-P", virtual.DefaultPIN)
	want(false, "2 tries left", "-a", "verify-pin", "-P", "654321")
	want(true, "Successfully changed the pin code", "-a", "change-pin", "-P", virtual.DefaultPIN, "-N", "24682468")
	want(true, "Successfully verified PIN", "-a", "verify-pin", "-P", "24682468")
	for range 3 {
		_, _ = yubico("-a", "verify-pin", "-P", "654321")
	}
	if pin, _ := card.TriesLeft(); pin != 0 {
		t.Fatalf("%d tries left after three wrong PINs", pin)
	}
	want(false, "blocked", "-a", "verify-pin", "-P", "24682468")
	want(true, "Successfully unblocked the pin code", "-a", "unblock-pin", "-P", virtual.DefaultPUK, "-N", "135791")
	want(true, "Successfully verified PIN", "-a", "verify-pin", "-P", "135791")
	want(true, "Successfully changed the puk code", "-a", "change-puk", "-P", virtual.DefaultPUK, "-N", "87654321")
}

func TestPIVGoUsesTheCard(t *testing.T) {
	for _, profile := range []virtual.Profile{virtual.RSA2048("Robin Example"), virtual.P256("Robin Example"), virtual.P384("Robin Example")} {
		card := virtual.NewCard(virtual.NewCA("Test CA"), profile)
		t.Run(card.Certificate(virtual.Authentication).PublicKeyAlgorithm.String(), func(t *testing.T) {
			usePIVGo(t, card, inPCSCD(t, card))
		})
	}
}

func usePIVGo(t *testing.T, card *virtual.Card, reader string) {
	key, err := piv.Open(reader)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	certificate, err := key.Certificate(piv.SlotAuthentication)
	if err != nil {
		t.Fatal(err)
	}
	if !certificate.Equal(card.Certificate(virtual.Authentication)) {
		t.Error("another certificate than the card's")
	}
	private, err := key.PrivateKey(piv.SlotAuthentication, certificate.PublicKey,
		piv.KeyAuth{PIN: virtual.DefaultPIN, PINPolicy: piv.PINPolicyOnce})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("a sentence that only this test signs"))
	signature, err := private.(crypto.Signer).Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	switch public := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		err = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature)
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(public, digest[:], signature) {
			err = errors.New("wrong signature")
		}
	}
	if err != nil {
		t.Error(err)
	}
	managePINByPIVGo(t, key)
}

func managePINByPIVGo(t *testing.T, key *piv.YubiKey) {
	t.Helper()
	var wrong piv.AuthErr
	if err := key.VerifyPIN("654321"); !errors.As(err, &wrong) || wrong.Retries != 2 {
		t.Errorf("a wrong PIN: %v", err)
	}
	if left, err := key.Retries(); err != nil || left != 2 {
		t.Errorf("%d tries left, %v", left, err)
	}
	if err := key.SetPIN(virtual.DefaultPIN, "24682468"); err != nil {
		t.Error(err)
	}
	if err := key.Unblock(virtual.DefaultPUK, "135791"); err != nil {
		t.Error(err)
	}
	if err := key.VerifyPIN("135791"); err != nil {
		t.Error(err)
	}
}

func TestACardGoesInAndOutOfPCSCD(t *testing.T) {
	card := virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example"))
	reader := inPCSCD(t, card)
	if err := daemon.Restart(); err != nil {
		t.Fatal(err)
	}
	awaitCard(t, reader, true) // dialled again by itself
	c, err := pcsc.System{}.Establish()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Release() }()
	h, err := c.Connect(reader, pcsc.ShareShared, pcsc.ProtocolAny)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, h, empty, "63C3")
	card.Script(virtual.RemoveAt(1))
	if answer, err := h.Transmit(empty); err == nil && len(answer) > 0 {
		t.Errorf("a pulled card answered %X", answer)
	}
	awaitCard(t, reader, false)
}
