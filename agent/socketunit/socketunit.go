// Package socketunit asks the system which ports its service manager holds for
// the broker. With systemd the port is the socket unit's, which an administrator
// changes there: neither the broker nor the policy knows it, and the kernel says
// only that root listens.
//
// It never listens, changes nothing, and knows of no other unit. It is tested
// with systemd's part played on a real bus, and in a Debian with a real systemd,
// by installer/verify.
package socketunit

import "context"

// Ports are the TCP ports that are held for the broker, in the order of the
// unit. There are none on a system that holds none.
func Ports(ctx context.Context) ([]uint16, error) { return ports(ctx) }
