//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

// The names of the sites: one that the policy lists, and one that it does not.
const (
	listedName   = "portal.example"
	unlistedName = "other.example"
)

// windows is a browser with windows on the desk's screen.
type windows struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// startBrowser starts the browser without a window; each test opens its own.
func (d *desk) startBrowser(path string) (*windows, error) {
	args := []string{
		"--remote-debugging-port=0", "--user-data-dir=" + filepath.Join(d.dir, "profile"), "--no-startup-window",
		"--host-resolver-rules=MAP " + listedName + " 127.0.0.1, MAP " + unlistedName + " 127.0.0.1",
		"--window-position=40,30", "--window-size=1000,880", "--enable-logging=stderr",
		"--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-quic", "--disable-gpu", "--disable-dev-shm-usage", "--disable-breakpad",
		"--password-store=basic", "--lang=en-GB", "--disable-features=Translate,MediaRouter",
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox", "--test-type") // root has no sandbox; no banner about it
	}
	p, err := d.run(path, args...)
	if err != nil {
		return nil, err
	}
	line, err := p.wrote("DevTools listening on ws://")
	if err != nil {
		return nil, err
	}
	_, address, _ := strings.Cut(line, " on ")
	allocated, stop := remote.NewAllocator(context.Background(), strings.TrimSpace(address), remote.NoModifyURL)
	ctx, cancel := chromedp.NewContext(allocated)
	w := &windows{ctx: ctx, cancel: func() { cancel(); stop() }}
	if err := chromedp.Do(ctx); err != nil {
		w.cancel()
		return nil, err
	}
	return w, nil
}

// page is one tab in a window of its own.
type page struct {
	t     *testing.T
	ctx   context.Context
	close context.CancelFunc
}

// newPage opens a window with a new profile: no cookies, no permissions.
func (d *desk) newPage(t *testing.T) *page {
	t.Helper()
	// The log of the program leaves such profiles out.
	console := d.log("console")
	ctx, cancel := chromedp.NewContext(d.browser.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(func(ev any) {
		switch ev.(type) {
		case *runtime.EventConsoleAPICalled, *runtime.EventExceptionThrown, *log.EventEntryAdded:
			_ = json.NewEncoder(console).Encode(ev)
		}
	}))
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx, close: cancel}
	if err := chromedp.Do(ctx); err != nil { // no time limit: it would close the window
		t.Fatal("the browser opens no window: ", err)
	}
	return p
}

// setLoopback answers the browser's question whether an origin may reach apps on
// this computer, before it is asked; unless it is to be asked.
func (p *page) setLoopback(origin string, answer browser.PermissionSetting) {
	p.t.Helper()
	if answer == browser.PermissionSettingPrompt {
		return // the protocol's "prompt" answers like a no, without a question
	}
	p.do("set the permission", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, chromedp.FromContext(p.ctx).Browser, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: "loopback-network"}, Setting: answer, Origin: origin,
			BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
		})
		return err
	}))
}

// do does something in the page.
func (p *page) do(what string, action chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	if err := chromedp.Do(ctx, action); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

func (p *page) goTo(url string) {
	p.t.Helper()
	p.do("open "+url, chromedp.Navigate(url))
}

// click clicks on the element with an id, as a mouse does.
func (p *page) click(id string) {
	p.t.Helper()
	p.do("click on "+id, chromedp.Click(chromedp.ID(id)))
}

// get evaluates an expression in the page. It is the zero value while the page
// changes for another.
func get[T any](p *page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil && (ctx.Err() != nil || errors.Is(err, chromedp.ErrTargetDetached)) {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// text is what a person reads in the element with an id: nothing while it is
// hidden.
func (p *page) text(id string) string {
	p.t.Helper()
	return get[string](p, `(document.getElementById("`+id+`")?.checkVisibility() && document.getElementById("`+id+`").innerText) || ""`)
}

// reads waits until an element's text contains another.
func (p *page) reads(id, text string) {
	p.t.Helper()
	until(p.t, "#"+id+" reads "+text, func() bool { return strings.Contains(p.text(id), text) }, p.show)
}

// fails waits for the error with a code, and for what it says to the person.
func (p *page) fails(code, text string) {
	p.t.Helper()
	until(p.t, "the error "+code, func() bool {
		return p.text("error") != "" && get[string](p, `document.getElementById("error").dataset.code ?? ""`) == code
	}, p.show)
	p.reads("error", text)
}

// at waits until the page with a path is shown.
func (p *page) at(path string) {
	p.t.Helper()
	until(p.t, "the page "+path, func() bool {
		return get[bool](p, `location.pathname === "`+path+`" && document.readyState === "complete"`)
	}, p.show)
}

// stands waits until a page behind the sign-in stands in a way: present when it
// can be used, otherwise why it is covered.
func (p *page) stands(how string) {
	p.t.Helper()
	until(p.t, "the page stands "+how, func() bool {
		return get[bool](p, `document.body?.dataset.standing === "`+how+`" && document.getElementById("locked").open === ("`+how+`" !== "present")`)
	}, p.show)
}

// show is what the page says, for the message of a failing test.
func (p *page) show() string {
	return get[string](p, `location.href + "\n" + document.body?.innerText`)
}

// picturePage keeps a picture of the page.
func (d *desk) picturePage(p *page, name string) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(d.out, name+"-page.png"), png, 0o600)
	}
	if err != nil {
		p.t.Error(err)
	}
}
