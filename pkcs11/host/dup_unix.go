//go:build unix && !linux

package host

import "golang.org/x/sys/unix"

// dupTo makes to another name of from.
func dupTo(from, to int) error { return unix.Dup2(from, to) }
