// Command cardea-broker owns the port that pages connect to, for every session
// of this computer. Of each connection it asks the operating system which user
// (on Windows, which session) the other end belongs to, and hands it to that
// one's agent. A caller who has no agent is cut off at once.
//
// It never reads a byte of a connection, never speaks to a card and knows no
// origin and no PIN. It has no cgo, and imports of this module only what asks
// about owners, what listens and what hands over.
//
// It is run by the system's service manager. Where that passes sockets, as
// systemd does, it listens on those, so that nobody can take the port while it
// is started again. It is tested as a program, with agents and pages of several
// users.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/kardianos/service"

	"github.com/cardea-agent/cardea/agent/buildinfo"
	"github.com/cardea-agent/cardea/agent/handover"
	"github.com/cardea-agent/cardea/agent/peer"
)

// version is set by the build.
var version = "0.0.0-dev"

// defaultPort is the one that agent/protocol names.
const defaultPort = 24747

func main() {
	if err := run(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "cardea-broker:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	listen  string
	path    string
	managed bool // by the service manager of Windows
	version bool
	json    bool
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-broker", flag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(defaultPort)), "loopback `address` and port for pages; both families are served")
	flags.StringVar(&o.path, "socket", handover.DefaultPath, "where agents dial, a `path`")
	managedFlag(flags, &o.managed)
	flags.BoolVar(&o.version, "version", false, "say which version this is")
	flags.BoolVar(&o.json, "json", false, "say it as a JSON object, with all that it was built from")
	return flags
}

func run(args []string) error {
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
		return buildinfo.Of("cardea-broker", version).Print(os.Stdout)
	case o.version:
		fmt.Println("cardea-broker", version)
		return nil
	}
	p := &program{router: router{peers: peer.NewSystem()}}
	s, err := service.New(p, &service.Config{Name: "cardea-broker"})
	if err != nil {
		return err
	}
	p.open = func() error { return p.listen(o.listen, o.path) }
	if o.managed {
		return errors.Join(runManaged(p, s), p.err)
	}
	p.logTo(os.Stderr)
	// Who starts the broker by hand is told at once what is wrong.
	if err := p.open(); err != nil {
		return err
	}
	p.open = nil
	return errors.Join(s.Run(), p.err)
}
