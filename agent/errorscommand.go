package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

func (o *options) errorsFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-agent errors", flag.ContinueOnError)
	flags.StringVar(&o.policy, "policy", "", "policy `file`, instead of those of this system")
	return flags
}

// errorsCommand explains the codes that pages show, for whoever is asked about
// one.
func errorsCommand(args []string, out, errs io.Writer) error {
	var o options
	flags := o.errorsFlags()
	flags.SetOutput(errs)
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 1 {
		return fmt.Errorf("%w: %q is one word too many", errUsage, flags.Arg(1))
	}
	if flags.NArg() == 0 {
		return listErrors(out)
	}
	code := findCode(flags.Arg(0))
	row, ok := protocol.Errors[code]
	if !ok {
		return fmt.Errorf("there is no error %q; \"cardea-agent errors\" lists them", flags.Arg(0))
	}
	p, _ := o.places().Load() // without one nobody is named
	_, err := fmt.Fprintf(out, "%s: %s\n\n  Means: %s\n  Do:    %s\n  Who:   %s\n", code, row.Message, row.Meaning, row.Fix, report{policy: p}.who(row.Who))
	return err
}

// findCode takes a code as it was read out to somebody.
func findCode(text string) signin.Code {
	for code := range protocol.Errors {
		if strings.EqualFold(string(code), text) {
			return code
		}
	}
	return signin.Code(text)
}

func listErrors(out io.Writer) error {
	var b strings.Builder
	for _, code := range slices.Sorted(maps.Keys(protocol.Errors)) {
		fmt.Fprintf(&b, "%-22s  %s\n", code, protocol.Errors[code].Message)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
