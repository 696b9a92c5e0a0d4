package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/systemlog"
)

// policyCommand shows what counts, or checks a file before it is put in place.
func policyCommand(args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: cardea-agent policy show, or policy check FILE", errUsage)
	}
	switch args[0] {
	case "show":
		return showPolicy(args[1:], out, errs)
	case "check":
		return checkPolicy(args[1:], out, errs)
	}
	return fmt.Errorf("%w: there is no command policy %q; there are show and check", errUsage, args[0])
}

var errNoAutostart = errors.New("the policy keeps agent and tray from starting by themselves (autostart)")

// autostart is what starts agent and tray asks first. A policy that is not good
// keeps nothing from starting: the agent says then what is wrong with it.
func autostart(args []string, _, errs io.Writer) error {
	var o options
	if err := parse(o.autostartFlags(), args, errs); err != nil {
		return err
	}
	if p, err := o.places().Load(); err == nil && !p.Autostart() {
		return errNoAutostart
	}
	return nil
}

func (o *options) autostartFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-agent autostart", flag.ContinueOnError)
	flags.StringVar(&o.policy, "policy", "", "policy `file`, instead of those of this system")
	return flags
}

func (o *options) showPolicyFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-agent policy show", flag.ContinueOnError)
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.StringVar(&o.policy, "policy", "", "policy `file`, instead of those of this system")
	return flags
}

// showPolicy prints each setting and where it comes from, as an agent would find
// them that starts now.
func showPolicy(args []string, out, errs io.Writer) error {
	var o options
	if err := parse(o.showPolicyFlags(), args, errs); err != nil {
		return err
	}
	p, err := o.places().Load()
	if o.json {
		return errors.Join(printPolicyJSON(out, p, err), quiet(err))
	}
	if err != nil {
		return err
	}
	for _, w := range p.Warnings() {
		fmt.Fprintln(errs, "left out:", w)
	}
	return p.Print(out)
}

// quiet is the exit code of an error that was printed already.
func quiet(err error) error {
	if err == nil {
		return nil
	}
	return errPrinted
}

var errPrinted = errors.New("the policy is not good")

type shownProblem struct {
	Source  string `json:"source,omitempty"`
	Line    int    `json:"line,omitempty"`
	Setting string `json:"setting,omitempty"`
	Text    string `json:"text"`
}

func printPolicyJSON(out io.Writer, p *policy.Policy, err error) error {
	shown := struct {
		Settings []policy.Shown `json:"settings"`
		Problems []shownProblem `json:"problems"`
		Warnings []shownProblem `json:"warnings"`
	}{Settings: []policy.Shown{}, Problems: problems(policy.Problems(err)), Warnings: []shownProblem{}}
	if p != nil {
		shown.Settings, shown.Warnings = p.Show(), problems(p.Warnings())
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(shown)
}

func problems(all []*policy.Problem) []shownProblem {
	shown := []shownProblem{}
	for _, p := range all {
		shown = append(shown, shownProblem{Source: p.Source, Line: p.Line, Setting: p.Name, Text: p.Text})
	}
	return shown
}

func (o *options) checkPolicyFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-agent policy check", flag.ContinueOnError)
	flags.BoolVar(&o.installed, "installed", false, "check what the installer of Windows was told, instead of a file")
	return flags
}

// checkPolicy says all that is wrong with one file, in one go.
func checkPolicy(args []string, out, errs io.Writer) error {
	var o options
	if len(args) == 0 || args[0] == "" {
		return fmt.Errorf("%w: cardea-agent policy check needs a file", errUsage)
	}
	file, rest := args[0], args[1:]
	if file[0] == '-' {
		file, rest = "", args
	}
	if err := parse(o.checkPolicyFlags(), rest, errs); err != nil {
		return err
	}
	if o.installed {
		return checkInstalled(out, file)
	}
	p, err := policy.Check(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is good: %d origins\n", file, len(p.Origins()))
	return nil
}

// checkInstalled says what is wrong with what the installer was told. The
// installer asks before it is done: an agent would not start with it.
func checkInstalled(out io.Writer, file string) error {
	key := policy.System().Installed
	if file != "" || key == nil {
		return fmt.Errorf("%w: --installed is for Windows, and without a file", errUsage)
	}
	p, err := policy.Places{Installed: key}.Load()
	if err != nil {
		// The installer keeps nothing of what is printed.
		log := systemlog.Open()
		_ = log.Write(systemlog.Record{Message: "Cardea was not installed, since it was told what is not good:\n" + err.Error()})
		return errors.Join(err, log.Close())
	}
	fmt.Fprintf(out, "%s is good: %d origins\n", key.Name(), len(p.Origins()))
	return nil
}
