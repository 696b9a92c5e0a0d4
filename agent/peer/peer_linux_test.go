package peer_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/cardea-agent/cardea/agent/peer"
)

// dialEnv makes this test program a client: it dials the address and holds the
// connection until its standard input ends.
const dialEnv = "PEER_TEST_DIAL"

func TestMain(m *testing.M) {
	if addr := os.Getenv(dialEnv); addr != "" {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			os.Exit(3)
		}
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = conn.Close()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestTheOwnerOfAnOwnConnectionIsThisUser(t *testing.T) {
	self, err := peer.Self()
	if err != nil {
		t.Fatal(err)
	}
	if want := strconv.Itoa(os.Geteuid()); self.UID != want {
		t.Fatalf("self is %+v, want uid %s", self, want)
	}
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			l := listen(t, addr)
			client, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close() }()
			owner, err := peer.System{}.Of(accept(t, l))
			if err != nil || !owner.SameUser(self) {
				t.Errorf("owner %+v, %v; want %+v", owner, err, self)
			}
		})
	}
}

func TestASocketOfBothFamiliesIsFoundByItsMappedAddress(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	defer func() { _ = unix.Close(fd) }()
	to := &unix.SockaddrInet6{Port: l.Addr().(*net.TCPAddr).Port}
	copy(to.Addr[:], net.IPv4(127, 0, 0, 1).To16())
	if err := unix.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	self, err := peer.Self()
	if err != nil {
		t.Fatal(err)
	}
	owner, err := peer.System{}.Of(accept(t, l))
	if err != nil || !owner.SameUser(self) {
		t.Errorf("owner %+v, %v", owner, err)
	}
}

func TestMappedAddressesOfAConnectionAreAskedAboutPlainly(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	mapped := func(a net.Addr) net.Addr {
		return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1).To16(), Port: a.(*net.TCPAddr).Port}
	}
	conn := accept(t, l)
	owner, err := peer.System{}.Of(fakeConn{remote: mapped(conn.RemoteAddr()), local: mapped(conn.LocalAddr())})
	if err != nil || owner.UID != strconv.Itoa(os.Geteuid()) {
		t.Errorf("owner %+v, %v", owner, err)
	}
}

func TestAClosedConnectionHasNoOwner(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l := listen(t, addr)
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn := accept(t, l)
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		// The end of the stream says that the client's close has happened.
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		// The kernel falls back to the listener where the exact socket is gone.
		if owner, err := (peer.System{}).Of(conn); !errors.Is(err, peer.ErrNotFound) {
			t.Errorf("%s: owner %+v, %v", addr, owner, err)
		}
	}
}

func TestAnotherUsersConnectionIsTheirs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to dial as another user")
	}
	const other = 65534
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l := listen(t, addr)
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
		cmd.Env = []string{dialEnv + "=" + l.Addr().String()}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: other, Gid: other}}
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		owner, err := peer.System{}.Of(accept(t, l))
		if err != nil || owner.UID != strconv.Itoa(other) {
			t.Errorf("%s: owner %+v, %v", addr, owner, err)
		}
		self, err := peer.Self()
		if err != nil || owner.SameUser(self) {
			t.Errorf("%s: another user passes for %+v, %v", addr, self, err)
		}
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// What is kept between questions must never give one connection the owner of
// another, also after questions that have no answer.
func TestOneSystemAnswersManyQuestionsAtOnce(t *testing.T) {
	system := peer.NewSystem()
	self, err := peer.Self()
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	for range 4 {
		l := listen(t, "127.0.0.1:0")
		asking.Go(func() {
			for range 50 {
				client, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				conn, err := l.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				open := fakeConn{remote: client.LocalAddr(), local: client.RemoteAddr()}
				if owner, err := system.Of(open); err != nil || !owner.SameUser(self) {
					t.Errorf("owner %+v, %v", owner, err)
				}
				if owner, err := system.Of(fakeConn{remote: client.LocalAddr(), local: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}}); !errors.Is(err, peer.ErrNotFound) {
					t.Errorf("a connection that is not: %+v, %v", owner, err)
				}
				_ = client.Close()
				_ = conn.Close()
			}
		})
	}
	asking.Wait()
}

func BenchmarkOf(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	conn, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	system := peer.NewSystem()
	for b.Loop() {
		if _, err := system.Of(conn); err != nil {
			b.Fatal(err)
		}
	}
}

func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
		t.Skipf("no such address here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
