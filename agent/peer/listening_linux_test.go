package peer_test

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/cardea-agent/cardea/agent/peer"
)

func TestWhoListensOnAPortIsFound(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"} {
		l := listen(t, addr)
		at := l.Addr().(*net.TCPAddr)
		found, err := peer.Listening(uint16(at.Port))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %+v, %v", addr, found, err)
		}
		got := found[0]
		if got.Address.Port() != uint16(at.Port) || got.Owner.UID != strconv.Itoa(os.Geteuid()) || got.Process != os.Getpid() || got.Program == "" {
			t.Errorf("%s: %+v", addr, got)
		}
		_ = l.Close()
		if found, err := peer.Listening(uint16(at.Port)); err != nil || len(found) != 0 {
			t.Errorf("%s, closed: %+v, %v", addr, found, err)
		}
	}
}
