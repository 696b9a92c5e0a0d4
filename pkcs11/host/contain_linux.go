package host

import (
	"os/exec"
	"syscall"
)

// startContained starts a child that the kernel kills when the calling thread
// ends. release is called when the child has ended.
func startContained(cmd *exec.Cmd) (release func(), err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return func() {}, cmd.Start()
}
