// Package loopback listens on this computer's own addresses, and on no others.
//
// It also accepts with patience, so that nobody ends what listens by connecting
// too often. It never looks at a connection, and does not know who connects. The
// broker, the agent without a broker and the demo listen through it. Its test
// listens for real, and plays machines without IPv6 or without room.
package loopback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Listen listens on the loopback addresses of both families, since localhost
// is either. addr is a loopback name (127.0.0.1, [::1] or localhost) and a
// port; everything else is refused. Port 0 takes one that is free in both
// families. Where the machine has no IPv6, IPv4 is enough. A port that another
// program holds in one of the families is an error: half of the pages would
// talk to that program.
func Listen(addr string) ([]net.Listener, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("loopback: listen: %w", err)
	}
	switch host {
	case "127.0.0.1", "::1", "localhost":
	default:
		return nil, fmt.Errorf("loopback: listen on %q: only 127.0.0.1, [::1] and localhost are allowed", host)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("loopback: listen: %q is no port", portText)
	}
	config := net.ListenConfig{Control: exclusive}
	return listenBoth(int(port), func(network, addr string) (net.Listener, error) {
		return config.Listen(context.Background(), network, addr)
	})
}

// NoFamily reports whether an error says that this machine has no addresses of
// that family.
func NoFamily(err error) bool { return errors.Is(err, errNoAddress) || errors.Is(err, errNoFamily) }

// attempts bounds how often a free port of one family may be taken in the other.
const attempts = 16

func listenBoth(port int, listen func(network, addr string) (net.Listener, error)) ([]net.Listener, error) {
	var lastErr error
	for range attempts {
		v4, err := listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return nil, fmt.Errorf("loopback: %w", err)
		}
		_, chosen, err := net.SplitHostPort(v4.Addr().String())
		if err != nil {
			_ = v4.Close()
			return nil, fmt.Errorf("loopback: %w", err)
		}
		v6, err := listen("tcp6", net.JoinHostPort("::1", chosen))
		if err == nil {
			return []net.Listener{v4, v6}, nil
		}
		if NoFamily(err) {
			return []net.Listener{v4}, nil
		}
		_ = v4.Close()
		lastErr = err
		if port != 0 || !errors.Is(err, errInUse) {
			break
		}
	}
	return nil, fmt.Errorf("loopback: %w", lastErr)
}
