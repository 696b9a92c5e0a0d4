package endpoint

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/peer"
)

func TestAnotherSystemUserWithAForgedOriginIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to run as another user")
	}
	self, err := peer.Self()
	if err != nil {
		t.Fatal(err)
	}
	var log buffer
	config := defaults(&fakeBackend{})
	config.Self, config.Peers, config.Log = self, peer.System{}, logTo(&log)
	listeners, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, config, listeners...)
	for _, l := range listeners {
		for _, c := range []struct {
			uid  uint32
			want string
		}{{0, "HTTP/1.1 101 Switching Protocols\r\n"}, {65534, ""}} {
			cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
			cmd.Env = []string{forgeEnv + "=" + l.Addr().String()}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
			// root is this user here, and is let in: only the user makes the
			// difference.
			out, err := cmd.Output()
			if err != nil || string(out) != c.want {
				t.Errorf("uid %d at %s was answered %q, %v", c.uid, l.Addr(), out, err)
			}
		}
	}
	if calls := s.backend.calls.Load(); calls != 0 {
		t.Errorf("%d calls", calls)
	}
	if !strings.Contains(log.String(), "owner=65534") {
		t.Errorf("the refusal is not logged: %s", log.String())
	}
}
