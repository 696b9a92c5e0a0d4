package card

import (
	"fmt"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/pcsc/pcscdtest"
	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// role is the first argument of the test program when it is a module's process.
const role = "pkcs11-host"

type runner func() int

func (r runner) Run() int { return r() }

func mainOf(m *testing.M) int {
	if len(os.Args) > 1 && os.Args[1] == role {
		if err := host.Serve(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	return pcscdtest.Main(runner(func() int {
		daemon := goleak.IgnoreCurrent()
		code := m.Run()
		pkcs11test.CleanUp()
		if err := goleak.Find(daemon); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		return code
	}))
}

// hosts makes the processes of modules as an agent does, with a test's changes.
func hosts(t testing.TB, log *slog.Logger, changes ...func(*host.Config)) func(cards.Module, string) Module {
	t.Helper()
	command, err := host.Self(role)
	if err != nil {
		t.Fatal(err)
	}
	return func(m cards.Module, file string) Module {
		if len(changes) == 0 {
			return StartModule(command, m, file, log)
		}
		c := host.Config{Command: command, Module: file, Log: log}
		for _, change := range changes {
			change(&c)
		}
		return host.New(c)
	}
}
