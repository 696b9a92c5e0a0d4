//go:build unix

package main

import (
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// passed returns the sockets that the service manager passed: those for pages,
// and the one that agents dial. There may be none.
func passed() (pages []net.Listener, agents net.Listener, err error) {
	listeners, err := activation.Listeners()
	if err != nil {
		return nil, nil, err
	}
	for i, l := range listeners {
		switch at := addrOf(l).(type) {
		case *net.TCPAddr:
			if !at.IP.IsLoopback() {
				return nil, nil, fmt.Errorf("the service manager passed %s: only loopback addresses are served", at)
			}
			pages = append(pages, l)
		case *net.UnixAddr:
			if agents != nil {
				return nil, nil, fmt.Errorf("the service manager passed two sockets for agents: %s and %s", agents.Addr(), at)
			}
			agents = l
		default:
			return nil, nil, fmt.Errorf("the service manager's socket %d is of no use", i)
		}
	}
	return pages, agents, nil
}

func addrOf(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}
