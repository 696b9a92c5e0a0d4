package supportreport_test

import (
	"archive/zip"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/supportreport"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

var anna = supportreport.Person{Home: "/home/anna", Names: []string{"Anna Example-Jones", "anna", "x"}}

func TestSecretsAreTakenOutOfEveryText(t *testing.T) {
	certificate := random(900)
	for name, secret := range map[string]string{
		"nonce":                 base64.StdEncoding.EncodeToString(random(32)),
		"ES256 signature":       base64.StdEncoding.EncodeToString(random(64)),
		"base64url":             base64.RawURLEncoding.EncodeToString(random(48)),
		"certificate":           base64.StdEncoding.EncodeToString(certificate),
		"hex certificate":       hex.EncodeToString(certificate),
		"certificate in octets": strings.TrimSpace(fmt.Sprintf("% X", certificate)),
		"PEM":                   string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
		"PEM without its end":   string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))[:700],
		"session":               rand.Text(),
		"holder":                "Bethan Example 7",
	} {
		text := `{"a": "` + secret + `"}`
		if name == "holder" {
			text = `subject="CN=` + secret + `,O=Example"`
		}
		got := supportreport.NewRedactor(supportreport.Person{}).Redact(text)
		for i := 0; i+12 <= len(secret); i++ {
			if strings.Contains(got, secret[i:i+12]) && !strings.HasPrefix(secret[i:], "-----") {
				t.Fatalf("%s: %q is left in %q", name, secret[i:i+12], got)
			}
		}
	}
}

func TestWhatAServiceDeskNeedsIsLeft(t *testing.T) {
	for _, text := range []string{
		"OpenSC at /usr/lib/x86_64-linux-gnu/opensc-pkcs11.so belongs to the administrators",
		"3B 8B 80 01 80 F9 A0 00 00 03 08 00 00 10 00 C8",
		"pcsc: connect \"SCM Microsystems Inc. SCR 3310 [CCID Interface] (53311411704384) 00 00\": SCARD_E_SHARING_VIOLATION (8010000B)",
		"2026-11-28T18:10:05.123Z level=WARN msg=\"page refused\" origin=\"https://signin.a-rather-long-name-of-a-trust.example.org\"",
		"incident=ABCDEFGHIJ",
		"chromium: /etc/opt/a-browser/policies/managed/with_a_long/name allows every listed site",
	} {
		if got := supportreport.NewRedactor(anna).Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestNamesAreTakenOutUnlessAskedFor(t *testing.T) {
	text := "file=/home/anna/.local/state/cardea/agent.log user=anna,anna Anna Example-Jones annabel x ANNA"
	want := "file=~/.local/state/cardea/agent.log user=[user],[user] [user] annabel x [user]"
	if got := supportreport.NewRedactor(anna).Redact(text); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := supportreport.NewRedactor(supportreport.Person{}).Redact(text); got != text {
		t.Errorf("names that were asked for became %q", got)
	}
}

func TestAReportIsItsOwnersAloneAndReplacesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.zip")
	secret := base64.StdEncoding.EncodeToString(random(32))
	parts := []supportreport.Part{
		{Name: "agent.log", About: "the log", Text: "nonce=" + secret + "\n"},
		{Name: "doctor.txt", About: "the findings", Text: "all well\n"},
	}
	entries, err := supportreport.Write(path, time.Now(), supportreport.NewRedactor(anna), parts...)
	if err != nil || len(entries) != 2 || entries[1] != (supportreport.Entry{Name: "doctor.txt", About: "the findings", Bytes: 9}) {
		t.Fatalf("%+v, %v", entries, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for i, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || f.Name != parts[i].Name || len(text) != entries[i].Bytes || strings.Contains(string(text), secret) {
			t.Errorf("%s: %q, %v", f.Name, text, err)
		}
	}
	before, _ := os.ReadFile(path)
	if _, err := supportreport.Write(path, time.Now(), supportreport.NewRedactor(anna), parts...); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second report: %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the first report was changed")
	}
}

func TestTheTailOfALogBeginsWithALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	if err := os.WriteFile(path, []byte("first\nsecond\nthird\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int64]string{100: "first\nsecond\nthird\n", 15: "second\nthird\n", 8: "third\n"} {
		if got := supportreport.Tail(path, most); got != want {
			t.Errorf("%d bytes: %q, want %q", most, got, want)
		}
	}
	if got := supportreport.Tail(path+"x", 8); !strings.HasPrefix(got, "cannot be read") {
		t.Errorf("got %q", got)
	}
}
