package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"

	"github.com/cardea-agent/cardea/agent/approvals"
	"github.com/cardea-agent/cardea/agent/audit"
	"github.com/cardea-agent/cardea/agent/choices"
	"github.com/cardea-agent/cardea/agent/endpoint"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/prompt/nodump"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/session"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
)

// options are the flags of run.
type options struct {
	listen    string
	policy    string
	audit     string
	choices   string
	origins   string
	prompt    string
	socket    string
	developer bool
	verbose   bool
}

func run(ctx context.Context, args []string, errs io.Writer) error {
	if err := nodump.Disable(); err != nil {
		return err
	}
	var o options
	flags := flag.NewFlagSet("cardea-agent run", flag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(protocol.DefaultPort)), "loopback `address` and port for pages; both families are served")
	flags.StringVar(&o.policy, "policy", "", "policy `file` (default "+policyPath()+", where there is one)")
	flags.StringVar(&o.audit, "audit", "", "audit log `file` (default below this user's state folder)")
	flags.StringVar(&o.choices, "choices", "", "`file` of remembered choices of keys (default below this user's state folder)")
	flags.StringVar(&o.origins, "origins", "", "`file` of the sites that the person let in (default below this user's state folder)")
	flags.StringVar(&o.prompt, "prompt", "tray", "who asks the person: tray or terminal")
	flags.StringVar(&o.socket, "prompt-socket", "", "the tray's socket `path` (default in this user's runtime folder)")
	flags.BoolVar(&o.developer, "developer", false, "also let in listed http origins of this computer")
	flags.BoolVar(&o.verbose, "verbose", false, "log more")
	if err := parse(flags, args, errs); err != nil {
		return err
	}
	if o.prompt != "tray" && o.prompt != "terminal" {
		return fmt.Errorf("%w: --prompt must be tray or terminal, not %q", errUsage, o.prompt)
	}
	return o.run(ctx, errs)
}

func (o options) run(ctx context.Context, errs io.Writer) error {
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level}))
	rules, err := o.loadPolicy(log)
	if err != nil {
		return err
	}
	if o.audit == "" {
		if o.audit, err = auditPath(); err != nil {
			return err
		}
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
	decisions, file, err := audit.Open(o.audit)
	if err != nil {
		return err
	}
	defer file.Close()
	decisions.Failed = func(e signin.Event, err error) {
		log.Error("a decision is not in the audit log", "what", e.What, "origin", e.Origin, "outcome", e.Outcome, "err", err)
	}
	listeners, err := endpoint.Listen(o.listen)
	if err != nil {
		return err
	}
	c := session.Config{
		Driver: pcsc.System{}, Policy: rules, Audit: decisions, Log: log, Version: version,
		Listeners: listeners, Developer: o.developer, PromptPath: o.socket,
		Choices: choices.New(o.choices, log), Approvals: approvals.Open(o.origins),
	}
	if o.prompt == "terminal" {
		c.Prompter = prompt.NewTerminal(os.Stdin, os.Stderr)
	}
	for _, l := range listeners {
		log.Info("listening", "address", l.Addr().String(), "version", version)
	}
	return session.Run(ctx, c)
}

// loadPolicy reads the policy. Only the file that nobody named may be missing.
func (o options) loadPolicy(log *slog.Logger) (*policy.Policy, error) {
	if o.policy != "" {
		return policy.Load(o.policy)
	}
	rules, err := policy.LoadTrusted(policyPath())
	if errors.Is(err, fs.ErrNotExist) {
		log.Warn("there is no policy, so no page may ask for a sign-in", "file", policyPath())
		return policy.Parse(nil)
	}
	return rules, err
}
