package endpoint

import (
	"net"
	"strconv"
	"testing"
)

func FuzzOnlyTheAgentsOwnHostsMatch(f *testing.F) {
	for _, seed := range []string{"127.0.0.1:24747", "localhost:24747", "[::1]:24747", "localhost", "evil.example:24747", "localhost:24747:24747", "LOCALHOST:24747"} {
		f.Add(seed, 24747)
	}
	f.Fuzz(func(t *testing.T, host string, port int) {
		if !hostAllowed(host, port) {
			return
		}
		name, p, err := net.SplitHostPort(host)
		if err != nil || p != strconv.Itoa(port) || name != "localhost" && !net.ParseIP(name).IsLoopback() {
			t.Errorf("%q is accepted for port %d", host, port)
		}
	})
}
