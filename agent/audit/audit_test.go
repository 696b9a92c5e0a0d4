package audit

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/systemlog"
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
	if err := os.WriteFile(path, make([]byte, limits.Bytes), 0o600); err != nil {
		t.Fatal(err)
	}
	log, file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	log.Failed = func(_ signin.Event, err error) { t.Error(err) }
	log.Record(signin.Event{What: "authenticate"})
	if info, err := os.Stat(path); err != nil || info.Size() == 0 || info.Size() > 1000 {
		t.Errorf("the log has %d bytes, %v, want a line", info.Size(), err)
	}
	if info, err := os.Stat(path + ".1"); err != nil || info.Size() != limits.Bytes {
		t.Errorf("the one put aside: %v, %v", info, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

// system keeps what the system's log is given.
type system struct {
	records []systemlog.Record
	err     error
}

func (s *system) Write(r systemlog.Record) error {
	s.records = append(s.records, r)
	return s.err
}

func TestEachLineGoesToTheSystemsLogAsItIs(t *testing.T) {
	var file bytes.Buffer
	log, journal := New(&file), &system{}
	log.System = journal
	log.Record(signin.Event{What: signin.WhatPIN, Origin: "https://a.example", Outcome: "pinWrong", TriesLeft: 2})
	log.Record(signin.Event{What: signin.WhatRefuse, Outcome: "originRefused", Origin: "https://b.example", Reason: "not listed", Peer: "1001"})
	if len(journal.records) != 2 {
		t.Fatalf("got %+v", journal.records)
	}
	if got, want := journal.records[0].Message+"\n"+journal.records[1].Message+"\n", file.String(); got != want {
		t.Errorf("the system's log has %q, the file %q", got, want)
	}
	if want := []systemlog.Field{{Name: "what", Value: "pin"}, {Name: "origin", Value: "https://a.example"}, {Name: "outcome", Value: "pinWrong"}, {Name: "triesLeft", Value: "2"}}; !slices.Equal(journal.records[0].Fields, want) {
		t.Errorf("the fields are %+v", journal.records[0].Fields)
	}
}

func TestALineThatTheSystemsLogDoesNotTakeIsInTheFileAllTheSame(t *testing.T) {
	var file bytes.Buffer
	log := New(&file)
	log.System = &system{err: systemlog.ErrNone}
	var failed error
	log.Failed = func(_ signin.Event, err error) { failed = err }
	log.Record(signin.Event{What: "authenticate", Outcome: "ok"})
	if !errors.Is(failed, systemlog.ErrNone) || !strings.Contains(file.String(), `"outcome":"ok"`) {
		t.Errorf("heard %v, the file has %q", failed, &file)
	}
}

func TestEveryFieldThatIsWrittenIsNamed(t *testing.T) {
	certificate := &x509.Certificate{Raw: []byte("der"), SerialNumber: big.NewInt(1)}
	var file bytes.Buffer
	log := New(&file)
	log.Record(signin.Event{
		What: signin.WhatPIN, Origin: "o", Certificate: certificate, Outcome: "pinWrong", Items: 2, Signed: 1,
		TriesLeft: 1, Right: "sign", Reason: "r", Peer: "p",
	})
	var line map[string]any
	if err := json.Unmarshal(file.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	var written []string
	for name, value := range line {
		group, ok := value.(map[string]any)
		if !ok {
			written = append(written, name)
		}
		for inner := range group {
			written = append(written, name+"."+inner)
		}
	}
	var named []string
	for _, f := range Fields {
		named = append(named, f.Name)
	}
	slices.Sort(written)
	slices.Sort(named)
	if !slices.Equal(written, named) {
		t.Errorf("written are %v, named %v", written, named)
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
