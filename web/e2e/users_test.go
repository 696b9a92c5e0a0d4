//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/handover"
	localnet "github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// The users of the computer that several people share. The system's list has none
// of them, and the kernel needs no list to tell them apart.
const (
	uidBroker = 64980
	uidAnna   = 64981
	uidBela   = 64982
)

// office is a computer that several people use at once: one broker has its port,
// and one site is open in everybody's browser.
type office struct {
	t       *testing.T
	house   *desk  // whose authorities issue cards and certificates
	folder  string // everybody may enter it
	bin     string // the programs, which everybody may start
	meeting string // where agents dial
	policy  string
	port    int // of the broker
	site    net.Listener
	log     *journal // of the broker
	people
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, house: open(t), people: newPeople(t), site: listen(t), log: newJournal()}
	if os.Geteuid() != 0 {
		t.Skip("needs root to be several users")
	}
	folder, err := os.MkdirTemp("", "cardea-office")
	o.must(err)
	t.Cleanup(func() { o.must(os.RemoveAll(folder)) })
	o.must(os.Chmod(folder, 0o755))
	o.folder, o.bin = folder, filepath.Join(folder, "bin")
	o.must(os.Mkdir(o.bin, 0o755))
	for _, name := range []string{"cardea-agent", "cardea-tray", "cardea-broker"} {
		o.must(copyProgram(filepath.Join(o.house.bin, name), filepath.Join(o.bin, name)))
	}
	o.policy = filepath.Join(folder, "policy.toml")
	o.must(os.WriteFile(o.policy, fmt.Appendf(nil, "[[origin]]\nurl = %q\n", origin(listedName, o.site)), 0o644))
	o.startBroker()
	o.house.serve(t, o.site, listedName, o.port, o.people)
	return o
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// copyProgram copies a program to where all users may start it: the folder that
// it was built in may be closed to them.
func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// startBroker starts it as a service manager does: with its sockets, as a user of
// its own.
func (o *office) startBroker() {
	o.t.Helper()
	listeners, err := localnet.Listen("127.0.0.1:0")
	o.must(err)
	o.port = listeners[0].Addr().(*net.TCPAddr).Port
	o.meeting = filepath.Join(o.folder, "run", "broker.sock")
	agents, err := handover.Meet(o.meeting)
	o.must(err)
	agents.(*net.UnixListener).SetUnlinkOnClose(false)
	var sockets []*os.File
	for _, l := range append(listeners, agents) {
		file, err := l.(interface{ File() (*os.File, error) }).File()
		o.must(err)
		defer file.Close() // the broker has a copy
		sockets = append(sockets, file)
		o.must(l.Close())
	}
	const passing = `LISTEN_FDS=%d LISTEN_PID=$$ exec "$0"`
	p, err := start(uidBroker, o.log, nil, sockets, "/bin/sh", "-c", fmt.Sprintf(passing, len(sockets)), filepath.Join(o.bin, "cardea-broker"))
	o.must(err)
	o.t.Cleanup(p.stop)
	_, err = p.wrote("msg=listening")
	o.must(err)
}

// arrive has somebody sit down at a screen of their own, with their card in a
// reader that nobody else sees, and their browser at the site.
func (o *office) arrive(uid uint32, name string) *scene {
	o.t.Helper()
	d := &desk{
		uid: uid, dir: filepath.Join(o.folder, strconv.Itoa(int(uid))), out: filepath.Join(o.house.out, "user-"+strconv.Itoa(int(uid))), bin: o.bin,
		logs: map[string]*journal{}, trust: o.house.trust, cards: o.house.cards, canary: digits(), wrong: digits(), unwatch: func() {},
	}
	o.must(errors.Join(os.Mkdir(d.dir, 0o755), os.MkdirAll(d.out, 0o750)))
	o.t.Cleanup(func() {
		o.must(d.close())
		o.gone(uid)
	})
	var err error
	d.pcscd, err = pcscdtest.Start("Reader of " + name)
	o.must(err)
	o.must(os.Chmod(filepath.Dir(d.pcscd.Socket), 0o755))
	o.must(d.furnish())
	s := &scene{t: o.t, desk: d, people: o.people, site: o.site}
	o.must(d.startTray())
	s.agent, err = d.run(filepath.Join(d.bin, "cardea-agent"), "run", "--verbose", "--broker", o.meeting, "--policy", o.policy, "--prompt-socket", d.socket())
	o.must(err)
	d.readers[0] = virtual.NewVPCD(d.pcscd.Readers[0].Addr)
	d.readers[0].Insert(s.newCard(name))
	s.agentWrote("the broker hands over connections")
	s.agentWrote("tray connected")

	path, err := find(chromiumNames)
	o.must(err)
	b, err := d.startChromium(path)
	o.must(err)
	d.browsers = append(d.browsers, b)
	s.page = d.newPage(o.t, b)
	s.do("set the permission", func(ctx context.Context) error {
		return s.tab.(*chromiumTab).setLoopback(ctx, origin(listedName, o.site), allowed)
	})
	s.goTo(origin(listedName, o.site) + "/")
	s.reads("status", "Your card is ready.")
	return s
}

// gone sees that no process of a user is left.
func (o *office) gone(uid uint32) {
	o.t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	o.must(err)
	for _, folder := range all {
		if userOf(filepath.Base(folder)) == uid {
			name, _ := os.ReadFile(filepath.Join(folder, "comm"))
			o.t.Errorf("user %d still has %s", uid, strings.TrimSpace(string(name)))
		}
	}
}

func TestTwoPeopleOfOneComputerSignInAtOnceEachInTheirOwnBrowser(t *testing.T) {
	o := newOffice(t)
	anna, bela := o.arrive(uidAnna, "Anna Example"), o.arrive(uidBela, "Bela Example")
	anna.press("signin")
	bela.press("signin")
	anna.askedPIN()
	bela.askedPIN() // both windows are open, and each takes its own card's PIN alone
	bela.typePIN(bela.desk.canary)
	anna.typePIN(anna.desk.canary)
	for _, c := range []struct {
		of          *scene
		name, other string
	}{{anna, "Anna Example", "Bela"}, {bela, "Bela Example", "Anna"}} {
		c.of.at("/home")
		c.of.stands("present")
		c.of.reads("who", c.name)
		if shown := c.of.show(); strings.Contains(shown, c.other) {
			t.Errorf("the page of %s shows\n%s", c.name, shown)
		}
		c.of.desk.picture(t, "signed-in")
	}
}
