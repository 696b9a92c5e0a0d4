package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/cardea-agent/cardea/agent/approvals"
	"github.com/cardea-agent/cardea/agent/audit"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/weborigin"
)

func (o *options) originsFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-agent origins", flag.ContinueOnError)
	flags.StringVar(&o.origins, "origins", "", "`file` of the answers (default below this user's state folder)")
	flags.StringVar(&o.policy, "policy", "", "policy `file`, instead of those of this system")
	flags.StringVar(&o.audit, "audit", "", "audit log `file` (default below this user's state folder)")
	return flags
}

// origins lists the person's answers about sites, or takes one back. It works
// on the file, whether an agent runs or not: one that runs notices.
func origins(args []string, out, errs io.Writer) error {
	what := "list"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		what, args = args[0], args[1:]
	}
	var o options
	site := ""
	if what == "revoke" {
		if len(args) == 0 || args[0] == "" || args[0][0] == '-' {
			return fmt.Errorf("%w: origins revoke needs an origin, such as https://site.example", errUsage)
		}
		site, args = args[0], args[1:]
	}
	if err := parse(o.originsFlags(), args, errs); err != nil {
		return err
	}
	if o.origins == "" {
		path, err := originsPath()
		if err != nil {
			return err
		}
		o.origins = path
	}
	switch what {
	case "list":
		return o.listOrigins(out, errs)
	case "revoke":
		return o.revokeOrigin(site, out)
	}
	return fmt.Errorf("%w: origins can list and revoke, not %q", errUsage, what)
}

func (o options) listOrigins(out, errs io.Writer) error {
	entries, err := approvals.Open(o.origins).List()
	if err != nil {
		return err
	}
	for _, line := range approvals.Lines(entries) {
		fmt.Fprintln(out, line)
	}
	if rules, err := o.places().Load(); err == nil && len(entries) > 0 && !rules.AskOrigins() {
		fmt.Fprintln(errs, "The policy does not let people decide about sites (origins.ask), so these answers do not count.")
	}
	return nil
}

func (o options) revokeOrigin(site string, out io.Writer) error {
	origin, err := weborigin.ASCII(site)
	if err != nil {
		return fmt.Errorf("%w: origin %q: %w", errUsage, site, err)
	}
	was, err := approvals.Open(o.origins).Revoke(origin)
	switch {
	case err != nil:
		return err
	case was == "":
		return fmt.Errorf("there is no answer about %s", origin)
	case was == approvals.Refused:
		fmt.Fprintf(out, "you may be asked about %s again\n", origin)
		return nil
	}
	fmt.Fprintf(out, "%s may no longer use your smartcard, and you are not asked about it for a day\n", origin)
	return o.recordRevocation(origin)
}

// recordRevocation writes the line that the agent would have written.
func (o options) recordRevocation(origin string) (err error) {
	if o.audit == "" {
		if o.audit, err = auditPath(); err != nil {
			return err
		}
	}
	log, file, err := audit.Open(o.audit)
	if err != nil {
		return err
	}
	defer file.Close()
	log.Failed = func(_ signin.Event, failure error) { err = fmt.Errorf("it is not in the audit log: %w", failure) }
	log.Record(signin.Event{What: approvals.EventRevoke, Origin: origin, Outcome: "ok"})
	return err
}
