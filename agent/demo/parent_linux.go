package main

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the child end when this program does, however it ends.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
