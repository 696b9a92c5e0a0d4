//go:build !linux

package virtual

import "net"

// acknowledgeAtOnce does nothing: vpcd is only spoken to on Linux.
func acknowledgeAtOnce(net.Conn) {}
