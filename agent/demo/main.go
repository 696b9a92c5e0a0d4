// Command cardea-demo shows the whole of Cardea on one computer, without a
// reader or a card: an agent, a virtual reader with virtual cards in it, and a
// sign-in site, in one process.
//
// It prints the address of the site and of a page on which cards are put in and
// taken out. The PIN is asked for by cardea-tray, which it starts where there is
// a screen, else in the terminal. With --check it signs in by itself, through a
// headless browser, and exits with 1 when a step fails.
//
// It listens on this computer's own addresses alone, needs neither a smartcard
// service nor root, and leaves nothing behind. It never belongs on a computer
// where people work: its cards and their PIN are known to everybody.
//
// It is tested by a sign-in over a WebSocket, and by --check where
// CARDEA_E2E is set.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/cardea-agent/cardea/agent/prompt/nodump"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// version is set by the build.
var version = "0.0.0-dev"

// The addresses that are used when the person names none. The first is the one
// that sites expect an agent on.
const (
	defaultListen = "127.0.0.1:24747"
	defaultSite   = "localhost:8714"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cardea-demo:", err)
		os.Exit(1)
	}
}

func execute(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("cardea-demo", flag.ContinueOnError)
	flags.SetOutput(errs)
	listen := flags.String("listen", defaultListen, "loopback `address` and port of the agent")
	site := flags.String("site", defaultSite, "loopback `address` and port of the sign-in site")
	checking := flags.Bool("check", false, "sign in with a headless browser and exit")
	verbose := flags.Bool("verbose", false, "write the log to the standard error")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is one word too many; see --help", flags.Arg(0))
	}
	if err := nodump.Disable(); err != nil {
		return err
	}
	c := config{listen: *listen, site: *site, log: slog.New(slog.DiscardHandler), trace: io.Discard, notice: out}
	if *verbose {
		c.log = slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.trace = errs
	}
	folder, err := os.MkdirTemp("", "cardea-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	c.folder = folder
	if *checking {
		return check(ctx, c)
	}
	return show(ctx, c)
}

// show runs the demo for a person, until they end it.
func show(ctx context.Context, c config) error {
	asks := choosePrompt(c.folder)
	c.prompter, c.promptPath = asks.prompter, asks.socket
	d, err := newDemo(c)
	if err != nil {
		return err
	}
	d.bench.insert(0)
	fmt.Fprintf(c.notice, `Cardea demo: the reader and the cards are virtual, everything else is real.

  Sign in       %s/
  Move cards    %[1]s/control
  PIN           %s, of every card
  Password      %s, of anna@hospital.example
                and of bryn@hospital.example, who is on the helpdesk

%s
Ctrl-C ends the demo.
`, d.origin, virtual.DefaultPIN, demoPassword, asks.sentence)
	if asks.trayPath == "" {
		return d.run(ctx)
	}
	tray := tray{path: asks.trayPath, socket: asks.socket, notice: c.notice, trace: c.trace, log: c.log}
	return d.run(ctx, tray.run)
}
