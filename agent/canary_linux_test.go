//go:build linux && cgo

package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestNoPINIsInAnythingThatIsWritten(t *testing.T) {
	s := newStation(t)
	done := s.authenticate()
	s.asked().Type(s.wrong)
	s.asked().Type(s.right)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"report": {"support-report", "--with-names", "--policy", s.path("home/policy.toml"), s.path("report.zip")},
		"doctor": {"doctor", "--json", "--policy", s.path("home/policy.toml")},
	} {
		out, err := s.program(args...).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != exitUnwell) {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		if err := os.WriteFile(s.path(name+".out"), out, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.abortWithAPINInMemory()
	s.checkWritten()
	if err := s.search(s.right, s.wrong); err != nil {
		t.Error(err)
	}
	s.checkThatCoresLandHere()
}

// checkThatCoresLandHere has a program crash that does not keep its memory to
// itself: its core file must be found, or the agent's would not have been.
func (s *station) checkThatCoresLandHere() {
	s.t.Helper()
	if cores := s.cores(); len(cores) > 0 {
		s.t.Errorf("the agent left %v", cores)
	}
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil || bytes.ContainsAny(pattern, "|/") {
		s.t.Logf("core files go elsewhere here: %s", pattern)
		return
	}
	cmd := exec.Command("bash", "-c", `ulimit -c unlimited; SECRET="$0"; kill -ABRT $$; echo "$SECRET"`, s.right)
	cmd.Dir = s.path("run")
	_ = cmd.Run()
	if cores := s.cores(); len(cores) != 1 {
		s.t.Errorf("a crash leaves %v here", cores)
	}
	if err := s.search(s.right); err == nil {
		s.t.Error("the search does not find what is in a core file")
	}
}

func (s *station) cores() []string {
	s.t.Helper()
	cores, err := filepath.Glob(s.path("run/core*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return cores
}

// abortWithAPINInMemory has the agent crash while the card checks a PIN: it is in
// the agent's memory then, and a core file would have it.
func (s *station) abortWithAPINInMemory() {
	s.t.Helper()
	s.hold.Store(true)
	_ = s.authenticate()
	s.asked().Type(s.right)
	select {
	case <-s.verifying:
	case <-time.After(30 * time.Second):
		s.t.Fatal("the card was never given the PIN")
	}
	if err := s.agent.Process.Signal(syscall.SIGABRT); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGABRT {
			s.t.Fatalf("the agent ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		s.t.Fatal("the agent did not crash")
	}
}

// heldCard is the card's end of a connection, and can keep the PIN's command.
type heldCard struct {
	net.Conn
	*station
}

// Read reads, but holds a VERIFY with a PIN in it: 00 20 00 80 08.
func (c heldCard) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bytes.Contains(p[:n], []byte{0x00, 0x20, 0x00, 0x80, 0x08}) && c.hold.CompareAndSwap(true, false) {
		close(c.verifying)
		if c.goOn == nil {
			return c.Conn.Read(p) // nothing more comes until it is pulled
		}
		<-c.goOn
	}
	return n, err
}

// checkWritten checks that all was written that a PIN is searched for in, and
// that a core file would be found here.
func (s *station) checkWritten() {
	s.t.Helper()
	for file, want := range map[string]string{
		"stderr":                             "SIGABRT",
		"home/.local/state/cardea/agent.log": "msg=listening",
		"home/.local/state/cardea/audit.log": `"msg":"pin","origin":"https://portal.example","outcome":"pinWrong"`,
		"report.zip":                         "PK",
		"report.out":                         "recent.log",
		"doctor.out":                         "cardKnown",
	} {
		text, err := os.ReadFile(s.path(file))
		if err != nil || !strings.Contains(string(text), want) {
			s.t.Errorf("%s lacks %s: %v\n%s", file, want, err, text)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, want := range []string{"CARDEA_WHAT=pin\n", "CARDEA_OUTCOME=pinWrong\n", "CARDEA_TRIES_LEFT=2\n", "CARDEA_WHAT=authenticate\n"} {
		if !strings.Contains(s.journal.String(), want) {
			s.t.Errorf("the journal lacks %s:\n%s", want, &s.journal)
		}
	}
}

// search says where a secret is in what was written.
func (s *station) search(secrets ...string) error {
	var found error
	look := func(where string, text []byte) {
		for _, secret := range secrets {
			for form, b := range map[string]string{
				"itself": secret, "in hexadecimal": hex.EncodeToString([]byte(secret)),
				"in base64": base64.RawStdEncoding.EncodeToString([]byte(secret)),
			} {
				if bytes.Contains(bytes.ToLower(text), bytes.ToLower([]byte(b))) {
					found = errors.Join(found, fmt.Errorf("a PIN is in %s, %s", where, form))
				}
			}
		}
	}
	s.mu.Lock()
	look("the journal", s.journal.Bytes())
	s.mu.Unlock()
	err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		look(path, text)
		if filepath.Ext(path) == ".zip" {
			return unzip(path, look)
		}
		return nil
	})
	return errors.Join(found, err)
}

func TestASecretIsFoundWhereverItIsWritten(t *testing.T) {
	const secret = "90817263"
	for name, write := range map[string]func(s *station){
		"a file":      func(s *station) { _ = os.WriteFile(s.path("a.log"), []byte("typed "+secret), 0o600) },
		"hexadecimal": func(s *station) { _ = os.WriteFile(s.path("a.log"), fmt.Appendf(nil, "%X", secret), 0o600) },
		"base64": func(s *station) {
			_ = os.WriteFile(s.path("a.log"), []byte(base64.StdEncoding.EncodeToString([]byte(secret))), 0o600)
		},
		"the journal": func(s *station) { s.journal.WriteString("MESSAGE=" + secret) },
		"a zip": func(s *station) {
			var b bytes.Buffer
			archive := zip.NewWriter(&b)
			w, _ := archive.Create("agent.log")
			_, _ = w.Write(bytes.Repeat([]byte(secret), 100))
			_ = archive.Close()
			_ = os.WriteFile(s.path("report.zip"), b.Bytes(), 0o600)
		},
	} {
		s := &station{t: t, dir: t.TempDir()}
		if err := s.search(secret); err != nil {
			t.Fatal(err)
		}
		if write(s); s.search(secret) == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

func unzip(path string, look func(string, []byte)) error {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		look(path+" "+f.Name, text)
	}
	return nil
}
