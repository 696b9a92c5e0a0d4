package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cardea-agent/cardea/agent/signin"
)

// needBrowser skips the test where no browser was asked for or none is there.
func needBrowser(t *testing.T) {
	t.Helper()
	if os.Getenv("CARDEA_E2E") == "" {
		t.Skip("this test starts a browser: set CARDEA_E2E=1, or run make e2e")
	}
	if _, err := findBrowser(); err != nil {
		if os.Getenv("CARDEA_E2E_REQUIRED") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func TestTheDemoChecksItself(t *testing.T) {
	needBrowser(t)
	var out, errs strings.Builder
	err := execute(t.Context(), []string{"--check"}, &out, &errs)
	if err != nil || !strings.Contains(out.String(), "The demo works.") {
		t.Errorf("%v\n%s%s", err, out.String(), errs.String())
	}
}

func TestACheckThatFailsSaysWhichStep(t *testing.T) {
	needBrowser(t)
	t.Setenv("TMPDIR", t.TempDir())
	v := openVisit(t, nil)
	v.bench.unplug()
	err := v.on(v.site, chromedp.Navigate(v.origin+"/"), shown(`#status[data-state="noReader"]`))
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(os.TempDir(), "cardea-demo-check-*.png"))
	if err != nil || len(found) > 0 {
		t.Fatalf("%v, %v", found, err)
	}
	said := v.evidence()
	found, err = filepath.Glob(filepath.Join(os.TempDir(), "cardea-demo-check-*.png"))
	if err != nil || len(found) != 1 || !strings.Contains(said, found[0]) || !strings.Contains(said, "No card reader is connected") {
		t.Errorf("it keeps %v, %v and says %s", found, err, said)
	}
}

func TestWithoutABrowserTheCheckSaysWhatIsMissing(t *testing.T) {
	t.Setenv("CARDEA_BROWSER", filepath.Join(t.TempDir(), "no-such-browser"))
	var out strings.Builder
	if err := execute(t.Context(), []string{"--check"}, &out, io.Discard); err == nil || !strings.Contains(err.Error(), "no-such-browser") {
		t.Errorf("got %v", err)
	}
	t.Setenv("CARDEA_BROWSER", "")
	t.Setenv("PATH", t.TempDir())
	if _, err := findBrowser(); err != nil && !errors.Is(err, errNoBrowser) {
		t.Errorf("got %v", err)
	}
}

// openVisit opens a browser on a demo. prompter is a typist when nil.
func openVisit(t *testing.T, prompter signin.Prompter) *visit {
	t.Helper()
	v, err := newVisit(t.Context(), config{
		prompter: prompter, log: slog.New(slog.DiscardHandler), trace: io.Discard, notice: io.Discard, folder: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.close(); err != nil {
			t.Error(err)
		}
	})
	return v
}
