package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/browserpolicy"
	"github.com/cardea-agent/cardea/agent/card"
	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/desktop"
	"github.com/cardea-agent/cardea/agent/doctor"
	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/peer"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

const goodPolicy = `
[[origin]]
url = "https://portal.example"
[[contact]]
for = "administrator"
name = "IT service desk"
phone = "020 7946 0000"
[[contact]]
for = "cardIssuer"
name = "Card office"
phone = "room 12"
`

// computer is one to be checked: real sockets, files and processes, and a card in
// process. As it is made, all is well with it.
type computer struct {
	surroundings
	t    *testing.T
	pcsc *virtual.Manager
	slot *virtual.Reader
	ca   *virtual.CA
	root string // the system's files, as far as browsers have some

	facts      prompt.Facts
	noAgent    bool
	noTray     bool
	agent      string // its version
	tray       string // the tray's
	noCard     bool
	profile    virtual.Profile
	policyText string
}

func newComputer(t *testing.T) *computer {
	t.Helper()
	c := &computer{t: t, pcsc: virtual.NewManager(), ca: virtual.NewCA("Test CA"), root: t.TempDir(), agent: version, tray: version,
		profile: virtual.P256("Anna Example"), policyText: goodPolicy}
	c.slot = c.pcsc.AddReader("Reader 1")
	c.surroundings = surroundings{
		places: policy.Only(filepath.Join(c.root, "policy.toml")), socket: filepath.Join(t.TempDir(), "cardea", "prompt.sock"),
		driver:  c.pcsc,
		devices: func(context.Context) ([]pcsc.Device, error) { return []pcsc.Device{{Name: "USB reader"}}, nil },
		drivers: func() []pcsc.DriverPackage { return []pcsc.DriverPackage{{Name: "ifd-ccid", Version: "1.5.2"}} },
		now:     time.Now, listens: peer.Listening, lookup: net.DefaultResolver.LookupHost,
		browser: func(b browserpolicy.Browser) (browserpolicy.InForce, error) {
			return browserpolicy.LinuxInForce(c.root, b)
		},
		desktop: func(context.Context) (desktop.Session, error) {
			return desktop.Session{Kind: desktop.AtScreen, How: "x11"}, nil
		},
		broker:  func() bool { return false },
		modules: hostOf, patience: 20 * time.Second,
	}
	c.file("/usr/bin/chromium", "")
	c.file("/etc/chromium/policies/managed/cardea.json", `{"LoopbackNetworkAllowedForUrls": ["https://portal.example:443"]}`)
	return c
}

// hostOf starts a module's process of this test program, by testscript.Main.
func hostOf(m cards.Module, file string) card.Module {
	program, err := exec.LookPath("cardea-agent")
	if err != nil {
		panic(err)
	}
	return host.New(host.Config{Command: []string{program, moduleRole}, Module: file, AllowInternet: m.Internet})
}

// file writes a file of the system's.
func (c *computer) file(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		c.t.Fatal(err)
	}
}

// start runs what is to run, and returns when all of it does.
func (c *computer) start() {
	c.t.Helper()
	c.file("policy.toml", c.policyText)
	if !c.noCard {
		c.slot.Insert(virtual.NewCard(c.ca, c.profile))
	}
	if c.noAgent {
		if c.policyText == goodPolicy { // on a port that nobody has
			c.file("policy.toml", fmt.Sprintf("%s\n[listen]\nport = %d\n", goodPolicy, c.freePort()))
		}
		return
	}
	if c.facts.Addresses == nil {
		listeners, err := loopback.Listen("127.0.0.1:0")
		if err != nil {
			c.t.Fatal(err)
		}
		for _, l := range listeners {
			c.t.Cleanup(func() { _ = l.Close() })
			c.facts.Addresses = append(c.facts.Addresses, l.Addr().String())
		}
	}
	if c.facts.Process == 0 {
		c.facts.Process = os.Getpid()
	}
	server, err := prompt.NewServer(prompt.ServerConfig{
		Path: c.socket, Version: c.agent, Log: slog.New(slog.DiscardHandler), Facts: func() prompt.Facts { return c.facts },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	server.Publish(signin.Snapshot{State: signin.Ready})
	c.run(server.Run)
	if !c.noTray {
		c.startTray()
	}
}

func (c *computer) startTray() {
	c.t.Helper()
	connected := make(chan struct{}, 8)
	client, err := prompt.NewClient(prompt.ClientConfig{
		Path: c.socket, Version: c.tray, Prompter: signintest.NewPrompter(), Log: slog.New(slog.DiscardHandler),
		OnReport: func(r prompt.Report) {
			if r.Known { // told after the agent knows the tray
				connected <- struct{}{}
			}
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.run(client.Run)
	select {
	case <-connected:
	case <-time.After(20 * time.Second):
		c.t.Fatal("the tray never connected")
	}
}

// run runs something until the test ends.
func (c *computer) run(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = f(ctx) }()
	c.t.Cleanup(func() { cancel(); <-ended })
}

func (c *computer) listen(addr string) net.Listener {
	c.t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = l.Close() })
	return l
}

// freePort is a port on which nobody listens until the test ends: a socket that
// does not listen keeps it from all others.
func (c *computer) freePort() int {
	c.t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		c.t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		c.t.Fatal(err)
	}
	return at.(*syscall.SockaddrInet4).Port
}

func TestNothingIsFoundWrongWithAComputerThatWorks(t *testing.T) {
	c := newComputer(t)
	c.start()
	r := examine(t.Context(), c.surroundings)
	for _, f := range r.findings {
		if s := f.Row().Severity; s.Worse(doctor.Note) && f.Code != doctor.LocalhostElsewhere {
			t.Errorf("%s: %s", f.Code, f.Seen)
		}
	}
	var out strings.Builder
	if err := r.print(&out); err != nil || !strings.Contains(out.String(), "Nothing is wrong.") {
		t.Errorf("%v: %s", err, &out)
	}
}

// Every code is found once on a real computer, or on one with that one thing
// wrong.
func TestEveryFindingCanBeProduced(t *testing.T) {
	for code := range doctor.Table {
		if produced[code] == nil {
			t.Errorf("no test produces %s", code)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(produced)) {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			c := newComputer(t)
			produced[code](c)
			if c.t == nil { // it looked by itself
				return
			}
			c.start()
			r := examine(t.Context(), c.surroundings)
			i := slices.IndexFunc(r.findings, func(f doctor.Finding) bool { return f.Code == code })
			if i < 0 {
				t.Fatalf("found %+v", r.findings)
			}
			c.checkTold(r, r.findings[i])
		})
	}
}

// checkTold checks that a finding is told to people and to programs, and names
// nobody.
func (c *computer) checkTold(r report, f doctor.Finding) {
	c.t.Helper()
	var text, programs strings.Builder
	if err := errors.Join(r.print(&text), r.printJSON(&programs)); err != nil {
		c.t.Fatal(err)
	}
	row := f.Row()
	for _, want := range []string{f.Seen, string(f.Code), row.Fix} {
		if !strings.Contains(text.String(), want) {
			c.t.Errorf("people are not told %q in\n%s", want, &text)
		}
	}
	if !strings.Contains(programs.String(), `"code": "`+string(f.Code)+`"`) {
		c.t.Errorf("programs are not told it in\n%s", &programs)
	}
	if strings.Contains(text.String()+programs.String(), "Anna") {
		c.t.Errorf("the report says who holds the card:\n%s", &text)
	}
	if !strings.HasSuffix(f.Seen, ".") {
		c.t.Errorf("%q is no sentence", f.Seen)
	}
}

func TestContactsAreShownBesideWhatTheyCanMend(t *testing.T) {
	c := newComputer(t)
	c.profile = c.profile.With(virtual.Expired)
	c.noTray = true
	c.start()
	c.pcsc.AddReader("Reader 2")
	r := examine(t.Context(), c.surroundings)
	var text, programs strings.Builder
	if err := errors.Join(r.print(&text), r.printJSON(&programs)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Who:   those who gave you the card: Card office, room 12", "Who:   you; if that does not help: IT service desk, 020 7946 0000",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &text)
		}
	}
	if !strings.Contains(programs.String(), `"contact": "Card office, room 12"`) {
		t.Errorf("programs are not told whom to ask: %s", &programs)
	}
}

// denied is a smartcard service that lets nobody in.
type denied struct{}

func (denied) Establish() (pcsc.Context, error) { return nil, pcsc.SecurityViolation }

// stuck is a driver that never comes back.
type stuck struct{ until chan struct{} }

func (s stuck) Establish() (pcsc.Context, error) { <-s.until; return nil, io.EOF }

// foreignATR is that of a card which is no PIV card.
func (c *computer) foreignATR() []byte { return virtual.NewCard(c.ca, virtual.Foreign()).ATR() }

func TestTheBrokersPortIsNoStrangersWithoutAnAgentEither(t *testing.T) {
	c := newComputer(t)
	_, port, _ := net.SplitHostPort(listenAsNobody(c))
	c.noAgent, c.broker = true, func() bool { return true }
	c.policyText += "[listen]\nport = " + port + "\n"
	c.start()
	r := examine(t.Context(), c.surroundings)
	for _, f := range r.findings {
		if f.Code == doctor.PortOtherUser {
			t.Errorf("found %+v", f)
		}
	}
	if !slices.ContainsFunc(r.findings, func(f doctor.Finding) bool { return f.Code == doctor.PortBroker }) ||
		!slices.ContainsFunc(r.findings, func(f doctor.Finding) bool { return f.Code == doctor.AgentMissing }) {
		t.Errorf("found %+v", r.findings)
	}
}
