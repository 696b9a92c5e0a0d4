package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
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

// A look is a way in which people see a page.
type look struct {
	name          string
	width, height int64
	scheme        string
	text          string // the browser's text size, in percent
}

var looks = []look{
	{"light", 1100, 860, "light", "100%"},
	{"dark", 1100, 860, "dark", "100%"},
	{"text-200", 1100, 860, "light", "200%"},
	{"narrow", 360, 740, "light", "100%"},
}

// A person with a PIN window in front of them, who answers when told.
type slowPerson struct {
	answers chan string // a PIN; empty closes the window
}

func (p slowPerson) Open(context.Context, signin.About) (signin.Dialog, error) {
	return slowDialog{typing{}, p}, nil
}

type slowDialog struct {
	typing
	person slowPerson
}

func (d slowDialog) AskPIN(ctx context.Context, _ signin.PINQuestion) (signin.PINAnswer, error) {
	select {
	case pin := <-d.person.answers:
		if pin == "" {
			return signin.PINAnswer{}, &signin.Error{Code: signin.CodeCancelled}
		}
		return signin.PINAnswer{PIN: signin.NewPIN([]byte(pin))}, nil
	case <-ctx.Done():
		return signin.PINAnswer{}, context.Cause(ctx)
	}
}

// gallery draws every state of every page in each look.
type gallery struct {
	*visit
	t      *testing.T
	person slowPerson
	folder string
}

// pictures is the folder for them.
func pictures(t *testing.T) string {
	if folder := os.Getenv("CARDEA_E2E_OUT"); folder != "" {
		return folder
	}
	return t.TempDir()
}

// Every state of every page is drawn in each look. No page may need scrolling
// sideways.
func TestEveryPageFitsInEveryLook(t *testing.T) {
	needBrowser(t)
	person := slowPerson{answers: make(chan string)}
	g := gallery{visit: openVisit(t, person), t: t, person: person, folder: pictures(t)}
	g.signInPages()
	g.sessionPages()
	if err := g.on(g.control, chromedp.Navigate(g.origin+"/control"), shown("#remove")); err != nil {
		t.Fatal(err)
	}
	for _, l := range looks {
		g.draw(g.control, "control", l)
	}
	if err := g.complaints.err(); err != nil {
		t.Error(err)
	}
}

// signInPages ends when the person has signed in.
func (g gallery) signInPages() {
	g.t.Helper()
	g.state("signin-no-card", chromedp.Navigate(g.origin+"/"), shown(`#status[data-state="noCard"]`))
	g.state("signin-waits-for-card", click("#signin"), shown(`#progress[data-phase="waitingForCard"]`))
	g.bench.insert(0)
	g.state("signin-waits-for-pin", shown(`#progress[data-phase="waitingForPIN"]`))
	g.person.answers <- "000000"
	g.state("signin-wrong-pin", shown(`#progress[data-phase="wrongPIN"]`), reads("#progress", "2 tries left"))
	g.person.answers <- ""
	g.state("error-pin-wrong", shown(`#error[data-code="pinWrong"]`))
	g.bench.insert(3)
	g.state("error-expired", shown(`#status[data-state="noUsableCertificate"]`), click("#signin"), shown(`#error[data-code="noUsableCertificate"]`))
	g.bench.insert(4)
	g.state("error-blocked", shown(`#status[data-state="pinBlocked"]`), click("#signin"), shown(`#error[data-code="pinBlocked"]`), click("#error summary"))
	g.bench.insert(0)
	g.see(shown(`#status[data-state="ready"]`), click("#signin"), shown(`#progress[data-phase="waitingForPIN"]`))
	g.person.answers <- "123456"
}

func (g gallery) sessionPages() {
	g.t.Helper()
	g.state("home", shown(open), chromedp.SendKeys(chromedp.CSS("#note"), note))
	g.bench.remove()
	g.state("locked", shown(covered))
	g.bench.insert(1)
	g.state("locked-another-card", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Poll[bool](`document.getElementById("locked-text").textContent.includes("another card")`)(ctx, target)
		return err
	}))
	g.bench.insert(0)
	g.state("locked-waits-for-pin", shown(`body[data-standing="returned"] #locked-progress[data-phase="waitingForPIN"]`))
	g.person.answers <- ""
	g.state("locked-cancelled", shown(`#locked-error[data-code="cancelled"]`))
	g.see(click("#resume"), shown(`#locked-progress[data-phase="waitingForPIN"]`))
	g.person.answers <- "123456"
	g.see(shown(open), holds("#note", note))
	g.state("notes", click("#notes"), shown(`body[data-standing="present"] a#notes[aria-current]`))
	g.state("signed-out", click("#signout"), shown("#signin"))
}

func click(selector chromedp.CSS) chromedp.Action[chromedp.Void] { return chromedp.Click(selector) }

func (g gallery) see(actions ...chromedp.Action[chromedp.Void]) {
	g.t.Helper()
	if err := g.on(g.site, actions...); err != nil {
		g.t.Fatalf("%v%s", err, g.evidence())
	}
}

// state waits for a state of the site's page and draws it.
func (g gallery) state(name string, wait ...chromedp.Action[chromedp.Void]) {
	g.t.Helper()
	g.see(wait...)
	for _, l := range looks {
		g.draw(g.site, name, l)
	}
}

// draw keeps a picture of the page in one look.
func (g gallery) draw(page context.Context, name string, l look) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(page, stepTime)
	defer cancel()
	err := chromedp.Do(ctx,
		chromedp.EmulateViewport(l.width, l.height),
		chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
			})
			return err
		}))
	if err != nil {
		g.t.Fatal(err)
	}
	// What a larger text in the browser's settings does: every rem grows.
	tooWide, err := chromedp.Run(ctx, chromedp.Evaluate[float64](fmt.Sprintf(
		`document.documentElement.style.fontSize = %q === "100%%" ? "" : "225%%";
		Math.max(document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll("dialog[open]")].map((d) => d.scrollWidth - d.clientWidth))`, l.text)))
	if err != nil {
		g.t.Fatal(err)
	}
	if tooWide > 0 {
		g.t.Errorf("%s, %s: the page is %v pixels wider than the window", name, l.name, tooWide)
	}
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(g.folder, fmt.Sprintf("portal-%s-%s.png", name, l.name)), picture, 0o600); err != nil {
		g.t.Fatal(err)
	}
}
