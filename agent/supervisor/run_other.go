//go:build !windows

package main

import "errors"

// run has nothing to do here.
func (o options) run() error {
	return errors.New("this program is for Windows; here the system's own manager starts agent and tray")
}
