package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/web/portal/texts"
)

// A look is a way in which people see a page.
type look struct {
	name          string
	width, height int64
	scheme        string
	text          string // the browser's text size, in percent
	forced        bool   // the person chose all colours
}

var looks = []look{
	{"light", 1100, 860, "light", "100%", false},
	{"dark", 1100, 860, "dark", "100%", false},
	{"text-200", 1100, 860, "light", "200%", false},
	{"narrow", 360, 740, "light", "100%", false},
	{"forced", 1100, 860, "dark", "100%", true},
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

// gallery draws every state of every page in each look, and has axe-core judge
// it.
type gallery struct {
	*visit
	t      *testing.T
	person slowPerson
	folder string
	words  texts.Texts
	axe    string // its source
}

// newGallery is a browser on a demo, on the sign-in page in a language.
func newGallery(t *testing.T, language texts.Language) gallery {
	t.Helper()
	needBrowser(t)
	person := slowPerson{answers: make(chan string)}
	g := galleryOf(t, openVisit(t, person), language)
	g.person = person
	return g
}

// galleryOf is a gallery of a browser that is there.
func galleryOf(t *testing.T, v *visit, language texts.Language) gallery {
	t.Helper()
	g := gallery{visit: v, t: t, folder: pictures(t), words: texts.All()[language], axe: readAxe(t)}
	g.see(chromedp.Navigate(g.origin+"/"), shown("#signin"))
	if language != texts.English {
		g.see(click(chromedp.CSS(fmt.Sprintf(`button[value=%q]`, language))), shown(chromedp.CSS(fmt.Sprintf(`html[data-language=%q] #signin`, language))))
	}
	return g
}

// pictures is the folder for them.
func pictures(t *testing.T) string {
	t.Helper()
	folder := cmp.Or(os.Getenv("CARDEA_E2E_OUT"), "../../build/e2e")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	return folder
}

// word is a text of the gallery's language.
func (g gallery) word(key string, values ...any) string {
	g.t.Helper()
	text, err := g.words.T(key, values...)
	if err != nil {
		g.t.Fatal(err)
	}
	return text
}

func click(selector chromedp.CSS) chromedp.Action[chromedp.Void] {
	return again(chromedp.Click(selector))
}

func types(selector chromedp.CSS, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(selector, text)
}

func (g gallery) see(actions ...chromedp.Action[chromedp.Void]) {
	g.t.Helper()
	if err := g.on(g.site, actions...); err != nil {
		g.t.Fatalf("%v%s", err, g.evidence())
	}
}

// state waits for a state of the site's page, draws it and has it judged.
func (g gallery) state(name string, wait ...chromedp.Action[chromedp.Void]) {
	g.t.Helper()
	g.see(wait...)
	for _, l := range looks {
		// Other words may not fit; they change no colour.
		if g.words.Language == texts.English || l.scheme == "light" {
			g.draw(g.site, name, l)
		}
	}
	g.judge(g.site, name)
}

// emulate has the page look as in l.
func (g gallery) emulate(ctx context.Context, l look) {
	g.t.Helper()
	features := []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		{Name: "forced-colors", Value: map[bool]string{true: "active", false: "none"}[l.forced]},
	}
	err := chromedp.Do(ctx,
		chromedp.EmulateViewport(l.width, l.height),
		chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
			return err
		}))
	if err != nil {
		g.t.Fatal(err)
	}
}

// draw keeps a picture of the page in one look. No page may need scrolling
// sideways.
func (g gallery) draw(page context.Context, name string, l look) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(page, stepTime)
	defer cancel()
	g.emulate(ctx, l)
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
	file := fmt.Sprintf("portal-%s-%s-%s.png", g.words.Language, name, l.name)
	if err := os.WriteFile(filepath.Join(g.folder, file), picture, 0o600); err != nil {
		g.t.Fatal(err)
	}
}
