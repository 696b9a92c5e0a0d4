//go:build e2e

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

const typedPIN = "73920461"

// settle is how long a slow machine may take to draw.
const settle = 400 * time.Millisecond

var about = signin.About{Origin: "https://login.hospital.example", Purpose: signin.ToSignIn,
	Holder: "Alex Morgan", Reader: "Alcor Link AK9563 00 00", Lang: "en"}

func (d *desk) open(a signin.About) signin.Dialog {
	d.t.Helper()
	dialog, err := d.server.Open(d.t.Context(), a)
	if err != nil {
		d.t.Fatalf("%v\n%s", err, d.log.String())
	}
	d.t.Cleanup(dialog.Close)
	return dialog
}

func (d *desk) show(dialog signin.Dialog, q signin.PINQuestion) asking {
	d.t.Helper()
	before := d.keysCount()
	a := d.ask(dialog, q)
	d.eventually("the PIN window is shown", d.windowVisible)
	d.eventually("keys count", func() bool { return d.keysCount() > before })
	return a
}

// keysCount is how often the tray logged that keys count.
func (d *desk) keysCount() int { return strings.Count(d.log.String(), "keys count") }

// drawn gives the program and the X server time to draw, which nobody reports.
func (d *desk) drawn(screenshot string) {
	d.t.Helper()
	time.Sleep(settle)
	d.screenshot(screenshot)
}

func TestAPersonTypesAPINIntoTheRealWindow(t *testing.T) {
	d := newDesk(t)
	dialog := d.open(about)
	a := d.ask(dialog, signin.PINQuestion{TriesLeft: 3})
	d.eventually("the PIN window is shown", d.windowVisible)
	d.must("xdotool", "type", "--delay", "0", "99")
	if d.keysCount() != 0 {
		t.Skip("this machine is too slow to type within half a second")
	}
	d.eventually("keys count", func() bool { return d.keysCount() == 1 })
	d.drawn("pin-keys-too-early")
	d.must("xdotool", "type", "7392")
	d.drawn("pin-normal")
	d.must("xdotool", "type", "0461")
	d.must("xdotool", "key", "Return")
	if pin, _ := d.pin(a); pin != typedPIN {
		t.Errorf("PIN %q: keys of the first half second count", pin)
	}
	d.drawn("pin-checking")

	a = d.show(dialog, signin.PINQuestion{TriesLeft: 2, Wrong: true})
	d.drawn("pin-wrong")
	d.must("xdotool", "type", typedPIN)
	d.must("xdotool", "key", "KP_Enter")
	d.pin(a)

	a = d.show(dialog, signin.PINQuestion{TriesLeft: 1, Wrong: true, LastTry: true})
	d.must("xdotool", "type", typedPIN)
	d.must("xdotool", "key", "Return")
	d.drawn("pin-last-try")
	select {
	case <-a.answer:
		t.Fatal("the last try was spent without an extra yes")
	default:
	}
	d.must("xdotool", "key", "shift+Tab")
	d.must("xdotool", "key", "space")
	d.must("xdotool", "key", "Tab")
	d.must("xdotool", "key", "Return")
	if pin, yes := d.pin(a); pin != typedPIN || !yes {
		t.Errorf("PIN %q, yes %v", pin, yes)
	}
	dialog.Close()
	d.eventually("the window is hidden", func() bool { return !d.windowVisible() })
	if strings.Contains(d.log.String(), typedPIN) {
		t.Error("the PIN is in a log")
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", d.tray.Process.Pid))
	if err != nil || !regexp.MustCompile(`Max core file size +0 +0`).Match(limits) {
		t.Errorf("core dumps are on (%v): %s", err, limits)
	}
	t.Logf("RSS of the tray: %d MiB", d.rss())
	for line := range strings.SplitSeq(d.log.String(), "\n") {
		if strings.Contains(line, "window shown") {
			t.Log(line)
		}
	}
}

func TestEscapeIsNo(t *testing.T) {
	d := newDesk(t)
	dialog := d.open(about)
	a := d.show(dialog, signin.PINQuestion{TriesLeft: 3})
	d.must("xdotool", "key", "Escape")
	select {
	case err := <-a.err:
		if signin.CodeOf(err) != signin.CodeCancelled {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no answer")
	}
	dialog.Close()
	d.eventually("the window is hidden", func() bool { return !d.windowVisible() })
}

func TestTheWindowIsBackSoonForTheNextQuestion(t *testing.T) {
	d := newDesk(t)
	for range 4 {
		dialog := d.open(about)
		began := time.Now()
		a := d.ask(dialog, signin.PINQuestion{TriesLeft: 3})
		d.eventually("the PIN window is shown", d.windowVisible)
		t.Logf("on the screen after %v, as seen by polling", time.Since(began).Round(time.Millisecond))
		dialog.Close()
		<-a.err
		d.eventually("the window is hidden", func() bool { return !d.windowVisible() })
	}
	for line := range strings.SplitSeq(d.log.String(), "\n") {
		if strings.Contains(line, "window shown") {
			t.Log(line)
		}
	}
}

func TestScreenshotsOfTheWindow(t *testing.T) {
	long := about
	long.Origin = "https://very-long-department-name.outpatients.administration.northern-region.login-portal.hospital-trust-of-somewhere.example:8443"
	long.Holder = "Wolfeschlegelsteinhausenbergerdorff, Hubert Blaine (Consultant Anaesthetist)"
	welshLast := about
	welshLast.Lang = "cy"
	welsh := about
	welsh.Lang, welsh.Holder, welsh.Purpose = "cy", "Siân Évans", signin.ToResume
	for _, shot := range []struct {
		name  string
		about signin.About
		env   []string
	}{
		{"pin-long-origin", long, nil},
		{"pin-welsh", welsh, nil},
		{"pin-large", about, []string{"FYNE_SCALE=2"}},
		{"pin-large-last-try", about, []string{"FYNE_SCALE=2"}},
		{"pin-welsh-last-try", welshLast, nil},
		{"pin-dark", about, []string{"FYNE_THEME=dark"}},
	} {
		t.Run(shot.name, func(t *testing.T) {
			d := newDesk(t, append([]string{"FYNE_THEME=light"}, shot.env...)...)
			dialog := d.open(shot.about)
			q := signin.PINQuestion{TriesLeft: 2, Wrong: shot.name == "pin-dark"}
			if strings.HasSuffix(shot.name, "last-try") {
				q = signin.PINQuestion{TriesLeft: 1, Wrong: true, LastTry: true}
			}
			d.show(dialog, q)
			d.must("xdotool", "type", "7392")
			d.drawn(shot.name)
		})
	}
}

func TestAPersonChoosesAKeyInTheRealWindow(t *testing.T) {
	d := newDesk(t)
	dialog := d.open(about)
	chosen := make(chan int, 1)
	go func() {
		n, err := dialog.ChooseKey(t.Context(), []signin.KeyChoice{
			{Holder: "Alex Morgan", Issuer: "Example Health Issuing CA 2", Expiry: time.Date(2027, 8, 30, 0, 0, 0, 0, time.UTC), Reader: "Reader A 00 00"},
			{Holder: "555012345678", Issuer: "Example Registration CA", Expiry: time.Date(2028, 1, 2, 0, 0, 0, 0, time.UTC), Reader: "Reader B 01 00"},
		})
		if err != nil {
			t.Error(err)
		}
		chosen <- n
	}()
	d.eventually("the window is shown", d.windowVisible)
	d.eventually("keys count", func() bool { return d.keysCount() == 1 })
	d.drawn("choose-key")
	d.must("xdotool", "key", "Tab", "Tab")
	d.must("xdotool", "key", "Return")
	if n := <-chosen; n != 1 {
		t.Errorf("chose %d", n)
	}
}
