//go:build linux

package e2e

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// pinWindow is the title of the tray's window, as xdotool searches for it.
const pinWindow = "^Cardea$"

// pinWindowID is the PIN window's number, empty while it is not on the screen.
func (d *desk) pinWindowID() string {
	id, err := d.command("xdotool", "search", "--onlyvisible", "--name", pinWindow)
	if err != nil {
		return "" // xdotool fails when it finds none
	}
	return id
}

// keys presses keys, by xdotool's names, wherever the keyboard's focus is.
func (d *desk) keys(t *testing.T, names ...string) {
	t.Helper()
	if _, err := d.command("xdotool", append([]string{"key", "--delay", "20"}, names...)...); err != nil {
		t.Fatal("xdotool: ", err)
	}
}

// write types characters.
func (d *desk) write(t *testing.T, text string) {
	t.Helper()
	if _, err := d.command("xdotool", "type", "--delay", "20", text); err != nil {
		t.Fatal("xdotool: ", err) // not what was typed
	}
}

// trayWrote waits until the tray wrote a text since the last time that it was
// waited for.
func (s *scene) trayWrote(text string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	place, line, err := s.desk.tray.log.after(ctx, s.asked, text)
	if err != nil {
		s.t.Fatal("the tray: ", err)
	}
	s.asked = place
	return line
}

// askedPIN waits until the PIN window is in front and takes keys.
func (s *scene) askedPIN() {
	s.t.Helper()
	s.trayWrote("keys count")
	s.inFront()
}

// inFront waits until the PIN window is on the screen and has the keyboard.
func (s *scene) inFront() {
	s.t.Helper()
	until(s.t, "the PIN window is in front", func() bool {
		id := s.desk.pinWindowID()
		active, err := s.desk.command("xdotool", "getactivewindow")
		return id != "" && err == nil && active == id
	}, s.desk.windowNames)
}

// windowNames are the titles of the windows on the screen.
func (d *desk) windowNames() string {
	ids, _ := d.command("xdotool", "search", "--onlyvisible", "--name", ".")
	var names []string
	for id := range strings.FieldsSeq(ids) {
		name, _ := d.command("xdotool", "getwindowname", id)
		names = append(names, name)
	}
	return strings.Join(names, "\n")
}

// notAsked waits until the PIN window is gone.
func (s *scene) notAsked() {
	s.t.Helper()
	until(s.t, "the PIN window is gone", func() bool { return s.desk.pinWindowID() == "" }, s.desk.windowNames)
}

// typePIN types into the PIN window and presses Enter.
func (s *scene) typePIN(pin string) {
	s.t.Helper()
	s.desk.write(s.t, pin)
	s.desk.keys(s.t, "Return")
}

// picture keeps a picture of the whole screen.
func (d *desk) picture(t *testing.T, name string) {
	t.Helper()
	name = strings.ReplaceAll(name, "/", "-") + ".png"
	if _, err := d.command("import", "-silent", "-window", "root", filepath.Join(d.out, name)); err != nil {
		t.Error("import: ", err)
	}
}
