// Command cardea-supervisor has cardea-agent and cardea-tray run in the sessions
// of Windows: in each one that somebody sits at, with that person's rights, from
// when they sign in until they sign out. What fails is started again, later each
// time. On other systems launchd and systemd do that.
//
// It is a service with the system's rights, since only those may start programs
// as others, and so it does nothing else: it opens no socket and no named pipe,
// reads nothing that a person or a page can write, and starts the two programs that
// lie beside it and no others. It never speaks to a card. What accepts
// connections is another service, cardea-broker.
//
// What is to be done is one function of facts (decide.go), tested by a table.
// The loop that does it (supervisor.go) is tested over a system in memory with a
// clock of its own, and the whole program, as a service, under Wine.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/cardea-agent/cardea/agent/buildinfo"
)

// version is set by the build.
var version = "0.0.0-dev"

// options are the flags.
type options struct {
	service bool
	broker  string
	version bool
	json    bool
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-supervisor", flag.ContinueOnError)
	flags.BoolVar(&o.service, "service", false, "be the service that the system's manager started")
	flags.StringVar(&o.broker, "broker", brokersPipe, "where agents dial the broker, a `path`")
	flags.BoolVar(&o.version, "version", false, "say which version this is")
	flags.BoolVar(&o.json, "json", false, "say it as a JSON object, with all that it was built from")
	return flags
}

// brokersPipe is handover.DefaultPath of Windows. What relays connections is not
// a part of this program, so it is written here once more; a test compares them.
const brokersPipe = `\\.\pipe\ProtectedPrefix\Administrators\Cardea\broker`

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "cardea-supervisor:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	var o options
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is one word too many", flags.Arg(0))
	}
	switch {
	case o.json:
		return buildinfo.Of("cardea-supervisor", version).Print(out)
	case o.version:
		fmt.Fprintln(out, "cardea-supervisor", version)
		return nil
	}
	return o.run()
}

// arguments are what a program is started with.
func (o options) arguments(p program) []string {
	if p == agent {
		return []string{"run", "--broker", o.broker, "--until-stdin-ends"}
	}
	return nil
}
