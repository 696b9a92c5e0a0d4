package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-agent/cardea/agent/approvals"
	"github.com/cardea-agent/cardea/agent/choices"
	"github.com/cardea-agent/cardea/agent/desktop"
	"github.com/cardea-agent/cardea/agent/handover"
	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/prompt/nodump"
	"github.com/cardea-agent/cardea/agent/session"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

// options are the flags of all commands.
type options struct {
	listen    string
	broker    string
	policy    string
	audit     string
	log       string
	choices   string
	origins   string
	prompt    string
	socket    string
	whileIn   bool
	developer bool
	verbose   bool
	json      bool
	names     bool
	apply     bool
	remove    bool
	system    string
	installed bool
}

// heapGrowth is by how much of what is in use, in percent, the heap may grow before
// it is looked through. Go's own is 100.
const heapGrowth = 60

func (o *options) runFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-agent run", flag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", "", "loopback `address` and port for pages (default 127.0.0.1 and the policy's port); both families are served")
	flags.StringVar(&o.broker, "broker", "", "take connections from the broker that agents dial at this `path`, instead of listening")
	flags.StringVar(&o.policy, "policy", "", "policy `file`, instead of those of this system")
	flags.StringVar(&o.audit, "audit", "", "audit log `file` (default below this user's state folder)")
	flags.StringVar(&o.log, "log", "", "log `file` beside standard error, or none (default below this user's state folder)")
	flags.StringVar(&o.choices, "choices", "", "`file` of remembered choices of keys (default below this user's state folder)")
	flags.StringVar(&o.origins, "origins", "", "`file` of the sites that the person let in (default below this user's state folder)")
	flags.StringVar(&o.prompt, "prompt", "tray", "who asks the person: tray or terminal")
	flags.StringVar(&o.socket, "prompt-socket", "", "the tray's socket `path` (default in this user's runtime folder)")
	flags.BoolVar(&o.whileIn, "until-stdin-ends", false, "end when standard input does, as at an interrupt: for whoever starts agents for others")
	flags.BoolVar(&o.developer, "developer", false, "also let in listed http origins of this computer")
	flags.BoolVar(&o.verbose, "verbose", false, "log more, whatever the policy says")
	return flags
}

func run(ctx context.Context, args []string, errs io.Writer) error {
	if err := nodump.Disable(); err != nil {
		return err
	}
	// The agent runs on every computer all day and works for milliseconds: a
	// small heap is worth more than rare collections.
	debug.SetGCPercent(heapGrowth)
	var o options
	if err := parse(o.runFlags(), args, errs); err != nil {
		return err
	}
	if o.prompt != "tray" && o.prompt != "terminal" {
		return fmt.Errorf("%w: --prompt must be tray or terminal, not %q", errUsage, o.prompt)
	}
	if o.whileIn {
		inner, stop := context.WithCancel(ctx)
		defer stop()
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
		ctx = inner
	}
	return o.run(ctx, errs)
}

func (o options) run(ctx context.Context, errs io.Writer) error {
	logging, err := startLogging(o, errs)
	if err != nil {
		return err
	}
	defer logging.Close()
	log := logging.log
	rules, err := policy.Open(o.places(), log)
	if err != nil {
		return err
	}
	if p, _ := rules.Current(); len(p.Origins()) == 0 {
		log.Warn("the policy names no origin, so no page may ask for a sign-in")
	}
	if o.listen == "" {
		p, _ := rules.Current()
		o.listen = net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port()))
	}
	if o.choices == "" {
		if o.choices, err = choicesPath(); err != nil {
			return err
		}
	}
	if o.origins == "" {
		if o.origins, err = originsPath(); err != nil {
			return err
		}
	}
	module, err := host.Self(moduleRole)
	if err != nil {
		return helped(err, rules)
	}
	listeners, err := o.listeners(log)
	if err != nil {
		return helped(err, rules)
	}
	c := session.Config{
		Driver: pcsc.System{}, Policy: rules, Audit: logging.audit, Log: log, Version: version,
		Listeners: listeners, Developer: o.developer, PromptPath: o.socket,
		Choices: choices.New(o.choices, log), ModuleHost: module, Approvals: approvals.Open(o.origins),
		Records: logging.memory.Lines, Desktop: desktop.Look, DesktopChanges: desktop.Watch,
	}
	if o.prompt == "terminal" {
		c.Prompter = prompt.NewTerminal(os.Stdin, os.Stderr)
		if c.PromptPath == "" {
			c.PromptPath, _ = prompt.DefaultPath() // without one nobody can inquire
		}
	}
	c.Facts = o.facts(logging, rules, listeners)
	group, ctx := errgroup.WithContext(ctx)
	signals := logSignals(ctx) // before anybody is told that the agent runs, and sends one
	for _, l := range listeners {
		log.Info("listening", "address", l.Addr().String(), "version", version)
	}
	group.Go(func() error { return rules.Run(ctx) })
	group.Go(func() error { logging.follow(ctx, rules, signals); return nil })
	group.Go(func() error { return helped(session.Run(ctx, c), rules) })
	return group.Wait()
}

// facts are what the agent knows of itself, for an inquiry.
func (o options) facts(l *logging, rules *policy.Live, listeners []net.Listener) func() prompt.Facts {
	started := time.Now()
	var addresses []string
	for _, listener := range listeners {
		addresses = append(addresses, listener.Addr().String())
	}
	return func() prompt.Facts {
		state := rules.State()
		facts := prompt.Facts{
			Started: started, Process: os.Getpid(), Addresses: addresses, Asks: o.prompt, PolicyFile: o.policy, Broker: o.broker,
			LogLevel: l.level.Level().String(), LogFile: l.path, SystemLog: l.system.trouble(), PolicySince: state.Since,
		}
		for _, problem := range state.Problems {
			facts.PolicyProblems = append(facts.PolicyProblems, problem.Error())
		}
		return facts
	}
}

// listeners are where pages' connections come from.
func (o options) listeners(log *slog.Logger) ([]net.Listener, error) {
	if o.broker != "" {
		return []net.Listener{handover.Listen(o.broker, log)}, nil
	}
	return loopback.Listen(o.listen)
}

// helped says beside an error who can help with it, where that is known.
func helped(err error, rules *policy.Live) error {
	p, _ := rules.Current()
	if c, ok := p.Contact(policy.HelpAdministrator); ok && err != nil {
		return fmt.Errorf("%w\nwho can help: %s", err, c)
	}
	return err
}

// places are where the policy is: those of this system, unless a file was named.
func (o options) places() policy.Places {
	if o.policy != "" {
		return policy.Only(o.policy)
	}
	return policy.System()
}
