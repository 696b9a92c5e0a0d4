package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cardea-agent/cardea/agent/handover"
	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/visitortest"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// The users of the tests. The broker is none of the others, and none is root.
const (
	uidBroker = 64990
	uidAnna   = 64991
	uidBela   = 64992
	uidCyril  = 64993 // has no agent
)

const origin = "https://portal.example"

// machine is a computer that several people share.
type machine struct {
	t       *testing.T
	folder  string
	sockets []*os.File // for pages, and the last one for agents; held as a service manager does
	pages   []string   // the port's addresses
	meeting string     // where agents dial
	broker  *exec.Cmd
	ended   func() error // waits for it
	log     *lines
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to be several users")
	}
	m := &machine{t: t, folder: t.TempDir(), log: &lines{}}
	for p := m.folder; p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	listeners, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.meeting = filepath.Join(m.folder, "run", "broker.sock")
	agents, err := handover.Meet(m.meeting)
	if err != nil {
		t.Fatal(err)
	}
	agents.(*net.UnixListener).SetUnlinkOnClose(false)
	for _, l := range append(listeners, agents) {
		file, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = file.Close() })
		m.sockets = append(m.sockets, file)
		if tcp, ok := l.Addr().(*net.TCPAddr); ok {
			m.pages = append(m.pages, tcp.String())
		}
		_ = l.Close() // the copy is kept
	}
	m.startBroker()
	t.Cleanup(func() {
		m.stopBroker(syscall.SIGTERM)
		if t.Failed() {
			t.Log(m.log.String())
		}
	})
	return m
}

// startBroker starts the program as a service manager does: with its sockets,
// as a user of its own.
func (m *machine) startBroker() {
	m.t.Helper()
	m.broker = exec.Command("/bin/sh", "-c",
		fmt.Sprintf(`LISTEN_FDS=%d LISTEN_PID=$$ exec "$0"`, len(m.sockets)), filepath.Join(programs, "cardea-broker"))
	m.broker.ExtraFiles = m.sockets
	m.broker.Stderr = m.log
	m.broker.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uidBroker, Gid: uidBroker}, Pdeathsig: syscall.SIGKILL}
	m.ended = start(m.t, m.broker)
}

// start starts a program that dies with this one, and returns what waits for
// its end. The kernel means the thread that started it, so that thread stays.
func start(t *testing.T, cmd *exec.Cmd) (wait func() error) {
	t.Helper()
	started, ended := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	return sync.OnceValue(func() error { return <-ended })
}

func (m *machine) stopBroker(signal syscall.Signal) {
	m.t.Helper()
	if err := m.broker.Process.Signal(signal); err != nil {
		m.t.Error(err)
	}
	if err := m.ended(); err != nil && signal == syscall.SIGTERM {
		m.t.Errorf("the broker ended with %v", err)
	}
}

// person is one who is signed in to the machine, with a card of their own in a
// reader that nobody else sees.
type person struct {
	m      *machine
	uid    uint32
	desk   visitortest.Desk
	home   string
	pcscd  string // its setting
	agent  *exec.Cmd
	visits *exec.Cmd

	stopAgent func()
	in        io.WriteCloser
	out       *bufio.Scanner
}

func (m *machine) newPerson(uid uint32, name, pin string) *person {
	m.t.Helper()
	p := &person{m: m, uid: uid, home: filepath.Join(m.folder, name)}
	if err := errors.Join(os.Mkdir(p.home, 0o700), os.Chown(p.home, int(uid), int(uid))); err != nil {
		m.t.Fatal(err)
	}
	p.desk = visitortest.Desk{Holder: name, PIN: pin, Addresses: m.pages, Origin: origin}
	return p
}

// insert gives the person a reader with their card.
func (p *person) insert() {
	t := p.m.t
	t.Helper()
	daemon, err := pcscdtest.Start("Reader of " + p.desk.Holder)
	if errors.Is(err, pcscdtest.ErrMissing) && os.Getenv("CARDEA_E2E_REQUIRED") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Close() })
	if err := os.Chmod(filepath.Dir(daemon.Socket), 0o755); err != nil {
		t.Fatal(err)
	}
	slot := virtual.NewVPCD(daemon.Readers[0].Addr)
	t.Cleanup(slot.Remove)
	slot.Insert(virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256(p.desk.Holder).With(func(c *virtual.Profile) { c.PIN = p.desk.PIN })))
	p.pcscd = daemon.Env()
}

// startAgent starts the person's agent, and returns when the broker keeps it.
func (p *person) startAgent() {
	t := p.m.t
	t.Helper()
	here := []string{"an agent is here", fmt.Sprint("user=", p.uid)}
	before := found(p.m.log.String(), here)
	policy := filepath.Join(p.m.folder, "policy.toml")
	if err := os.WriteFile(policy, []byte("[[origin]]\nurl = \""+origin+"\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.desk.Socket = filepath.Join(p.home, "cardea", "prompt.sock")
	p.agent = exec.Command(filepath.Join(programs, "cardea-agent"), "run",
		"--broker", p.m.meeting, "--policy", policy, "--prompt-socket", p.desk.Socket,
		"--audit", filepath.Join(p.home, "audit.log"), "--choices", filepath.Join(p.home, "choices.json"))
	p.agent.Stderr = p.m.log
	p.agent.Env, p.agent.Dir = []string{p.pcscd, "HOME=" + p.home}, p.home
	p.agent.SysProcAttr = p.credential()
	agent, ended := p.agent, start(t, p.agent)
	p.stopAgent = func() { _ = agent.Process.Kill(); _ = ended() }
	t.Cleanup(p.stopAgent)
	p.m.log.awaitTimes(t, before+1, here...)
}

func (p *person) credential() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: p.uid, Gid: p.uid}, Pdeathsig: syscall.SIGKILL}
}

// sitDown starts the person's tray and pages.
func (p *person) sitDown() {
	t := p.m.t
	t.Helper()
	told, err := json.Marshal(p.desk)
	if err != nil {
		t.Fatal(err)
	}
	p.visits = exec.Command("/proc/self/exe", visitortest.Arg, string(told))
	p.visits.Env, p.visits.Stderr, p.visits.SysProcAttr = []string{"HOME=" + p.home}, p.m.log, p.credential()
	if p.in, err = p.visits.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.visits.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, ended := p.in, start(t, p.visits)
	t.Cleanup(func() { _ = in.Close(); _ = ended() })
	p.out = bufio.NewScanner(out)
	if got := p.hear(); got != "ready" {
		t.Fatalf("%s: %s", p.desk.Holder, got)
	}
}

func (p *person) say(line string) {
	p.m.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.m.t.Fatal(err)
	}
}

func (p *person) hear() string {
	if !p.out.Scan() {
		return fmt.Sprintf("nothing came: %v", p.out.Err())
	}
	return p.out.Text()
}

// does what the line says and fails unless that went well.
func (p *person) does(line string) {
	p.m.t.Helper()
	p.say(line)
	p.went(line)
}

func (p *person) went(line string) {
	p.m.t.Helper()
	if got := p.hear(); got != "ok" {
		p.m.t.Errorf("%s, %s: %s", p.desk.Holder, line, got)
	}
}

// arrive has everything of a person running.
func (m *machine) arrive(uid uint32, name, pin string) *person {
	m.t.Helper()
	p := m.newPerson(uid, name, pin)
	p.insert()
	p.startAgent()
	p.sitDown()
	return p
}

func TestPeopleSignInAtOnceThroughOnePortAndEachWithTheirOwnCard(t *testing.T) {
	m := newMachine(t)
	anna, bela := m.arrive(uidAnna, "Anna", "135790"), m.arrive(uidBela, "Bela", "246801")
	cyril := m.newPerson(uidCyril, "Cyril", "")
	cyril.sitDown()
	const each = "signin 500"
	anna.say(each)
	bela.say(each)
	cyril.does("raw")
	anna.went(each)
	bela.went(each)
	m.log.await(t, "user=64993", "has no agent")
}

func TestOnePersonsAgentThatIsKilledIsNothingToTheOther(t *testing.T) {
	m := newMachine(t)
	anna, bela := m.arrive(uidAnna, "Anna", "135790"), m.arrive(uidBela, "Bela", "246801")
	bela.does("keep")
	bela.say("signin 200")
	anna.does("signin 1")
	anna.stopAgent()
	m.log.await(t, "an agent went", "user=64991")
	anna.does("raw")
	bela.went("signin 200")
	bela.does("kept")
	_ = anna.in.Close()
	anna.startAgent()
	anna.sitDown()
	anna.does("signin 1")
}

func TestABrokerThatIsKilledLosesNoConnection(t *testing.T) {
	m := newMachine(t)
	anna := m.arrive(uidAnna, "Anna", "135790")
	anna.does("keep")
	m.stopBroker(syscall.SIGKILL)
	anna.does("kept")
	anna.say("signin 1") // waits in the port's queue, which nobody could take
	if l, err := net.Listen("tcp", m.pages[0]); err == nil {
		_ = l.Close()
		t.Error("another program took the port")
	}
	m.startBroker()
	// The broker may take the page before the agent is back; then it is cut off,
	// and the client library tries again.
	if got := anna.hear(); got != "ok" {
		m.log.await(t, "has no agent")
	}
	m.log.awaitTimes(t, 2, "an agent is here")
	anna.does("signin 1")
	anna.does("kept")
}

func TestNobodyTakesAnothersPlace(t *testing.T) {
	m := newMachine(t)
	anna := m.arrive(uidAnna, "Anna", "135790")
	cyril := m.newPerson(uidCyril, "Cyril", "")
	cyril.sitDown()
	for what, at := range map[string]string{
		"connect":        anna.desk.Socket, // as Anna's tray
		"replace":        anna.desk.Socket, // to be Anna's agent
		"replace broker": m.meeting,        // to be everybody's broker
		"port":           m.pages[0],
	} {
		cyril.say("forge " + strings.Fields(what)[0] + " " + at)
		if got := cyril.hear(); !strings.HasPrefix(got, "refused: ") {
			t.Errorf("%s at %s: %s", what, at, got)
		}
	}
	// Whoever dials the broker gets their own connections and no others.
	cyril.does("forge agent " + m.meeting)
	m.log.await(t, "an agent is here", "user=64993")
	anna.does("signin 20")
	cyril.does("forge heard")
}
