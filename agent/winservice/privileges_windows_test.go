package winservice

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/windows"
)

// TestMain plays the process that gives its privileges up: they are the whole
// process's, and gone for good.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "keep-one" {
		if err := KeepOnly(kept); err != nil {
			println(err.Error())
			os.Exit(1)
		}
		held, err := privileges(windows.GetCurrentProcessToken())
		if err != nil {
			println(err.Error())
			os.Exit(1)
		}
		os.Exit(10 + len(held))
	}
	os.Exit(m.Run())
}

const kept = "SeChangeNotifyPrivilege"

func TestOnlyTheNamedPrivilegesAreLeft(t *testing.T) {
	held, err := privileges(windows.GetCurrentProcessToken())
	if err != nil {
		t.Fatal(err)
	}
	if len(held) < 2 {
		t.Skipf("this process has %d privileges: there is nothing to give up", len(held))
	}
	cmd := exec.Command(os.Args[0], "keep-one")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 11 {
		t.Errorf("of %d privileges were left: code %d, %s", len(held), code, out)
	}
}

func TestAPrivilegeThatDoesNotExistIsAnError(t *testing.T) {
	if err := KeepOnly("SeNoSuchPrivilege"); err == nil {
		t.Error("it was taken")
	}
}
