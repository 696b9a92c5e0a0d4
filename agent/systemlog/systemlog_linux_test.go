package systemlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const sendEnv = "CARDEA_TEST_SYSTEMLOG"

// TestMain is also another user's process, which writes a record to the socket
// that it is given.
func TestMain(m *testing.M) {
	if path := os.Getenv(sendEnv); path != "" {
		forged := record
		forged.Fields = append(forged.Fields, Field{"uid", "0"})
		if err := (&Log{places: []place{{path, journalFormat}}}).Write(forged); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var record = Record{
	Message: `{"msg":"pin","outcome":"pinWrong"}`,
	Fields:  []Field{{"what", "pin"}, {"outcome", "pinWrong"}, {"triesLeft", "2"}},
}

// daemon is a socket at a log daemon's place, which learns from the kernel whose
// process each datagram came from, as those daemons do.
func daemon(t *testing.T) (*net.UnixConn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var optErr error
	if err := errors.Join(raw.Control(func(fd uintptr) {
		optErr = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_PASSCRED, 1)
	}), optErr, conn.SetReadDeadline(time.Now().Add(20*time.Second))); err != nil {
		t.Fatal(err)
	}
	return conn, path
}

// receive returns the next datagram and who sent it.
func receive(t *testing.T, conn *net.UnixConn) (string, *syscall.Ucred) {
	t.Helper()
	data, control := make([]byte, 64<<10), make([]byte, 1024)
	n, cn, _, _, err := conn.ReadMsgUnix(data, control)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := syscall.ParseSocketControlMessage(control[:cn])
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d control messages, %v", len(messages), err)
	}
	cred, err := syscall.ParseUnixCredentials(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(data[:n]), cred
}

func TestTheJournalGetsARecordWithItsFields(t *testing.T) {
	conn, path := daemon(t)
	if err := (&Log{places: []place{{path, journalFormat}}}).Write(record); err != nil {
		t.Fatal(err)
	}
	text, cred := receive(t, conn)
	for _, want := range []string{
		"MESSAGE=" + record.Message, "PRIORITY=5", "SYSLOG_FACILITY=10", "SYSLOG_IDENTIFIER=cardea-agent",
		"CARDEA_WHAT=pin", "CARDEA_OUTCOME=pinWrong", "CARDEA_TRIES_LEFT=2",
	} {
		if !strings.Contains("\n"+text, "\n"+want+"\n") {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	if int(cred.Pid) != os.Getpid() || int(cred.Uid) != os.Getuid() {
		t.Errorf("it came from %+v", cred)
	}
}

func TestAValueOfSeveralLinesIsOneValue(t *testing.T) {
	conn, path := daemon(t)
	value := "a\nPRIORITY=0\nb"
	err := (&Log{places: []place{{path, journalFormat}}}).Write(Record{Message: "m", Fields: []Field{{"origin", value}}})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := receive(t, conn)
	want := bytes.Join([][]byte{[]byte("CARDEA_ORIGIN\n"), binary.LittleEndian.AppendUint64(nil, uint64(len(value))), []byte(value + "\n")}, nil)
	if !strings.Contains(text, string(want)) || strings.Count(text, "PRIORITY=5\n") != 1 {
		t.Errorf("got %q", text)
	}
}

func TestWithoutAJournalTheSyslogDaemonGetsALine(t *testing.T) {
	conn, path := daemon(t)
	log := &Log{places: []place{{filepath.Join(t.TempDir(), "nothing"), journalFormat}, {path, syslogFormat}}}
	if err := log.Write(Record{Message: "one\ntwo"}); err != nil {
		t.Fatal(err)
	}
	text, _ := receive(t, conn)
	form := regexp.MustCompile(`^<85>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} cardea-agent\[` + fmt.Sprint(os.Getpid()) + `\]: one\\ntwo$`)
	if !form.MatchString(text) {
		t.Errorf("got %q", text)
	}
}

// The fields are the sender's own word. Whose they are is the kernel's.
func TestWhoWroteARecordIsTheSystemsWord(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to write as another user")
	}
	conn, path := daemon(t)
	for p := path; p != "/" && p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = []string{sendEnv + "=" + path}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if text, cred := receive(t, conn); cred.Uid != 65534 || !strings.Contains(text, "CARDEA_UID=0") {
		t.Errorf("it came from %+v: %s", cred, text)
	}
}

func TestALogThatDoesNotReadIsNotWaitedFor(t *testing.T) {
	_, path := daemon(t)
	log := &Log{places: []place{{path, journalFormat}}}
	long := Record{Message: strings.Repeat("x", 32<<10)}
	for range 10_000 {
		start := time.Now()
		if err := log.Write(long); err != nil {
			if !errors.Is(err, ErrNone) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > 20*patience {
				t.Errorf("the writer waited for %v", took)
			}
			return
		}
	}
	t.Error("a log that nobody reads never is full")
}

func TestASystemWithoutALogSaysSo(t *testing.T) {
	log := &Log{places: []place{{filepath.Join(t.TempDir(), "nothing"), journalFormat}}}
	if err := log.Write(record); !errors.Is(err, ErrNone) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
