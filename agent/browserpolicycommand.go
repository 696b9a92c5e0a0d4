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

func (o *options) browserPolicyFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-agent browser-policy", flag.ContinueOnError)
	flags.BoolVar(&o.apply, "apply", false, "write it, as an administrator")
	flags.BoolVar(&o.remove, "remove", false, "take back what was written, as an administrator")
	flags.StringVar(&o.system, "system", runtime.GOOS, "print for another `system`: darwin gives the profile for Macs")
	flags.StringVar(&o.policy, "policy", "", "policy `file`, instead of those of this system")
	return flags
}

// browserPolicy prints the browsers' policies that the origins need, writes
// them, or takes back what was written.
func browserPolicy(args []string, out, errs io.Writer) error {
	var o options
	if err := parse(o.browserPolicyFlags(), args, errs); err != nil {
		return err
	}
	if o.apply && o.remove || (o.apply || o.remove) && o.system != runtime.GOOS {
		return fmt.Errorf("%w: --apply, --remove and --system exclude each other", errUsage)
	}
	if o.remove { // also when the policy is not good
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
	if o.system == mac {
		profile, err := browserpolicy.Profile(browsers(p), p.Origins())
		if err == nil && o.apply {
			err = browserpolicy.ErrProfile
		}
		fmt.Fprint(out, profile)
		return err
	}
	if o.system != runtime.GOOS {
		return fmt.Errorf("%w: --system must be %s or %s, not %q", errUsage, runtime.GOOS, mac, o.system)
	}
	return systemPolicy(out, p, o.apply)
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
