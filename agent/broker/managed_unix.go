//go:build unix

package main

import (
	"errors"
	"flag"

	"github.com/kardianos/service"
)

// managedFlag has no flag: under systemd and launchd the broker is the same
// program as by hand.
func managedFlag(*flag.FlagSet, *bool) {}

func runManaged(*program, service.Service) error { return errors.ErrUnsupported }
