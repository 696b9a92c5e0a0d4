package prompt

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/windows"
)

// staying are goroutines that stay: go-winio has one for all pipes.
var staying = []goleak.Option{goleak.IgnoreAnyFunction("github.com/Microsoft/go-winio.ioCompletionProcessor")}

// socketPath is beside the real one.
func socketPath(t *testing.T) string {
	t.Helper()
	path, err := DefaultPath()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s-test-%d-%s", path, os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))
}

func underWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// passFirst makes a pipe useful under Wine, which gives the first caller an
// instance that nobody serves.
func passFirst(t *testing.T, path string) {
	t.Helper()
	if !underWine() {
		return
	}
	conn, err := dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
