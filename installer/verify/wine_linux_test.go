package verify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"
)

// wine is a Windows of its own: a prefix of Wine, in which nothing else runs.
type wine struct {
	t      *testing.T
	folder string // of the prefix and of what programs print
	loader string // wine or wine64
	server string
}

// newWine makes a prefix, and skips where no programs for Windows were built.
func newWine(t *testing.T) *wine {
	t.Helper()
	if os.Getenv("CARDEA_WINDOWS") == "" {
		t.Skip("CARDEA_WINDOWS does not say where the programs for Windows are")
	}
	w := &wine{t: t, folder: t.TempDir()}
	w.loader = found(t, "wine64", "/usr/lib/wine/wine64", "wine")
	w.server = found(t, "/usr/lib/wine/wineserver64", "wineserver64", "wineserver")
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(read(t, filepath.Join(w.folder, "output")))
		}
		for _, arg := range []string{"-k", "-w"} { // end all, and wait for it
			cmd := exec.Command(w.server, arg)
			cmd.Env = w.environment()
			_ = cmd.Run() // -k fails where nothing runs any more
		}
	})
	w.does("wineboot", "--init")
	w.does("reg", "add", `HKCU\Software\Wine`, "/v", "Version", "/d", "win10", "/f")
	// Go's programs take randomness from a library that Wine 8 lacks.
	library := w.drive("windows/system32/bcryptprimitives.dll")
	if _, err := os.Stat(library); errors.Is(err, fs.ErrNotExist) {
		output(t, "x86_64-w64-mingw32-gcc", "-shared", "-o", library, "../../agent/supervisor/testdata/wine/bcryptprimitives.c", "-ladvapi32")
	}
	// As every Windows has it: its keys have values, and so stay.
	w.does("reg", "add", `HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application`, "/v", "MaxSize", "/t", "REG_DWORD", "/d", "1", "/f")
	return w
}

func found(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("there is none of %v: run .ci/deps package", names)
	return ""
}

func (w *wine) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.folder, "WINEPREFIX=" + filepath.Join(w.folder, "prefix"),
		"WINEARCH=win64", "WINEDEBUG=-all", "LC_ALL=C.UTF-8",
	}
}

// drive is where a file of drive C is for this process.
func (w *wine) drive(name string) string {
	return filepath.Join(w.folder, "prefix", "drive_c", filepath.FromSlash(name))
}

// run runs a program, and returns what it prints and its exit code. Services
// that it starts have its output open as well, so that is a file and no pipe.
func (w *wine) run(args ...string) (string, int) {
	w.t.Helper()
	out, err := os.Create(filepath.Join(w.folder, "output"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.loader, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = w.environment(), w.folder, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = start(w.t, cmd)()
	if ctx.Err() != nil {
		w.t.Fatalf("%v did not end", args)
	}
	text := read(w.t, out.Name())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return text, exit.ExitCode()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return text, 0
}

// does runs what must go well.
func (w *wine) does(args ...string) string {
	w.t.Helper()
	out, code := w.run(args...)
	if code != 0 {
		w.t.Fatalf("%v ended with %d\n%s", args, code, out)
	}
	return out
}

// msiexec runs the installer in silence. Its log is in the folder.
func (w *wine) msiexec(args ...string) int {
	w.t.Helper()
	_, code := w.run(append([]string{"msiexec"}, append(args, "/qn", "/l*v", `z:`+filepath.Join(w.folder, "msi.log"))...)...)
	return code
}

// await tries again until something holds: Windows tells nobody outside of an
// event.
func (w *wine) await(what string, holds func() error) {
	w.t.Helper()
	began := time.Now()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return
		}
		if time.Since(began) > limit {
			w.t.Fatalf("waited in vain for %s: %v", what, err)
		}
		<-tick.C
	}
}

// values are those of a key of the registry and of all keys below it, by their
// keys, in small letters, and names, as reg writes them to a file.
func (w *wine) values(key string) map[string]string {
	w.t.Helper()
	file := filepath.Join(w.folder, "export.reg")
	w.does("reg", "export", key, "export.reg", "/y")
	raw, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	all := map[string]string{}
	in := ""
	text := strings.ReplaceAll(string(utf16.Decode(units)), "\\\r\n  ", "") // values over several lines
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "[") {
			in = strings.ToLower(strings.Trim(line, "[]")) // one key may be written in several ways
			all[in] = ""
		} else if name, value, ok := strings.Cut(line, "="); ok {
			all[in+` \ `+strings.Trim(name, `"`)] = value
		}
	}
	return all
}

// files are those of drive C.
func (w *wine) files() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(w.drive(""), func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			all[strings.TrimPrefix(path, w.drive("")+"/")] = ""
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// leftBehind compares two lists, and leaves out what is under one of the
// prefixes, whose letters may be of either case.
func leftBehind(before, after map[string]string, but ...string) (differences []string) {
	left := func(name string) bool {
		for _, prefix := range but {
			if strings.HasPrefix(strings.ToLower(name), strings.ToLower(prefix)) {
				return true
			}
		}
		return false
	}
	for name, value := range after {
		if was, there := before[name]; !left(name) && (!there || was != value) {
			differences = append(differences, fmt.Sprintf("left behind or changed: %s = %s", name, value))
		}
	}
	for name := range before {
		if _, there := after[name]; !left(name) && !there {
			differences = append(differences, "taken along: "+name)
		}
	}
	return differences
}
