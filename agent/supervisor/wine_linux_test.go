package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/logs/logtest"
)

// limit is far above what anything under Wine takes.
const limit = time.Minute

// wine is a Windows of the test's own.
type wine struct {
	t       *testing.T
	program string
	prefix  string
	folder  string // of the programs, as this system names it
	said    *os.File
	log     *logtest.Log
}

// programFiles is that folder as Wine names it.
const programFiles = `C:\Cardea\`

// newWine starts one. Its services say what they do where all its programs write
// their errors.
func newWine(t *testing.T) *wine {
	t.Helper()
	if os.Getenv("CARDEA_WINE") != "1" {
		t.Skip("runs when CARDEA_WINE=1 says so, as make test-wine does")
	}
	w := &wine{t: t, prefix: filepath.Join(t.TempDir(), "wine"), log: &logtest.Log{Limit: limit}}
	for _, name := range []string{"wine64", "wine", "/usr/lib/wine/wine64"} {
		if path, err := exec.LookPath(name); err == nil {
			w.program = path
			break
		}
	}
	if w.program == "" {
		t.Fatal("there is no wine64: run .ci/deps wine")
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.said = write
	heard := make(chan struct{})
	go func() { defer close(heard); _, _ = io.Copy(w.log, read); _ = read.Close() }()
	t.Cleanup(func() {
		_ = w.server("-k") // it is an error when nothing runs
		_ = w.server("-w")
		_ = write.Close()
		<-heard // or some program of this Wine is left
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	w.run("wineboot", "--init")
	w.folder = filepath.Join(w.prefix, "drive_c", "Cardea")
	if err := os.Mkdir(w.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	w.host(nil, "x86_64-w64-mingw32-gcc", "-shared", "-o", filepath.Join(w.prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll"),
		"testdata/wine/bcryptprimitives.c", "-ladvapi32")
	w.run("reg", "add", `HKCU\Software\Wine`, "/v", "Version", "/d", "win10", "/f")
	// Its services are to stay when no other program runs.
	if err := errors.Join(w.server("-k"), w.server("-w"), w.server("-p")); err != nil {
		t.Fatal(err)
	}
	return w
}

// server tells this Wine's server something.
func (w *wine) server(what string) error {
	for _, name := range []string{"wineserver", "/usr/lib/wine/wineserver64", "/usr/lib/wine/wineserver"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		cmd := exec.Command(path, what)
		cmd.Env = w.env()
		return cmd.Run()
	}
	return exec.ErrNotFound
}

func (w *wine) env() []string {
	return append(os.Environ(), "WINEPREFIX="+w.prefix, "WINEDEBUG=-all,trace+eventlog", "WINEDLLOVERRIDES=mscoree=;mshtml=", "DISPLAY=")
}

func (w *wine) command(args ...string) (*exec.Cmd, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	cmd := exec.CommandContext(ctx, w.program, args...)
	cmd.Env, cmd.Stderr = w.env(), w.said
	return cmd, cancel
}

// run runs a Windows program to its end, and returns what it prints.
func (w *wine) run(args ...string) string {
	w.t.Helper()
	out, err := w.try(args...)
	if err != nil {
		w.t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return out
}

func (w *wine) try(args ...string) (string, error) {
	// What Wine starts beside a program keeps its output open, so that is a file.
	out, err := os.CreateTemp(w.t.TempDir(), "out")
	if err != nil {
		return "", err
	}
	defer out.Close()
	cmd, cancel := w.command(args...)
	defer cancel()
	cmd.Stdout = out
	err = cmd.Run()
	text, readErr := os.ReadFile(out.Name())
	return string(text), errors.Join(err, readErr)
}

// host runs a program of this system.
func (w *wine) host(env []string, name string, args ...string) {
	w.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// build builds a package for this Wine.
func (w *wine) build(name, of string, env ...string) {
	w.t.Helper()
	if len(env) == 0 {
		env = []string{"CGO_ENABLED=0"}
	}
	w.host(append(env, "GOOS=windows", "GOARCH=amd64"), "go", "build", "-o", filepath.Join(w.folder, name), of)
}

func (w *wine) copy(from, to string) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.folder, from))
	if err == nil {
		err = os.WriteFile(filepath.Join(w.folder, to), text, 0o755)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// standIn is one that the supervisor started.
type standIn struct {
	conn                     net.Conn
	name, pid, home, command string
	gone                     chan struct{} // closed when it has ended
}

// order has it end with a code.
func (s standIn) order(t *testing.T, code string) {
	t.Helper()
	if _, err := io.WriteString(s.conn, code+"\n"); err != nil {
		t.Fatal(err)
	}
	s.awaitEnd(t)
}

func (s standIn) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-s.gone:
	case <-time.After(limit):
		t.Fatalf("%s runs still", s.name)
	}
}

// arrivals are the stand-ins that come.
type arrivals chan standIn

// receive listens for them, and says where in the folder that they lie in.
func receive(t *testing.T, folder string) arrivals {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := os.WriteFile(filepath.Join(folder, "test.txt"), []byte(l.Addr().String()), 0o644); err != nil {
		t.Fatal(err)
	}
	came := make(arrivals, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			lines := bufio.NewReader(conn)
			first, err := lines.ReadString('\n')
			parts := strings.Split(strings.TrimSuffix(first, "\n"), "\t")
			if err != nil || len(parts) != 4 {
				_ = conn.Close()
				continue
			}
			s := standIn{conn: conn, name: parts[0], pid: parts[1], home: parts[2], command: parts[3], gone: make(chan struct{})}
			go func() { defer close(s.gone); _, _ = lines.ReadByte(); _ = conn.Close() }()
			came <- s
		}
	}()
	return came
}

// next are the next stand-ins, by name.
func (a arrivals) next(t *testing.T, names ...string) map[string]standIn {
	t.Helper()
	found, late := map[string]standIn{}, time.After(limit)
	for range names {
		select {
		case s := <-a:
			if _, twice := found[s.name]; twice || !slices.Contains(names, s.name) {
				t.Fatalf("%s came, and was not awaited", s.name)
			}
			found[s.name] = s
		case <-late:
			t.Fatalf("of %q only %d came", names, len(found))
		}
	}
	return found
}

// none fails if a stand-in came that nobody awaited.
func (a arrivals) none(t *testing.T) {
	t.Helper()
	select {
	case s := <-a:
		t.Errorf("%s was started, and runs already or shall not", s.name)
	default:
	}
}
