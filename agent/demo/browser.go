package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
)

// errNoBrowser says what to do about a missing browser.
var errNoBrowser = errors.New("no Chromium, Chrome or Edge was found: install one, or name it in CARDEA_BROWSER")

// browserNames are looked for in this order.
var browserNames = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "chrome", "msedge",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	"/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
	`C:\Program Files\Google\Chrome\Application\chrome.exe`,
	`C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe`,
}

func findBrowser() (string, error) {
	if named := os.Getenv("CARDEA_BROWSER"); named != "" {
		return exec.LookPath(named)
	}
	for _, name := range browserNames {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoBrowser
}

// openBrowser starts a headless browser of its own, with an empty profile. The
// returned context is its first page; stop ends the browser and removes the
// profile.
func openBrowser(ctx context.Context) (page context.Context, stop func(), err error) {
	path, err := findBrowser()
	if err != nil {
		return nil, nil, err
	}
	// The profile is a new temporary folder, which chromedp removes.
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.WindowSize(1100, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("force-prefers-reduced-motion", true), // pictures of a still page
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses root otherwise
	}
	allocator, end := chromedp.NewExecAllocator(ctx, options...)
	page, closePage := chromedp.NewContext(allocator)
	stop = func() { closePage(); end() }
	if err := chromedp.Do(page); err != nil {
		stop()
		return nil, nil, fmt.Errorf("the browser %s does not start: %w", path, err)
	}
	return page, stop, nil
}

// complaints are what the console of a page says against it: uncaught errors,
// and what its security policy or the network refused.
type complaints struct {
	mu   sync.Mutex
	said []string
	done chan struct{}
}

// listen collects the complaints about a page from now on, until it is closed.
func (c *complaints) listen(page context.Context) {
	messages := chromedp.Console(page)
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		for message, err := range messages {
			if err != nil {
				return
			}
			if message.IsException() || message.Type == chromedp.ConsoleError {
				c.mu.Lock()
				c.said = append(c.said, message.String())
				c.mu.Unlock()
			}
		}
	}()
}

// err is nil when there was no complaint.
func (c *complaints) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.said) == 0 {
		return nil
	}
	return errors.New("the browser complains: " + strings.Join(c.said, "; "))
}
