package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// otherProcess is set where a test starts this test program again as another
// process; it reports whether this is that process.
var otherProcess = func() bool { return false }

func TestMain(m *testing.M) {
	if otherProcess() {
		return
	}
	testscript.Main(m, map[string]func(){
		"cardea-agent": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
			stop()
			os.Exit(code)
		},
	})
}

// freePort is a port that nobody had a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port, l.Close()
}

func TestTheProgramDoesAsItsScriptsSay(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "../testdata/script",
		Setup: func(e *testscript.Env) error {
			// No script may meet the machine's own readers.
			e.Setenv("PCSCLITE_CSOCK_NAME", e.WorkDir+"/no-pcscd")
			e.Setenv("XDG_RUNTIME_DIR", e.WorkDir+"/run")
			e.Setenv("HOME", e.WorkDir)
			port, err := freePort()
			e.Setenv("PORT", port)
			return errors.Join(err, os.Mkdir(e.WorkDir+"/run", 0o700))
		},
		Condition: func(name string) (bool, error) {
			if name != "namespace" {
				return false, errors.New("there is no such condition")
			}
			return os.Getuid() == 0 && exec.Command("unshare", "--mount", "true").Run() == nil, nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await": await,
		},
	})
}
