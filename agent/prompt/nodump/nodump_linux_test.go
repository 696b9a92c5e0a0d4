package nodump

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

const childEnv = "CARDEA_TEST_NODUMP"

// TestMain is also the child that turns its own dumps off and reports what the
// kernel then says: the test program itself stays as it was.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		m.Run()
		return
	}
	var limit unix.Rlimit
	before, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	err := Disable()
	after, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if e := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || e != nil || before != 1 || after != 0 || limit.Cur != 0 || limit.Max != 0 {
		os.Exit(1)
	}
}

func TestTheKernelMakesNoDumpAfterDisable(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
