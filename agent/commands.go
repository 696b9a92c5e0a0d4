package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
)

// action is what a command does with the words after its first one.
type action func(ctx context.Context, args []string, out, errs io.Writer) error

// A command is one row of the help, of the manual page and of what shells
// complete. Those whose names begin with the same word share an action.
type command struct {
	name  string // one word, or two
	args  string // what may follow
	about string
	flags func(*options) *flag.FlagSet
	run   action
}

// commands are all commands that people have a use for, in the order of the help.
var commands = []command{
	{"run", "[flags]", "run the agent in this session", (*options).runFlags, func(ctx context.Context, args []string, _, errs io.Writer) error {
		return run(ctx, args, errs)
	}},
	{"doctor", "[--json]", "check this computer, and say what to do", (*options).doctorFlags, doctorCommand},
	{"support-report", "[FILE]", "write what a service desk needs into one file", (*options).supportFlags, supportReport},
	{"errors", "[CODE]", "say what an error means, and who can mend it", (*options).errorsFlags, plain(errorsCommand)},
	{"policy show", "[--json]", "say which settings count, and who decided them", (*options).showPolicyFlags, plain(policyCommand)},
	{"policy check", "FILE", "say what is wrong with a policy file, if anything", (*options).checkPolicyFlags, plain(policyCommand)},
	{"autostart", "", "fail if policy keeps Cardea from starting by itself", (*options).autostartFlags, plain(autostart)},
	{"browser-policy", "", "show what browsers have to be told; --apply tells them", (*options).browserPolicyFlags, plain(browserPolicy)},
	{"origins list", "", "list the sites that you decided about", (*options).originsFlags, plain(origins)},
	{"origins revoke", "ORIGIN", "take your answer about one of them back", (*options).originsFlags, plain(origins)},
	{"version", "[--json]", "say which version this is", (*options).versionFlags, plain(printVersion)},
}

// plain is an action that waits for nothing.
func plain(f func(args []string, out, errs io.Writer) error) action {
	return func(_ context.Context, args []string, out, errs io.Writer) error { return f(args, out, errs) }
}

// findCommand returns what to do for the first word of a command line.
func findCommand(word string) action {
	for _, c := range commands {
		if first, _, _ := strings.Cut(c.name, " "); first == word {
			return c.run
		}
	}
	return func(context.Context, []string, io.Writer, io.Writer) error {
		return fmt.Errorf("%w: there is no command %q; see cardea-agent help", errUsage, word)
	}
}

// usage is the help.
func usage() string {
	var b strings.Builder
	b.WriteString("cardea-agent lets web pages sign you in with the smartcard in your reader.\n\nUsage:\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-34s  %s\n", strings.TrimSpace("cardea-agent "+c.name+" "+c.args), c.about)
	}
	b.WriteString("\n\"cardea-agent run --help\" lists the flags of run, and so for all others.\n")
	return b.String()
}
