//go:build e2e

package main

import (
	"context"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

const unlisted = "https://xn--bcher-kva.hospital.example:8443"

// verdict is what the agent hears about a site.
type verdict struct {
	allowed bool
	err     error
}

// asksAbout asks about a site, and returns when keys count.
func (d *desk) asksAbout(site, readable string) chan verdict {
	d.t.Helper()
	before := d.keysCount()
	done := make(chan verdict, 1)
	go func() {
		allowed, err := d.server.AskOrigin(d.t.Context(), site, readable)
		done <- verdict{allowed, err}
	}()
	d.eventually("the window is shown", d.windowVisible)
	d.eventually("keys count", func() bool { return d.keysCount() > before })
	return done
}

func (d *desk) said(done chan verdict, allowed bool) {
	d.t.Helper()
	select {
	case v := <-done:
		if v.allowed != allowed || v.err != nil {
			d.t.Errorf("the agent hears %v, %v", v.allowed, v.err)
		}
	case <-time.After(10 * time.Second):
		d.t.Fatal("no answer")
	}
	d.eventually("the window is hidden", func() bool { return !d.windowVisible() })
}

func TestAPersonIsAskedAboutASiteInTheRealWindow(t *testing.T) {
	d := newDesk(t)
	done := d.asksAbout(unlisted, "https://bücher.hospital.example:8443")
	d.drawn("origin")
	d.must("xdotool", "key", "Return")
	d.said(done, false)

	done = d.asksAbout(unlisted, unlisted)
	d.must("xdotool", "key", "shift+Tab")
	d.drawn("origin-allow")
	d.must("xdotool", "key", "space")
	d.said(done, true)

	done = d.asksAbout(unlisted, unlisted)
	d.must("xdotool", "key", "Escape")
	d.said(done, false)
}

func TestAPINTakesTheRealWindowFromAQuestionAboutASite(t *testing.T) {
	d := newDesk(t)
	done := d.asksAbout(unlisted, unlisted)
	dialog := d.open(about)
	before := d.keysCount()
	a := d.ask(dialog, signin.PINQuestion{TriesLeft: 3})
	if v := <-done; v.allowed || signin.CodeOf(v.err) != signin.CodeBusy {
		t.Errorf("the question about a site ended with %v, %v", v.allowed, v.err)
	}
	d.eventually("keys count", func() bool { return d.keysCount() > before })
	d.must("xdotool", "type", typedPIN)
	d.must("xdotool", "key", "Return")
	if pin, _ := d.pin(a); pin != typedPIN {
		t.Errorf("PIN %q", pin)
	}
}

func TestTheQuestionAboutASiteInWelshAndOnALightScreen(t *testing.T) {
	long := "https://very-long-department-name.outpatients.administration.northern-region.login-portal.hospital-trust-of-somewhere.example:8443"
	for name, env := range map[string][]string{
		"origin-welsh": {"LANG=cy_GB.UTF-8", "LANGUAGE=cy"}, "origin-light": {"FYNE_THEME=light"},
	} {
		d := newDesk(t, env...)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = d.server.AskOrigin(ctx, long, long)
		}()
		d.eventually("the window is shown", d.windowVisible)
		d.eventually("keys count", func() bool { return d.keysCount() == 1 })
		d.drawn(name)
		cancel()
		<-ended
		d.eventually("the window is hidden", func() bool { return !d.windowVisible() })
	}
}
