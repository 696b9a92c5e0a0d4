package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/supportreport"
)

// logTail is how much of the log file goes into a report, in bytes.
const logTail = 512 << 10

func (o *options) supportFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-agent support-report", flag.ContinueOnError)
	flags.BoolVar(&o.names, "with-names", false, "leave this user's names in")
	flags.StringVar(&o.policy, "policy", "", "policy `file`, instead of those of this system")
	flags.StringVar(&o.log, "log", "", "the agent's log `file`, when no agent runs (default below this user's state folder)")
	flags.StringVar(&o.socket, "prompt-socket", "", "the agent's socket `path` (default in this user's runtime folder)")
	return flags
}

// supportReport writes what a service desk needs into one file.
func supportReport(ctx context.Context, args []string, out, errs io.Writer) error {
	var o options
	flags := o.supportFlags()
	flags.SetOutput(errs)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 1 {
		return fmt.Errorf("%w: %q is one word too many", errUsage, flags.Arg(1))
	}
	person := supportreport.Person{}
	if !o.names {
		person = thisPerson()
	}
	fmt.Fprintln(errs, "Looking at readers, cards, network, policies and programs...")
	r := examine(ctx, here(o))
	parts, err := o.parts(ctx, r)
	if err != nil {
		return err
	}
	path := flags.Arg(0)
	if path == "" {
		path = "cardea-support-" + r.when.Format("20060102-150405") + ".zip"
	}
	entries, err := supportreport.Write(path, r.when, supportreport.NewRedactor(person), parts...)
	if err != nil {
		return err
	}
	return printEntries(out, path, o.names, entries)
}

func printEntries(out io.Writer, path string, names bool, entries []supportreport.Entry) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s holds:\n", path)
	for _, e := range entries {
		fmt.Fprintf(&b, "  %-14s %8d bytes  %s\n", e.Name, e.Bytes, e.About)
	}
	b.WriteString("PINs are never written down. Tokens, nonces, signatures, whole certificates and holders' names\nwere taken out")
	if names {
		b.WriteString("; your names were left in, as you asked.\n")
	} else {
		b.WriteString(", and so were your names.\n")
	}
	b.WriteString("It was sent to nobody. Look into it before you do.\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// parts are the texts of a report.
func (o options) parts(ctx context.Context, r report) ([]supportreport.Part, error) {
	var found, foundJSON, settings strings.Builder
	if err := errors.Join(r.print(&found), r.printJSON(&foundJSON)); err != nil {
		return nil, err
	}
	places := o.places()
	if o.policy == "" && r.facts.PolicyFile != "" {
		places = policy.Only(r.facts.PolicyFile)
	}
	p, loadErr := places.Load()
	if err := printPolicyJSON(&settings, p, loadErr); err != nil {
		return nil, err
	}
	versions, err := json.MarshalIndent(versionsOf(ctx, r), "", "  ")
	if err != nil {
		return nil, err
	}
	path := r.facts.LogFile
	if path == "" {
		if path = o.log; path == "" {
			if path, err = logPath(); err != nil {
				path = ""
			}
		}
	}
	log := "the agent writes no log file\n"
	if path != "" && path != none {
		log = supportreport.Tail(path, logTail)
	}
	recent := "no agent of this user answers\n"
	if len(r.records) > 0 {
		recent = strings.Join(r.records, "\n") + "\n"
	}
	return []supportreport.Part{
		{Name: "doctor.txt", About: "what was found on this computer", Text: found.String()},
		{Name: "doctor.json", About: "the same, for programs", Text: foundJSON.String()},
		{Name: "policy.json", About: "which settings count, and where they come from", Text: settings.String()},
		{Name: "versions.json", About: "versions of the parts and of the system", Text: string(versions) + "\n"},
		{Name: "agent.log", About: "the end of the agent's log file", Text: log},
		{Name: "recent.log", About: "the agent's last records, in more detail", Text: recent},
	}, nil
}

// versionsOf lists the versions of all parts.
func versionsOf(ctx context.Context, r report) map[string]any {
	versions := map[string]any{
		"program": version, "protocol": protocol.Version, "go": runtime.Version(),
		"system": runtime.GOOS, "architecture": runtime.GOARCH, "release": release(),
		"agent": r.facts.Version, "tray": r.facts.Tray.Version, "installed": installed(ctx),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		modules := map[string]string{}
		for _, m := range info.Deps {
			modules[m.Path] = m.Version
		}
		versions["modules"] = modules
	}
	return versions
}

// release is the system's own name for its version, where a file has it.
func release() string {
	for _, path := range []string{"/etc/os-release", "/System/Library/CoreServices/SystemVersion.plist"} {
		if text, err := os.ReadFile(path); err == nil {
			return string(text)
		}
	}
	return ""
}

// thisPerson is who runs this program.
func thisPerson() supportreport.Person {
	var p supportreport.Person
	if home, err := os.UserHomeDir(); err == nil {
		p.Home = filepath.Clean(home)
	}
	if u, err := user.Current(); err == nil {
		// On Windows the log-in name is DOMAIN\name.
		login := u.Username[strings.LastIndexByte(u.Username, '\\')+1:]
		full, _, _ := strings.Cut(u.Name, ",")
		p.Names = append(p.Names, full, u.Username, login)
	}
	for _, name := range []string{"USER", "LOGNAME", "USERNAME", "SUDO_USER"} {
		p.Names = append(p.Names, os.Getenv(name))
	}
	return p
}
