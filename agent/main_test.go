package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cardea-agent/cardea/agent/loopback"
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

// freePort finds a port that is free on both families. It is below the range
// that systems hand out, so that no other test's ":0" takes it before the program
// does, nor a connection.
func freePort() (port string, err error) {
	for range 50 {
		port = strconv.Itoa(10000 + rand.IntN(10000))
		var listeners []net.Listener
		if listeners, err = loopback.Listen(net.JoinHostPort("127.0.0.1", port)); err != nil {
			continue
		}
		for _, l := range listeners {
			err = errors.Join(err, l.Close())
		}
		return port, err
	}
	return "", err
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
