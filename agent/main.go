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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second interrupt ends the program at once, whatever it waits for.
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(errs, usage())
		return exitUsage
	}
	var err error
	switch args[0] {
	case moduleRole:
		err = serveModule(args[1:])
	case uninstalledRole:
		err = uninstalled(args[1:], errs)
	case "help", "--help", "-h":
		fmt.Fprint(out, usage())
	case "--version":
		err = printVersion(args[1:], out, errs)
	default:
		err = findCommand(args[0])(ctx, args[1:], out, errs)
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
