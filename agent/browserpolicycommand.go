package main

import (
	"flag"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/cardea-agent/cardea/agent/browserpolicy"
	"github.com/cardea-agent/cardea/agent/policy"
)

// browserPolicy prints the browsers' policies that the origins need, writes
// them, or takes back what was written.
func browserPolicy(args []string, out, errs io.Writer) error {
	var o options
	flags := flag.NewFlagSet("cardea-agent browser-policy", flag.ContinueOnError)
	apply := flags.Bool("apply", false, "write it, as an administrator")
	remove := flags.Bool("remove", false, "take back what was written, as an administrator")
	system := flags.String("system", runtime.GOOS, "print for another `system`: darwin gives the profile for Macs")
	flags.StringVar(&o.policy, "policy", "", "policy `file`, instead of those of this system")
	if err := parse(flags, args, errs); err != nil {
		return err
	}
	if *apply && *remove || (*apply || *remove) && *system != runtime.GOOS {
		return fmt.Errorf("%w: --apply, --remove and --system exclude each other", errUsage)
	}
	if *remove { // also when the policy is not good
		m, err := browserpolicy.System()
		if err != nil {
			return err
		}
		changes, err := m.Remove()
		return told(out, changes, err)
	}
	p, err := o.places().Load()
	if err != nil {
		return err
	}
	if *system == mac {
		profile, err := browserpolicy.Profile(browsers(p), p.Origins())
		if err == nil && *apply {
			err = browserpolicy.ErrProfile
		}
		fmt.Fprint(out, profile)
		return err
	}
	if *system != runtime.GOOS {
		return fmt.Errorf("%w: --system must be %s or %s, not %q", errUsage, runtime.GOOS, mac, *system)
	}
	return systemPolicy(out, p, *apply)
}

// mac is the system whose browsers take profiles, as Go calls it.
const mac = "darwin"

func browsers(p *policy.Policy) []browserpolicy.Browser {
	var all []browserpolicy.Browser
	for _, name := range p.Browsers() {
		all = append(all, browserpolicy.Browser(name))
	}
	return all
}

func systemPolicy(out io.Writer, p *policy.Policy, apply bool) error {
	m, err := browserpolicy.System()
	if err != nil {
		return err
	}
	if apply {
		changes, err := m.Apply(browsers(p), p.Origins())
		return told(out, changes, err)
	}
	changes, err := m.Plan(browsers(p), p.Origins())
	if err != nil {
		return err
	}
	fmt.Fprint(out, m.Print(changes))
	for _, c := range changes {
		if len(c.Add)+len(c.Remove) == 0 {
			fmt.Fprintf(out, "%s is as it should be in %s\n", c.Browser, c.Place)
		}
	}
	return nil
}

// told says what was changed, unless nothing was.
func told(out io.Writer, changes []browserpolicy.Change, err error) error {
	if err != nil {
		return err
	}
	done := false
	for _, c := range changes {
		name := strings.Join(c.Policy, ".")
		for _, entry := range c.Add {
			fmt.Fprintf(out, "%s: %s in %s: added %s\n", c.Browser, name, c.Place, entry)
		}
		for _, entry := range c.Remove {
			fmt.Fprintf(out, "%s: %s in %s: removed %s\n", c.Browser, name, c.Place, entry)
		}
		done = done || len(c.Add)+len(c.Remove) > 0
	}
	if !done {
		fmt.Fprintln(out, "there is nothing to change")
	}
	return nil
}
