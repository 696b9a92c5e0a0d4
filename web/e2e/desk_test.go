//go:build linux

package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// desk is a person's desk: a screen with a window manager and a panel,
// browsers, a card reader and Cardea's tray.
type desk struct {
	uid     uint32 // whose programs they are; 0: of whoever runs the tests
	dir     string // all files of the run, as the home of its programs
	out     string // where pictures and logs are kept
	bin     string // where cardea-agent and cardea-tray are
	env     []string
	running []*program // in the order in which they started
	logs    map[string]*journal

	browsers []browser
	tray     *program
	pcscd    *pcscdtest.Daemon
	watcher  *pcsc.Watcher
	unwatch  func()
	readers  [2]*virtual.VPCD
	trust    *authority // of the sites
	cards    *virtual.CA

	// canary is the PIN of every card, and wrong what is typed in its place.
	// Neither may be in any log.
	canary, wrong string
}

// newDesk starts it all, and nothing remains when it fails.
func newDesk() (*desk, error) {
	chromium, firefox, err := programs()
	if err != nil {
		return nil, err
	}
	out, err := keep()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cardea-e2e")
	if err != nil {
		return nil, err
	}
	d := &desk{
		dir: dir, out: out, logs: map[string]*journal{}, cards: virtual.NewCA("Example Card CA"),
		canary: digits(), wrong: digits(), unwatch: func() {},
	}
	d.cards.Momentary = true // a card that is reported lost is refused from then on
	if err := d.setUp(chromium, firefox); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// digits are eight of them, that nobody could guess.
func digits() string {
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%08d", n)
}

func (d *desk) setUp(chromium, firefox string) error {
	err := adopt()
	if err != nil {
		return err
	}
	if d.pcscd, err = pcscdtest.Start("Cardea Test Reader"); err != nil {
		return err
	}
	if d.bin, err = build(d.dir); err != nil {
		return err
	}
	if err := d.watch(); err != nil {
		return err
	}
	if err := d.furnish(); err != nil {
		return err
	}
	if err := d.addPanel(); err != nil {
		return err
	}
	if d.trust, err = newAuthority(); err != nil {
		return err
	}
	if err := d.startBrowsers(chromium, firefox); err != nil {
		return err
	}
	return d.startTray()
}

func (d *desk) home() string   { return filepath.Join(d.dir, "home") }
func (d *desk) socket() string { return filepath.Join(d.dir, "run", "cardea", "prompt.sock") }

// watch follows the reader as a PC/SC client of its own.
func (d *desk) watch() error {
	name, value, _ := strings.Cut(d.pcscd.Env(), "=")
	if err := os.Setenv(name, value); err != nil {
		return err
	}
	for i, r := range d.pcscd.Readers {
		d.readers[i] = virtual.NewVPCD(r.Addr)
	}
	d.watcher = pcsc.NewWatcher(pcsc.System{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = d.watcher.Run(ctx) // never an error
	}()
	d.unwatch = func() { cancel(); <-ended }
	return nil
}

// furnish starts the screen and what is on it.
func (d *desk) furnish() error {
	d.env = []string{
		"PATH=" + os.Getenv("PATH"), "LANG=en_US.UTF-8", "FYNE_THEME=light", "HOME=" + d.home(), d.pcscd.Env(),
		"XDG_RUNTIME_DIR=" + filepath.Join(d.dir, "run"), "XDG_STATE_HOME=" + filepath.Join(d.dir, "state"),
	}
	for _, name := range []string{"home", "run", "state"} {
		if err := os.Mkdir(filepath.Join(d.dir, name), 0o700); err != nil {
			return err
		}
	}
	if err := d.give(d.dir); err != nil {
		return err
	}
	display, err := d.runUntilLine("Xvfb", "-displayfd", "3", "-screen", "0", "1400x1000x24", "-nolisten", "tcp")
	if err != nil {
		return err
	}
	d.env = append(d.env, "DISPLAY=:"+display)
	bus := "unix:path=" + filepath.Join(d.dir, "no-bus")
	if d.uid == 0 { // the daemon wants its user in the system's list
		if bus, err = d.runUntilLine("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=3"); err != nil {
			return err
		}
	}
	d.env = append(d.env, "DBUS_SESSION_BUS_ADDRESS="+bus)
	_, err = d.run("openbox")
	return err
}

// give gives a folder and all in it to the desk's user.
func (d *desk) give(folder string) error {
	if d.uid == 0 {
		return nil
	}
	return filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, int(d.uid), int(d.uid)))
	})
}

// addPanel starts a panel.
func (d *desk) addPanel() error {
	if err := d.panelSettings(); err != nil {
		return err
	}
	_, err := d.run("lxqt-panel")
	return err
}

// panelSettings gives the panel a task bar and a place for tray icons.
func (d *desk) panelSettings() error {
	const settings = `panels=panel1
[panel1]
alignment=0
lineCount=1
panelSize=36
iconSize=24
plugins=taskbar,statusnotifier,worldclock
position=Bottom
width=100
width-percent=true
[statusnotifier]
type=statusnotifier
[taskbar]
type=taskbar
[worldclock]
type=worldclock
`
	dir := filepath.Join(d.home(), ".config", "lxqt")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "panel.conf"), []byte(settings), 0o600)
}

// log is the journal of all programs of one name.
func (d *desk) log(name string) *journal {
	if d.logs[name] == nil {
		d.logs[name] = newJournal()
	}
	return d.logs[name]
}

// run starts a program of the desk.
func (d *desk) run(name string, args ...string) (*program, error) {
	p, err := start(d.uid, d.log(filepath.Base(name)), d.env, nil, name, args...)
	if err != nil {
		return nil, err
	}
	d.running = append(d.running, p)
	return p, nil
}

func (d *desk) runUntilLine(name string, args ...string) (string, error) {
	p, line, err := firstLine(d.uid, d.log(name), d.env, name, args...)
	if err != nil {
		return "", err
	}
	d.running = append(d.running, p)
	return line, nil
}

func (d *desk) startBrowsers(chromium, firefox string) error {
	c, err := d.startChromium(chromium)
	if err != nil {
		return err
	}
	d.browsers = append(d.browsers, c)
	f, err := d.startFirefox(firefox)
	if err != nil {
		return err
	}
	d.browsers = append(d.browsers, f)
	return nil
}

// startTray starts cardea-tray. It looks for an agent until there is one.
func (d *desk) startTray() error {
	var err error
	d.tray, err = d.run(filepath.Join(d.bin, "cardea-tray"), "--socket", d.socket())
	return err
}

// insert puts a card into a reader and waits until PC/SC knows.
func (d *desk) insert(t *testing.T, reader int, card *virtual.Card) {
	t.Helper()
	d.awaitReader(t, reader, false)
	d.readers[reader].Insert(card)
	d.awaitReader(t, reader, true)
}

// awaitReader waits until a card is in a reader, or none.
func (d *desk) awaitReader(t *testing.T, reader int, present bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	snapshots, stop := d.watcher.Subscribe()
	defer stop()
	for {
		select {
		case s := <-snapshots:
			for _, r := range s.Readers {
				if r.Name == d.pcscd.Readers[reader].Name && r.Present == present {
					return
				}
			}
		case <-ctx.Done():
			t.Fatalf("PC/SC never says of reader %d, card present: %v\n%s", reader, present, d.pcscd.Log())
		}
	}
}

// close ends all that was started, keeps the logs, and says what was left over.
func (d *desk) close() error {
	for _, b := range d.browsers {
		b.close()
	}
	for i := len(d.running) - 1; i >= 0; i-- {
		d.running[i].stop()
	}
	d.unwatch()
	var err error
	for _, r := range d.readers {
		if r != nil {
			r.Remove()
		}
	}
	if d.pcscd != nil {
		d.log("pcscd")
		_, _ = d.logs["pcscd"].Write([]byte(d.pcscd.Log()))
		err = d.pcscd.Close()
	}
	// The browser's helpers and what the bus started have left the groups.
	err = errors.Join(err, endOrphans(d.uid))
	for name, j := range d.logs {
		err = errors.Join(err, os.WriteFile(filepath.Join(d.out, name+".log"), []byte(j.String()), 0o600))
	}
	return errors.Join(err, d.noPIN(), os.RemoveAll(d.dir))
}

// command runs one of the desk's tools to its end.
func (d *desk) command(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = d.env
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}
