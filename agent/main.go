// Command cardea-agent runs one person's agent: it watches the readers, lets
// listed web pages ask for a sign-in, has the person asked for their PIN, and
// has their card sign.
//
// This package is flags, paths and exit codes. It never does any of the work
// itself; see agent/session for how the parts are joined. It is tested by
// running the program, in testdata/script.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// version is set by the build.
var version = "0.0.0-dev"

// The exit codes.
const (
	exitFailed = 1 // what was asked for could not be done
	exitUsage  = 2 // what was asked for is unclear
	exitUnwell = 3 // "doctor" found what somebody has to mend
)

const usage = `cardea-agent lets web pages sign you in with the smartcard in your reader.

Usage:
  cardea-agent run [flags]            run the agent in this session
  cardea-agent doctor [--json]        check this computer, and say what to do
  cardea-agent support-report [FILE]  write what a service desk needs into one file
  cardea-agent errors [CODE]          say what an error means, and who can mend it
  cardea-agent policy show [--json]   say which settings count, and who decided them
  cardea-agent policy check FILE      say what is wrong with a policy file, if anything
  cardea-agent autostart              fail if policy keeps Cardea from starting by itself
  cardea-agent browser-policy         show what browsers have to be told; --apply tells them
  cardea-agent origins list           list the sites that you decided about
  cardea-agent origins revoke ORIGIN  take your answer about one of them back
  cardea-agent version [--json]       say which version this is

"cardea-agent run --help" lists the flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second interrupt ends the program at once, whatever it waits for.
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(errs, usage)
		return exitUsage
	}
	var err error
	switch args[0] {
	case "run":
		err = run(ctx, args[1:], errs)
	case "origins":
		err = origins(args[1:], out, errs)
	case "doctor":
		err = doctorCommand(ctx, args[1:], out, errs)
	case "support-report":
		err = supportReport(ctx, args[1:], out, errs)
	case "errors":
		err = errorsCommand(args[1:], out, errs)
	case "autostart":
		err = autostart(args[1:], errs)
	case "policy":
		err = policyCommand(args[1:], out, errs)
	case "browser-policy":
		err = browserPolicy(args[1:], out, errs)
	case moduleRole:
		err = serveModule(args[1:])
	case "version", "--version":
		err = printVersion(args[1:], out, errs)
	case "help", "--help", "-h":
		fmt.Fprint(out, usage)
	default:
		err = fmt.Errorf("%w: there is no command %q; see cardea-agent help", errUsage, args[0])
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errProblem):
		return exitUnwell
	case errors.Is(err, errUsage):
		fmt.Fprintln(errs, "cardea-agent:", err)
		return exitUsage
	}
	for line := range strings.Lines(err.Error()) { // a policy may have many faults
		fmt.Fprintln(errs, "cardea-agent:", strings.TrimSuffix(line, "\n"))
	}
	return exitFailed
}

var errUsage = errors.New("usage")

// parse reads flags and refuses what is left over.
func parse(flags *flag.FlagSet, args []string, errs io.Writer) error {
	flags.SetOutput(errs)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%w: %q is one word too many", errUsage, flags.Arg(0))
	}
	return nil
}
