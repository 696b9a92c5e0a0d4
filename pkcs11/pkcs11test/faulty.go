//go:build unix

package pkcs11test

import (
	_ "embed" // for the module's source
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

//go:embed testdata/faulty.c
var source string

// Faulty is a module with faults on top of a token's module. The faults are:
//
//   - "F crashes", "F aborts", "F exits", "F hangs", where F is load,
//     C_Initialize, C_GetTokenInfo, C_Login, C_Sign, C_Logout or C_Finalize
//   - in C_Initialize: "prints", "starts threads", "starts a process", "opens
//     sockets" (what came of it is in Notes)
//   - of the token: "tells an old token", "low", "final", "locked", and "keypad",
//     whose person is Key
//   - of the log-in: "prints the PIN", and "login result" with a code
//   - of the signature: "sign result" with a code, "signature length"
//   - "slot count", "certificate length", "hides that a key insists"
type Faulty struct {
	Token
	faults string
}

// built is the folder of the module, built once for a test program.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "faulty")
	if err != nil {
		return "", err
	}
	begun.Store(true)
	file := filepath.Join(folder, "faulty.c")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		return folder, err
	}
	out, err := exec.Command("gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", //nolint:gosec // a folder of ours
		filepath.Join(folder, "faulty.so"), file, "-ldl", "-lpthread").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return folder, err
})

// begun says that built has made its folder.
var begun atomic.Bool

// CleanUp removes the module that was built. TestMain calls it at the end.
func CleanUp() {
	if begun.Load() {
		folder, _ := built()
		_ = os.RemoveAll(folder) // a folder for temporary files
	}
}

// NewFaulty returns a module for a copy of a token, without a fault yet. The test program
// calls CleanUp.
func NewFaulty(t testing.TB, token *Token) *Faulty {
	t.Helper()
	need(t, "gcc")
	folder, err := built()
	if err != nil {
		t.Fatal(err)
	}
	f := &Faulty{Token: *token.Copy(t), faults: t.TempDir()}
	f.Module = filepath.Join(folder, "faulty.so")
	f.Env = append(f.Env, "CARDEA_TEST_MODULE="+token.Module, "CARDEA_TEST_FAULTS="+f.faults)
	return f
}

// Always has the module have a fault until Never.
func (f *Faulty) Always(t testing.TB, fault string, value uint64) {
	t.Helper()
	write(t, filepath.Join(f.faults, fault), fmt.Sprintf("%d 0", value))
}

// At has the module have a fault once, at the n-th occasion.
func (f *Faulty) At(t testing.TB, n int, fault string, value uint64) {
	t.Helper()
	write(t, filepath.Join(f.faults, fault), fmt.Sprintf("%d %d", value, n))
}

// Never ends a fault.
func (f *Faulty) Never(t testing.TB, fault string) {
	t.Helper()
	if err := os.Remove(filepath.Join(f.faults, fault)); err != nil {
		t.Fatal(err)
	}
}

// Key types a PIN on the keypad; an empty one is the key that cancels.
func (f *Faulty) Key(t testing.TB, pin string) {
	t.Helper()
	file := filepath.Join(f.faults, "keyed")
	write(t, file+".new", pin)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// Notes are the functions that were called and what came of faults, in order.
func (f *Faulty) Notes(t testing.TB) (notes []string) {
	t.Helper()
	for _, line := range f.lines(t) {
		_, note, _ := strings.Cut(line, " ")
		notes = append(notes, note)
	}
	return notes
}

// Unused are the processes, by number, that have loaded the module and called
// none of its functions, whether or not they are still there.
func (f *Faulty) Unused(t testing.TB) (pids []int) {
	t.Helper()
	for _, line := range f.lines(t) {
		number, note, _ := strings.Cut(line, " ")
		pid, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		pids = slices.DeleteFunc(pids, func(p int) bool { return p == pid })
		if note == "load" {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (f *Faulty) lines(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.faults, "notes"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// Count is how often a note was made.
func (f *Faulty) Count(t testing.TB, note string) (n int) {
	t.Helper()
	for _, line := range f.Notes(t) {
		if line == note {
			n++
		}
	}
	return n
}
