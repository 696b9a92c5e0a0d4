//go:build e2e

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/prompt"
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
	case <-time.After(30 * time.Second):
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

// answers are what a person answered about sites.
type answers struct {
	mu  sync.Mutex
	all []prompt.Site
}

func (a *answers) Sites() (prompt.Sites, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return prompt.Sites{Counts: true, Answers: slices.Clone(a.all)}, nil
}

func (a *answers) TakeBack(origin string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = slices.DeleteFunc(a.all, func(s prompt.Site) bool { return s.Origin == origin })
	return nil
}

func (a *answers) left() (origins []string) {
	sites, _ := a.Sites()
	for _, s := range sites.Answers {
		origins = append(origins, s.Origin)
	}
	return origins
}

func TestAPersonTakesAnswersBackInTheRealWindowByKeyboard(t *testing.T) {
	for name, c := range map[string]struct {
		title string
		env   []string
	}{
		"sites":       {"^Cardea websites$", nil},
		"sites-welsh": {"^Gwefannau Cardea$", []string{"LANG=cy_GB.UTF-8", "LANGUAGE=cy", "FYNE_THEME=light"}},
	} {
		kept := &answers{}
		for i := range 12 {
			site := fmt.Sprintf("https://ward-%d.hospital.example", i)
			kept.all = append(kept.all, prompt.Site{Origin: site, Readable: site, Allowed: i%2 == 0, At: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)})
		}
		kept.all[1].Origin, kept.all[1].Readable = unlisted, "https://bücher.hospital.example:8443"
		d := newDeskKeeping(t, kept, c.env...)
		item := d.item()
		item.shows(map[bool]string{true: "Websites…", false: "Gwefannau…"}[c.env == nil])
		item.click(map[bool]string{true: "Websites…", false: "Gwefannau…"}[c.env == nil])
		d.eventually("the window is shown", func() bool {
			out, err := d.do("xdotool", "search", "--onlyvisible", "--name", c.title)
			return err == nil && out != ""
		})
		d.drawn(name)
		d.must("xdotool", "key", "Return")
		d.eventually("the first answer is taken back", func() bool { return len(kept.left()) == 11 })
		d.drawn(name + "-taken-back")
		for range 10 {
			d.must("xdotool", "key", "Tab")
		}
		d.drawn(name + "-last")
		d.must("xdotool", "key", "space")
		d.eventually("the last answer is taken back", func() bool {
			return len(kept.left()) == 10 && !slices.Contains(kept.left(), "https://ward-11.hospital.example")
		})
		d.must("xdotool", "key", "Escape")
		d.eventually("the window is hidden", func() bool {
			out, err := d.do("xdotool", "search", "--onlyvisible", "--name", c.title)
			return err != nil || out == ""
		})
	}
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
