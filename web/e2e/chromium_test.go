//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"

	permissions "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	devtools "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

// chromium is a Chromium with windows on the desk's screen, spoken to by its own
// protocol. It treats the sites of the tests as public ones, though they are on
// this computer (see serve).
type chromium struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// startChromium starts the browser without a window; each tab opens its own.
func (d *desk) startChromium(path string) (browser, error) {
	args := []string{
		"--remote-debugging-port=0", "--user-data-dir=" + filepath.Join(d.dir, "chromium"), "--no-startup-window",
		"--host-resolver-rules=MAP " + listedName + " 127.0.0.1, MAP " + unlistedName + " 127.0.0.1",
		"--window-position=40,30", "--window-size=1000,880", "--enable-logging=stderr",
		"--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-quic", "--disable-gpu", "--disable-dev-shm-usage", "--disable-breakpad",
		"--password-store=basic", "--lang=en-GB", "--disable-features=Translate,MediaRouter",
	}
	if os.Getuid() == 0 {
		args = append(args, "--no-sandbox", "--test-type") // root has no sandbox; no banner about it
	}
	// It reads the authorities of its user (docs/linux/cert_management.md of its source).
	if err := d.trust.install(filepath.Join(d.home(), ".pki", "nssdb")); err != nil {
		return nil, err
	}
	if err := d.give(d.home()); err != nil {
		return nil, err
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
	c := &chromium{ctx: ctx, cancel: func() { cancel(); stop() }}
	if err := chromedp.Do(ctx); err != nil {
		c.cancel()
		return nil, err
	}
	return c, nil
}

func (*chromium) name() string { return "Chromium" }
func (c *chromium) close()     { c.cancel() }

func (c *chromium) newTab(_ context.Context, console io.Writer) (tab, error) {
	// The log of the program leaves such profiles out.
	ctx, cancel := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(func(ev any) {
		switch ev.(type) {
		case *runtime.EventConsoleAPICalled, *runtime.EventExceptionThrown, *log.EventEntryAdded:
			_ = json.NewEncoder(console).Encode(ev)
		}
	}))
	// No time limit: it would close the window.
	return &chromiumTab{ctx, cancel}, chromedp.Do(ctx)
}

type chromiumTab struct {
	ctx    context.Context // with the tab in it
	cancel context.CancelFunc
}

// in runs f in the tab's context, until ctx ends.
func (t *chromiumTab) in(ctx context.Context, action chromedp.Action[chromedp.Void]) error {
	inTab, cancel := context.WithCancel(t.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	return chromedp.Do(inTab, action)
}

func (t *chromiumTab) open(ctx context.Context, url string) error {
	return t.in(ctx, chromedp.Navigate(url))
}

func (t *chromiumTab) click(ctx context.Context, selector string) error {
	return t.in(ctx, chromedp.Click(chromedp.CSS(selector)))
}

func (t *chromiumTab) opened(ctx context.Context) (tab, error) {
	mine := chromedp.FromContext(t.ctx)
	all, err := chromedp.Targets(t.ctx)
	if err != nil {
		return nil, err
	}
	for _, other := range all {
		if other.Type == "page" && other.BrowserContextID == mine.BrowserContextID && other.TargetID != mine.Target.TargetID {
			ctx, cancel := chromedp.NewContext(t.ctx, chromedp.WithTargetID(other.TargetID))
			return &chromiumTab{ctx, cancel}, chromedp.Do(ctx)
		}
	}
	return nil, ctx.Err()
}

func (t *chromiumTab) evaluate(ctx context.Context, expression string, value any) error {
	inTab, cancel := context.WithCancel(t.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	text, err := chromedp.Run(inTab, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}

func (t *chromiumTab) beforeEach(ctx context.Context, script string) error {
	return t.in(ctx, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, devtools.AddScriptToEvaluateOnNewDocument,
			devtools.AddScriptToEvaluateOnNewDocumentParams{Source: "{" + script + "}"})
		return err
	}))
}

func (t *chromiumTab) picture(ctx context.Context) (png []byte, err error) {
	err = t.in(ctx, func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		png, err = chromedp.CaptureScreenshot()(ctx, tab)
		return chromedp.Void{}, err
	})
	return png, err
}

func (t *chromiumTab) close() { t.cancel() }

// loopback is how the browser's question is answered whether a site may reach
// apps on this computer.
type loopback = permissions.PermissionSetting

const (
	allowed   = permissions.PermissionSettingGranted
	denied    = permissions.PermissionSettingDenied
	toBeAsked = permissions.PermissionSettingPrompt
)

// setLoopback answers the question before it is asked; unless it is to be asked.
func (t *chromiumTab) setLoopback(ctx context.Context, origin string, answer loopback) error {
	if answer == toBeAsked {
		return nil // the protocol's "prompt" answers like a no, without a question
	}
	return t.in(ctx, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		of := chromedp.FromContext(t.ctx)
		_, err := cdp.Call(ctx, of.Browser, permissions.SetPermission, permissions.SetPermissionParams{
			Permission: &permissions.PermissionDescriptor{Name: "loopback-network"}, Setting: answer, Origin: origin,
			BrowserContextID: of.BrowserContextID,
		})
		return err
	}))
}
