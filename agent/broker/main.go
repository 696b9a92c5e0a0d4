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

func run(args []string) error {
	flags := flag.NewFlagSet("cardea-broker", flag.ContinueOnError)
	listen := flags.String("listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(defaultPort)), "loopback `address` and port for pages; both families are served")
	path := flags.String("socket", handover.DefaultPath, "where agents dial, a `path`")
	managed := managedFlag(flags)
	show := flags.Bool("version", false, "say which version this is")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is one word too many", flags.Arg(0))
	}
	if *show {
		fmt.Println("cardea-broker", version)
		return nil
	}
	p := &program{router: router{peers: peer.NewSystem()}}
	s, err := service.New(p, &service.Config{Name: "cardea-broker"})
	if err != nil {
		return err
	}
	p.open = func() error { return p.listen(*listen, *path) }
	if *managed {
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
