package logfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cardea-agent/cardea/agent/logfile"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, f *logfile.File, line string) {
	t.Helper()
	if n, err := f.Write([]byte(line)); err != nil || n != len(line) {
		t.Fatalf("%d bytes, %v", n, err)
	}
}

func TestALongFileIsPutAsideAndTheOldestGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "agent.log")
	f, err := logfile.Open(path, logfile.Limits{Bytes: 10, Files: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		write(t, f, fmt.Sprintf("line %d\n", i))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"": "line 3\n", ".1": "line 2\n", ".2": "line 1\n", ".3": ""} {
		if got := read(t, path+name); got != want {
			t.Errorf("%s holds %q, want %q", path+name, got, want)
		}
	}
}

func TestAFileIsItsOwnersAloneAndIsWrittenOnAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "agent.log")
	for _, line := range []string{"one\n", "two\n"} {
		f, err := logfile.Open(path, logfile.Limits{Bytes: 100, Files: 1})
		if err != nil {
			t.Fatal(err)
		}
		write(t, f, line)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, path); got != "one\ntwo\n" {
		t.Errorf("the file holds %q", got)
	}
	for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v; want %v", p, info.Mode(), err, want)
		}
	}
}

func TestALineLongerThanTheLimitIsWrittenWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	f, err := logfile.Open(path, logfile.Limits{Bytes: 10, Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 100) + "\n"
	write(t, f, long)
	if got := read(t, path); got != long {
		t.Errorf("the file holds %q", got)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAFileThatCannotBePutAsideIsWrittenOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	// A folder that is not empty takes no file's name.
	if err := os.MkdirAll(filepath.Join(path+".1", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := logfile.Open(path, logfile.Limits{Bytes: 10, Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, "line 1\n")
	write(t, f, "line 2\n")
	if got := read(t, path); got != "line 1\nline 2\n" {
		t.Errorf("the file holds %q", got)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNoLineIsWrittenAfterTheEnd(t *testing.T) {
	f, err := logfile.Open(filepath.Join(t.TempDir(), "agent.log"), logfile.Limits{Bytes: 10, Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("late\n")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestLinesOfSeveralWritersStayWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.log")
	f, err := logfile.Open(path, logfile.Limits{Bytes: 200, Files: 50})
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 50 {
				_, _ = f.Write([]byte("0123456789\n"))
			}
		})
	}
	writers.Wait()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range files {
		for line := range strings.Lines(read(t, name)) {
			lines++
			if line != "0123456789\n" {
				t.Errorf("%s has the line %q", name, line)
			}
		}
	}
	if lines != 200 {
		t.Errorf("%d lines, want 200", lines)
	}
}
