package host

import "golang.org/x/sys/unix"

// dupTo makes to another name of from. Not all of Linux has dup2.
func dupTo(from, to int) error { return unix.Dup3(from, to, 0) }
