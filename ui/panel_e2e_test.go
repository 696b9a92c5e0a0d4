//go:build e2e

package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/cardea-agent/cardea/agent/signin"
)

const panelConfig = `[General]
panels=panel1

[panel1]
desktop=0
position=Bottom
panelSize=48
iconSize=32
width=100
width-percent=true
plugins=statusnotifier

[statusnotifier]
type=statusnotifier
`

// startPanel puts a panel with a tray onto the desk.
func (d *desk) startPanel(home string) {
	d.t.Helper()
	need(d.t, "lxqt-panel")
	folder := filepath.Join(home, "lxqt")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		d.t.Fatal(err)
	}
	config := filepath.Join(folder, "panel.conf")
	if err := os.WriteFile(config, []byte(panelConfig), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.start("lxqt-panel", "-c", config)
	bus := d.bus()
	d.eventually("the panel's tray is there", func() bool { return owned(bus, "org.kde.StatusNotifierWatcher") })
}

func (d *desk) bus() *dbus.Conn {
	d.t.Helper()
	var address string
	for _, e := range d.env {
		if a, ok := strings.CutPrefix(e, "DBUS_SESSION_BUS_ADDRESS="); ok {
			address = a // the last one counts, as for the programs
		}
	}
	bus, err := dbus.Connect(address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = bus.Close() })
	return bus
}

func owned(bus *dbus.Conn, name string) bool {
	var has bool
	err := bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&has)
	return err == nil && has
}

// trayItem is the tray's icon as the panel sees it.
type trayItem struct {
	d    *desk
	bus  *dbus.Conn
	name string
}

func (d *desk) item() trayItem {
	bus := d.bus()
	name := fmt.Sprintf("org.kde.StatusNotifierItem-%d-1", d.tray.Process.Pid)
	d.eventually("the icon is in the tray", func() bool { return owned(bus, name) })
	return trayItem{d, bus, name}
}

// layout is a node of com.canonical.dbusmenu.
type layout struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// menu is the labels with their numbers.
func (i trayItem) menu() (labels []string, ids map[string]int32) {
	var revision uint32
	var root layout
	menu := i.bus.Object(i.name, "/StatusNotifierItem/menu")
	if err := menu.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root); err != nil {
		return nil, nil
	}
	ids = map[string]int32{}
	for _, c := range root.Children {
		var child layout
		if err := dbus.Store([]any{c.Value()}, &child); err != nil {
			i.d.t.Fatal(err)
		}
		if label, ok := child.Properties["label"].Value().(string); ok {
			labels = append(labels, label)
			ids[label] = child.ID
		}
	}
	return labels, ids
}

func (i trayItem) shows(labels ...string) {
	i.d.t.Helper()
	var last []string
	i.d.eventually(fmt.Sprintf("the menu shows %q", labels), func() bool {
		last, _ = i.menu()
		for _, l := range labels {
			if !slices.Contains(last, l) {
				return false
			}
		}
		return true
	})
}

func (i trayItem) tooltip() string {
	v, err := i.bus.Object(i.name, "/StatusNotifierItem").GetProperty("org.kde.StatusNotifierItem.ToolTip")
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(v.Value())
}

func (i trayItem) click(label string) {
	i.d.t.Helper()
	_, ids := i.menu()
	id, ok := ids[label]
	if !ok {
		i.d.t.Fatalf("no item %q", label)
	}
	menu := i.bus.Object(i.name, "/StatusNotifierItem/menu")
	if err := menu.Call("com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(""), uint32(0)).Err; err != nil {
		i.d.t.Fatal(err)
	}
}

// card is as much of a card as the tray is told of.
type card struct{ signin.Card }

func (card) Keys() []signin.Key {
	return []signin.Key{{Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "Alex Morgan"}}}}
}

func TestTheTrayShowsTheStateAndItsMenuWorks(t *testing.T) {
	d := newDeskWith(t, true)
	item := d.item()
	item.shows("Cardea is starting", "Quit")
	d.server.Publish(signin.Snapshot{Revision: 1, State: signin.NoCard, Readers: []signin.Reader{{Name: "Reader A 00 00", Status: signin.NoCard}}})
	item.shows("No card is in the reader", "Put your card into the reader.", "Reader A 00 00: no card", "Cardea dev")
	if tip := item.tooltip(); !strings.Contains(tip, "No card is in the reader") {
		t.Errorf("tooltip %s", tip)
	}
	item.click("Show status…")
	d.eventually("the status window is shown", func() bool {
		out, err := d.do("xdotool", "search", "--onlyvisible", "--name", "^Cardea status$")
		return err == nil && out != ""
	})
	d.drawn("tray-no-card")
	d.server.Publish(signin.Snapshot{Revision: 2, State: signin.Ready, Readers: []signin.Reader{
		{Name: "Reader A 00 00", Status: signin.Ready, Card: card{}}, {Name: "Reader B 01 00", Status: signin.NoCard}}})
	item.shows("Ready to sign in", "Reader A 00 00: card of Alex Morgan")
	d.must("xdotool", "mousemove", "24", "876", "click", "3")
	d.drawn("tray-ready")
	item.click("Quit")
	ended := make(chan error, 1)
	go func() { ended <- d.tray.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the tray ended with %v\n%s", err, d.log.String())
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Quit does nothing")
	}
}

func TestASecondTrayTakesOverWithItsWindow(t *testing.T) {
	d := newDesk(t)
	dialog := d.open(about)
	a := d.show(dialog, signin.PINQuestion{TriesLeft: 3})
	first := d.tray
	d.tray = d.start(first.Path, first.Args[1:]...)
	ended := make(chan error, 1)
	go func() { ended <- first.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the first tray ended with %v\n%s", err, d.log.String())
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the first tray is still there")
	}
	d.eventually("the new tray's keys count", func() bool { return d.keysCount() == 2 })
	d.must("xdotool", "type", typedPIN)
	d.must("xdotool", "key", "Return")
	if pin, _ := d.pin(a); pin != typedPIN {
		t.Errorf("PIN %q", pin)
	}
}

func TestATrayThatIsKilledIsReplacedAndTheQuestionAskedAgain(t *testing.T) {
	d := newDesk(t)
	dialog := d.open(about)
	a := d.show(dialog, signin.PINQuestion{TriesLeft: 3})
	first := d.tray
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	d.tray = d.start(first.Path, first.Args[1:]...)
	d.eventually("the new tray's keys count", func() bool { return d.keysCount() == 2 })
	d.must("xdotool", "type", typedPIN)
	d.must("xdotool", "key", "Return")
	if pin, _ := d.pin(a); pin != typedPIN {
		t.Errorf("PIN %q", pin)
	}
}
