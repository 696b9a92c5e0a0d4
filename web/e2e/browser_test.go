//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The names of the sites: one that the policy lists, and one that it does not.
const (
	listedName   = "portal.example"
	unlistedName = "other.example"
)

// browser is a browser with windows on the desk's screen.
type browser interface {
	name() string
	// newTab opens a window with a new profile: no cookies, no permissions. What
	// the page says in its console is written down.
	newTab(ctx context.Context, console io.Writer) (tab, error)
	close()
}

// tab is the one tab of a window. Its methods return early when ctx ends.
type tab interface {
	// open shows a page, and returns when it is loaded.
	open(ctx context.Context, url string) error
	// click clicks on the first element that a CSS selector names, as a mouse
	// does. errNotThere: it cannot be seen now.
	click(ctx context.Context, selector string) error
	// evaluate stores what an expression, or the promise that it is, comes to: a
	// string, a number or a boolean.
	evaluate(ctx context.Context, expression string, value any) error
	// beforeEach has a script run in each page to come, before the page's own.
	beforeEach(ctx context.Context, script string) error
	// picture is what the page looks like, as a PNG.
	picture(ctx context.Context) ([]byte, error)
	// opened is a tab that a link of this one opened; nil while there is none.
	opened(ctx context.Context) (tab, error)
	// close closes the tab, and a window with its last one, as its person does.
	close()
}

var errNotThere = errors.New("the element cannot be seen")

// eachBrowser runs a scene in every browser.
func eachBrowser(t *testing.T, scene func(t *testing.T, b browser)) {
	t.Helper()
	for _, b := range open(t).browsers {
		t.Run(b.name(), func(t *testing.T) { scene(t, b) })
	}
}

// inChromium runs a scene that is about that browser alone.
func inChromium(t *testing.T, scene func(t *testing.T, b browser)) {
	t.Helper()
	for _, b := range open(t).browsers {
		if c, is := b.(*chromium); is {
			scene(t, c)
		}
	}
}

// blank is the address of an empty page.
const blank = "about:blank"

// page is what a person sees of a site.
type page struct {
	t *testing.T
	tab
}

func (d *desk) newPage(t *testing.T, b browser) *page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	opened, err := b.newTab(ctx, d.log("console"))
	if err != nil {
		t.Fatalf("%s opens no window: %v", b.name(), err)
	}
	t.Cleanup(opened.close)
	return &page{t, opened}
}

// do does something in the page.
func (p *page) do(what string, action func(ctx context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := action(ctx); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.show())
	}
}

func (p *page) goTo(url string) {
	p.t.Helper()
	p.do("open "+url, func(ctx context.Context) error { return p.open(ctx, url) })
	if url != blank {
		until(p.t, url+" is at work", func() bool { return get[bool](p, settled) }, p.show)
	}
}

// press clicks on the element with an id when it is there.
func (p *page) press(id string) {
	p.t.Helper()
	p.pressOn("#" + id)
}

// pressOn is press for what a CSS selector names. It waits until that stands
// still: a line of text that comes above it would have the click miss.
func (p *page) pressOn(selector string) {
	p.t.Helper()
	until(p.t, selector+" can be clicked on", func() bool {
		if !get[bool](p, fmt.Sprintf(still, selector)) {
			return false
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		err := p.click(ctx, selector)
		if err != nil && !errors.Is(err, errNotThere) {
			p.t.Fatalf("click on %s: %v\n%s", selector, err, p.show())
		}
		return err == nil
	}, p.show)
}

// still comes to whether an element stays where it is for two frames.
const still = `(async () => {
	const e = document.querySelector(%q);
	const place = () => JSON.stringify(e?.getBoundingClientRect());
	const before = place();
	await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
	return Boolean(e) && before === place();
})()`

// follow clicks on a link that opens a tab of its own, and returns that.
func (p *page) follow(selector string) *page {
	p.t.Helper()
	p.pressOn(selector)
	var found tab
	until(p.t, "a tab opens", func() bool {
		p.do("look for the tab", func(ctx context.Context) (err error) {
			found, err = p.opened(ctx)
			return err
		})
		return found != nil
	}, p.show)
	return &page{p.t, found}
}

// get evaluates an expression in the page. It is the zero value while the page
// changes for another, and when it throws.
func get[T string | bool | int](p *page, expression string) (value T) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := p.evaluate(ctx, expression, &value); err != nil && ctx.Err() != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// text is what a person reads in the element with an id: nothing while it is
// hidden.
func (p *page) text(id string) string {
	p.t.Helper()
	return get[string](p, fmt.Sprintf(`(document.getElementById(%q)?.checkVisibility() && document.getElementById(%[1]q).innerText) || ""`, id))
}

// reads waits until an element's text contains another.
func (p *page) reads(id, text string) {
	p.t.Helper()
	until(p.t, "#"+id+" reads "+text, func() bool { return strings.Contains(p.text(id), text) }, p.show)
}

// fails waits for the error with a code, and for what it says to the person.
func (p *page) fails(code, text string) {
	p.t.Helper()
	p.failsIn("error", code, text)
}

// failsIn is fails for an element of another name.
func (p *page) failsIn(id, code, text string) {
	p.t.Helper()
	until(p.t, "the error "+code, func() bool {
		return p.text(id) != "" && get[string](p, fmt.Sprintf(`document.getElementById(%q).dataset.code ?? ""`, id)) == code
	}, p.show)
	p.reads(id, text)
}

// at waits until the page with a path is shown, its scripts have begun their
// work, and it is known whether it is covered: who clicks sooner may find a
// button that does nothing yet.
func (p *page) at(path string) {
	p.t.Helper()
	until(p.t, "the page "+path, func() bool {
		return get[bool](p, fmt.Sprintf(`location.pathname === %q && (%s)`, path, settled))
	}, p.show)
}

const settled = `document.readyState === "complete" && document.body.dataset.standing !== "unknown" &&
	Promise.all([...document.scripts].filter((s) => s.type === "module").map((s) => import(s.src))).then(() => true)`

// stands waits until a page behind the sign-in stands in a way: present when it
// can be used, otherwise why it is covered.
func (p *page) stands(how string) {
	p.t.Helper()
	until(p.t, "the page stands "+how, func() bool {
		return get[bool](p, fmt.Sprintf(`document.body?.dataset.standing === %q && document.getElementById("locked").open === (%[1]q !== "present")`, how))
	}, p.show)
}

// show is what the page says, for the message of a failing test.
func (p *page) show() string {
	return get[string](p, `location.href + "\n" + document.body?.innerText`)
}

// picturePage keeps a picture of the page.
func (d *desk) picturePage(p *page, name string) {
	p.t.Helper()
	p.do("take a picture", func(ctx context.Context) error {
		png, err := p.picture(ctx)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(d.out, name+"-page.png"), png, 0o600)
	})
}
