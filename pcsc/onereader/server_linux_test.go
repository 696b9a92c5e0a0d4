package onereader_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/onereader"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// role makes this test program one that uses PC/SC.
const role = "program"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == role {
		beProgram()
		return
	}
	os.Exit(pcscdtest.Main(m))
}

// beProgram does what it is told, line by line, and says what came of it.
func beProgram() {
	var c pcsc.Context
	var h pcsc.Handle
	var reader string
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		command, argument, _ := strings.Cut(lines.Text(), " ")
		said, err := "done", error(nil)
		switch command {
		case "establish":
			c, err = pcsc.System{}.Establish()
		case "list":
			var names []string
			names, err = c.ListReaders()
			said = strings.Join(names, ",")
		case "connect":
			reader = argument
			h, err = c.Connect(argument, pcsc.ShareShared, pcsc.ProtocolT0|pcsc.ProtocolT1)
		case "begin":
			err = h.BeginTransaction()
		case "transmit":
			var answer []byte
			answer, err = h.Transmit([]byte(strings.ReplaceAll(argument, "long", strings.Repeat("x", 60000))))
			said = fmt.Sprintf("%X", answer[max(0, len(answer)-2):])
		case "wait": // until the card is out
			states := []pcsc.ReaderState{{Reader: reader}}
			for err == nil && states[0].Event&pcsc.StateEmpty == 0 {
				states[0].Current = states[0].Event
				err = c.GetStatusChange(states, time.Minute)
			}
		}
		if err != nil {
			said = err.Error()
		}
		fmt.Println(said)
	}
}

// program is such a program, as this test drives it.
type program struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func start(t *testing.T, s *onereader.Server) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command("/proc/self/exe", role)}
	p.cmd.Env = append(os.Environ(), s.Environ()...)
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *program) begin(command string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) expect(command, want string) {
	p.t.Helper()
	p.begin(command)
	p.hears(command, want)
}

func (p *program) hears(command, want string) {
	p.t.Helper()
	if !p.out.Scan() || !strings.Contains(p.out.Text(), want) {
		p.t.Fatalf("%s: %q, want %q", command, p.out.Text(), want)
	}
}

func listen(t *testing.T) *onereader.Server {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	s, err := onereader.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left, err := filepath.Glob(os.Getenv("XDG_RUNTIME_DIR") + "/*"); err != nil || len(left) != 0 {
			t.Errorf("%q is left, %v", left, err)
		}
	})
	return s
}

// insert puts a card into each reader and waits until pcscd sees them, and before
// that, until it misses those of the test before.
func insert(t *testing.T, d *pcscdtest.Daemon) (cards [2]*virtual.Card, slots [2]virtual.Slot) {
	t.Helper()
	c, err := pcsc.System{}.Establish()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	await := func(reader string, flag pcsc.StateFlag) {
		t.Helper()
		states := []pcsc.ReaderState{{Reader: reader}}
		for states[0].Event&flag == 0 {
			states[0].Current = states[0].Event
			if err := c.GetStatusChange(states, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, reader := range d.Readers {
		await(reader.Name, pcsc.StateEmpty)
		cards[i] = virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin"))
		slots[i] = virtual.NewVPCD(reader.Addr)
		t.Cleanup(slots[i].Remove)
		slots[i].Insert(cards[i])
		await(reader.Name, pcsc.StatePresent)
	}
	return cards, slots
}

func TestAProgramSeesOneReaderAndUsesTheCardInIt(t *testing.T) {
	d := pcscdtest.Shared(t)
	cards, _ := insert(t, d)
	s := listen(t)
	p := start(t, s)
	mine, other := d.Readers[1].Name, d.Readers[0].Name
	defer s.Show(p.cmd.Process.Pid, mine)()
	p.expect("establish", "done")
	p.begin("list")
	if p.out.Scan(); p.out.Text() != mine {
		t.Fatalf("it sees %q", p.out.Text())
	}
	before := cards[0].Count()
	p.expect("connect "+other, "UNKNOWN_READER")
	p.expect("connect "+mine, "done")
	p.expect("begin", "done")
	p.expect("transmit \x00\xA4\x04\x00\x05\xA0\x00\x00\x03\x08", "9000")
	p.expect("transmit \x00\x20\x00\x80\x00\xEA\x60long", "6A80")
	if trace := cards[1].Trace(); trace[len(trace)-1].Length < 60000 {
		t.Errorf("the long command came as %+v", trace[len(trace)-1])
	}
	if n := cards[0].Count() - before; n != 0 {
		t.Errorf("the other card was sent %d commands", n)
	}
}

func TestAProgramWaitsForItsOwnCardAlone(t *testing.T) {
	d := pcscdtest.Shared(t)
	_, slots := insert(t, d)
	s := listen(t)
	p := start(t, s)
	defer s.Show(p.cmd.Process.Pid, d.Readers[1].Name)()
	p.expect("establish", "done")
	p.expect("connect "+d.Readers[1].Name, "done")
	p.begin("wait")
	slots[0].Remove()
	slots[1].Remove()
	p.hears("wait", "done")
}

func TestAProgramThatWasShownNothingSeesNothing(t *testing.T) {
	d := pcscdtest.Shared(t)
	s := listen(t)
	p := start(t, s)
	p.expect("establish", "SCARD_") // an error: which one depends on how far it got
	hide := s.Show(p.cmd.Process.Pid, d.Readers[0].Name)
	p.expect("establish", "done")
	p.expect("list", d.Readers[0].Name)
	hide()
	p.begin("list")
	if p.out.Scan(); strings.Contains(p.out.Text(), "Reader") {
		t.Errorf("it still sees %q", p.out.Text())
	}
	p.expect("establish", "SCARD_") // an error: which one depends on how far it got
}

func TestAnotherProgramIsTurnedAway(t *testing.T) {
	s := listen(t)
	defer s.Show(os.Getppid(), "any")()
	_, path, _ := strings.Cut(s.Environ()[0], "=")
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("not turned away: %v", err)
	}
}
