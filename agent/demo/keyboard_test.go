package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cardea-agent/cardea/agent/signin"
)

// reachable marks everything on the page that a mouse can use, and returns how
// much that is.
const reachable = `(() => {
	const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
		.filter((e) => e.checkVisibility({visibilityProperty: true}) && !e.closest("[inert]"));
	all.forEach((e, i) => { e.dataset.reach = i; });
	document.activeElement.blur();
	return all.length;
})()`

// focused is what has the focus, and whether that can be seen.
const focused = `(() => {
	const e = document.activeElement;
	const drawn = getComputedStyle(e).opacity === "0" ? e.labels[0] : e; // a field that nobody sees has a label that stands in for it
	const style = getComputedStyle(drawn), box = drawn.getBoundingClientRect();
	return JSON.stringify({
		reach: e.dataset.reach ?? "",
		what: e.outerHTML.slice(0, 120),
		seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.top >= 0 && box.top < innerHeight,
	});
})()`

type focus struct {
	Reach, What string
	Seen        bool
}

func (w *ward) focus() (f focus) {
	w.t.Helper()
	text, err := chromedp.Run(w.visit.site, chromedp.Evaluate[string](focused))
	if err == nil {
		err = json.Unmarshal([]byte(text), &f)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// tabsThrough presses Tab until all that a mouse can use was reached, in the
// order of the page.
func (w *ward) tabsThrough(name string) {
	w.t.Helper()
	count, err := chromedp.Run(w.visit.site, chromedp.Evaluate[int](reachable))
	if err != nil || count < 2 {
		w.t.Fatalf("%s: %d to use, %v", name, count, err)
	}
	var order []string
	for range count + 5 { // the window's own frame may have the focus in between
		w.see(chromedp.KeyEvent(kb.Tab))
		f := w.focus()
		if f.Reach == "" || slices.Contains(order, f.Reach) {
			continue
		}
		order = append(order, f.Reach)
		if !f.Seen {
			w.t.Errorf("%s: nobody sees that this has the focus: %s", name, f.What)
		}
	}
	var want []string
	for i := range count {
		want = append(want, fmt.Sprint(i))
	}
	if first := slices.Index(order, "0"); first > 0 { // it began where the focus was
		order = slices.Concat(order[first:], order[:first])
	}
	if !slices.Equal(order, want) {
		w.t.Errorf("%s: Tab comes to %v, want all of %d in their order", name, order, count)
	}
}

func TestEveryPageIsUsedWithTheKeyboardAlone(t *testing.T) {
	w := newWard(t)
	w.startAgent(w.allowed())
	for path, selector := range map[string]chromedp.CSS{"/": "#signin", "/?then=/register": "#registers", "/help": ".problems", "/help/agent/pinBlocked": "#happened"} {
		if path == "/help" {
			selector = "#main"
		}
		w.see(chromedp.Navigate(w.origin+path), shown(selector))
		w.tabsThrough(path)
	}
	w.signInAs(1)
	w.signs("#prescription") // so that there is something on the page of documents
	for _, p := range halfFilled {
		w.see(chromedp.Navigate(w.origin+p.path), shown(present))
		if p.open != "" {
			w.see(click(p.open))
		}
		w.tabsThrough(p.path)
	}
	w.bench.remove()
	w.see(shown(covered))
	w.tabsThrough("the lock")
}

// signs signs a document of the site's.
func (w *ward) signs(box chromedp.CSS) {
	w.t.Helper()
	w.see(chromedp.Navigate(w.origin+"/documents"), shown(present), click(box), click("#sign"))
	for _, purpose := range []signin.Purpose{signin.ToShowCertificate, signin.ToSign} {
		if err := w.askedTo(purpose); err != nil {
			w.t.Fatalf("%v%s", err, w.evidence())
		}
	}
	w.see(shown("#kept li"))
}

// From the sign-in page to a registered card, and out of a locked page, no
// mouse is used.
func TestTheKeyboardAloneRegistersACardAndUnlocks(t *testing.T) {
	w := newWard(t)
	w.startAgent(w.allowed())
	w.see(chromedp.Navigate(w.origin+"/"), shown("#signin"))
	w.tabTo("to-register")
	w.see(chromedp.KeyEvent(kb.Enter), shown("#registers"))
	w.tabTo("email")
	w.see(chromedp.KeyEvent(people[0].email), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(demoPassword), chromedp.KeyEvent(kb.Enter), shown("#choose"), shown(found))
	w.tabTo("name")
	w.see(chromedp.KeyEvent(kb.Enter), shown("#register-card"), shown(found))
	w.bench.insert(spare)
	w.tabTo("register-card")
	w.see(chromedp.KeyEvent(kb.Enter))
	if err := w.askedTo(signin.ToSignIn); err != nil {
		t.Fatal(err)
	}
	w.see(shown(`body[data-standing="present"] #to-home`))
	w.tabTo("to-home")
	w.see(chromedp.KeyEvent(kb.Enter), shown(open))
	w.tabTo("note")
	w.see(chromedp.KeyEvent(note))
	w.bench.remove()
	w.see(shown(covered))
	if has := w.focusedID(); has != "resume" {
		t.Errorf("on the lock #%s has the focus", has)
	}
	w.bench.insert(spare)
	if err := w.askedTo(signin.ToResume); err != nil {
		t.Fatal(err)
	}
	w.see(shown(open), holds("#note", note))
	if has := w.focusedID(); has != "note" {
		t.Errorf("after the lock #%s has the focus, not what had it before", has)
	}
}

func (w *ward) focusedID() string {
	w.t.Helper()
	return focusedID(w.t, w.visit.site)
}

// focusedID is what has the focus on a page.
func focusedID(t *testing.T, page context.Context) string {
	t.Helper()
	id, err := chromedp.Run(page, chromedp.Evaluate[string]("document.activeElement.id"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}
