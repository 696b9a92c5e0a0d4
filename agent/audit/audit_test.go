package audit

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
)

func TestEachDecisionIsOneLineThatNamesOriginCertificateAndOutcome(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "audit.log")
	log, file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	certificate := &x509.Certificate{
		Raw: []byte("der"), SerialNumber: big.NewInt(0xabc),
		Subject: pkix.Name{CommonName: "555000000001"}, Issuer: pkix.Name{CommonName: "Test CA"},
	}
	log.Record(signin.Event{What: "authenticate", Origin: "https://a.example", Certificate: certificate, Outcome: "ok"})
	log.Record(signin.Event{What: "resume", Origin: "https://b.example\n{}", Outcome: "noCard"})
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %d lines, want 2:\n%s", len(lines), text)
	}
	var first, second struct {
		Time, Msg, Origin, Outcome string
		Certificate                struct{ Subject, Issuer, Serial, Sha256 string }
	}
	for i, v := range []any{&first, &second} {
		if err := json.Unmarshal([]byte(lines[i]), v); err != nil {
			t.Fatal(err)
		}
	}
	if first.Msg != "authenticate" || first.Origin != "https://a.example" || first.Outcome != "ok" ||
		first.Certificate.Subject != "CN=555000000001" || first.Certificate.Serial != "abc" || len(first.Certificate.Sha256) != 64 || first.Time == "" {
		t.Errorf("the line lacks something: %s", lines[0])
	}
	if second.Origin != "https://b.example\n{}" || second.Outcome != "noCard" || second.Certificate.Serial != "" {
		t.Errorf("the line is wrong: %s", lines[1])
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the log has mode %v: others could read it", info.Mode())
	}
}

func TestALogThatBecomesLongIsPutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, make([]byte, keptBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	log, file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	log.Failed = func(_ signin.Event, err error) { t.Error(err) }
	for _, size := range []int64{keptBytes, 0, 0} {
		log.Record(signin.Event{What: "authenticate"})
		info, err := os.Stat(path)
		if err != nil || info.Size() <= size || info.Size() > size+1000 {
			t.Errorf("the log has %d bytes, %v, want a little more than %d", info.Size(), err, size)
		}
	}
	if info, err := os.Stat(path + ".old"); err != nil || info.Size() <= keptBytes {
		t.Errorf("the one put aside: %v, %v", info, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

func TestALineThatCannotBeWrittenIsTold(t *testing.T) {
	log, file, err := Open(filepath.Join(t.TempDir(), "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	var lost []string
	log.Failed = func(e signin.Event, err error) { lost = append(lost, e.Outcome+": "+err.Error()) }
	log.Record(signin.Event{What: "authenticate", Outcome: "ok"})
	if len(lost) != 1 || !strings.HasPrefix(lost[0], "ok: ") {
		t.Errorf("heard of %q", lost)
	}
}
