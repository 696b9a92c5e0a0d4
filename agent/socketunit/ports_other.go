//go:build !linux

package socketunit

import "context"

// ports finds nothing: only systemd holds sockets.
func ports(context.Context) ([]uint16, error) { return nil, nil }
