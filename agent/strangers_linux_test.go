package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cardea-agent/cardea/agent/doctor"
	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/policy"
)

// strangerEnv makes this test program another user's: it listens, on a loopback
// port or on the socket that it is given, until its input ends.
const strangerEnv = "CARDEA_TEST_STRANGER"

func init() { otherProcess = stranger }

func stranger() bool {
	var listeners []net.Listener
	var err error
	switch os.Getenv(strangerEnv) {
	case "tcp":
		listeners, err = loopback.Listen("127.0.0.1:0")
	case "unix":
		if err = syscall.Listen(3, 8); err == nil {
			listeners = make([]net.Listener, 1)
			listeners[0], err = net.FileListener(os.NewFile(3, "socket"))
		}
	default:
		return false
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(listeners[0].Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, l := range listeners {
		_ = l.Close()
	}
	return true
}

// asNobody starts this test program as another user, and returns what it says
// first.
func asNobody(c *computer, what string, files ...*os.File) string {
	c.t.Helper()
	if os.Getuid() != 0 {
		c.t.Skip("needs root to run a process as another user")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{strangerEnv + "=" + what}
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		c.t.Fatal(line, err)
	}
	return strings.TrimSpace(line)
}

func listenAsNobody(c *computer) string { return asNobody(c, "tcp") }

// anotherUserInTheAgentsPlace has another user's process serve the socket. Linux
// notes who listens when it begins to.
func anotherUserInTheAgentsPlace(c *computer) {
	c.noAgent = true
	if err := os.MkdirAll(filepath.Dir(c.socket), 0o700); err != nil {
		c.t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: c.socket}); err != nil {
		c.t.Fatal(err)
	}
	asNobody(c, "unix", f)
}

// inAComputerWithoutNetwork runs the program where loopback is down, and looks
// for both findings of that itself.
func inAComputerWithoutNetwork(c *computer) {
	t := c.t
	c.t = nil
	if os.Getuid() != 0 {
		t.Skip("needs root to take a network away")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "doctor", "--json")
	cmd.Args[0] = "cardea-agent"
	cmd.Env = []string{"PCSCLITE_CSOCK_NAME=" + c.root + "/no-pcscd", "XDG_RUNTIME_DIR=" + c.root, "HOME=" + c.root, "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + c.root + "/no-bus"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.Output()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != exitUnwell {
		t.Fatalf("%v: %s", err, out)
	}
	var report struct {
		Worst    doctor.Severity
		Findings []foundJSON
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	if report.Worst != doctor.Problem {
		t.Errorf("the worst is %s", report.Worst)
	}
	for _, code := range []doctor.Code{doctor.LoopbackBroken, doctor.LoopbackOneFamily} {
		if !slices.ContainsFunc(report.Findings, func(f foundJSON) bool { return f.Code == code }) {
			t.Errorf("%s is not in %s", code, out)
		}
	}
}

// The architectures of the libraries below (elf(5), e_machine).
const (
	elfAMD64 = 62
	elfSPARC = 43
)

// elfLibrary is the head of a shared library without anything in it.
func elfLibrary(machine uint16) []byte {
	b := make([]byte, 64)
	copy(b, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(b[16:], 3) // ET_DYN
	binary.LittleEndian.PutUint16(b[18:], machine)
	binary.LittleEndian.PutUint32(b[20:], 1)
	binary.LittleEndian.PutUint16(b[52:], 64) // e_ehsize
	binary.LittleEndian.PutUint16(b[54:], 56) // e_phentsize
	binary.LittleEndian.PutUint16(b[58:], 64) // e_shentsize
	return b
}

// ownFolder makes a folder that is the administrators' alone: no test's usual
// one is.
func ownFolder(c *computer) string {
	c.t.Helper()
	if os.Getuid() != 0 {
		c.t.Skip("needs root for a file that is the administrators' alone")
	}
	folder, err := os.MkdirTemp("/var/lib", "cardea-test-")
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		c.t.Fatal(err)
	}
	return folder
}

// module gives the computer a card list with one module; none is there without
// any code.
func (c *computer) module(code []byte, mode os.FileMode) {
	c.t.Helper()
	file := filepath.Join(ownFolder(c), "module.so")
	if code != nil {
		if err := os.WriteFile(file, code, 0o644); err != nil {
			c.t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			c.t.Fatal(err)
		}
	}
	atr := fmt.Sprintf("% X", c.foreignATR())
	c.cardList(fmt.Sprintf("[[module]]\nid = \"test\"\nname = \"Test module\"\nfiles = {linux = [%q]}\n"+
		"[[card]]\nid = \"test\"\nname = \"Test card\"\natr = %q\nspeak = \"pkcs11\"\nmodules = [\"test\"]\n", file, atr))
}

// cardList has the policy name a card list.
func (c *computer) cardList(text string) {
	c.t.Helper()
	folder := ownFolder(c)
	list, rules := filepath.Join(folder, "cards.toml"), filepath.Join(folder, "policy.toml")
	for name, text := range map[string]string{list: text, rules: goodPolicy + fmt.Sprintf("[cards]\nlist = %q\n", list)} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	c.places = policy.Only(rules)
}
