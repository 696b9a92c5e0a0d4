package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/agent/browserpolicy"
	"github.com/cardea-agent/cardea/agent/card"
	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/desktop"
	"github.com/cardea-agent/cardea/agent/doctor"
	"github.com/cardea-agent/cardea/agent/endpoint"
	"github.com/cardea-agent/cardea/agent/handover"
	"github.com/cardea-agent/cardea/agent/peer"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/socketunit"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

// surroundings are what the checks look at. Tests put others in their place.
type surroundings struct {
	places   policy.Places
	socket   string // the agent's; empty for the usual one
	driver   pcsc.Driver
	devices  func(context.Context) ([]pcsc.Device, error)
	drivers  func() []pcsc.DriverPackage
	now      func() time.Time
	listens  func(uint16) ([]peer.Listener, error)
	lookup   func(context.Context, string) ([]string, error)
	browser  func(browserpolicy.Browser) (browserpolicy.InForce, error)
	desktop  func(context.Context) (desktop.Session, error)
	broker   func() bool                             // whether the machine service runs
	held     func(context.Context) ([]uint16, error) // ports that the system holds for it
	modules  func(cards.Module, string) card.Module  // starts a module's process; nil starts none
	programs func(context.Context) []string          // installed beside this one
	built    time.Time                               // of this program; zero is unknown
	patience time.Duration
}

// here is this computer.
func here(o options) surroundings {
	return surroundings{
		modules: startModule,
		places:  o.places(), socket: o.socket, driver: pcsc.System{}, devices: pcsc.Devices, drivers: pcsc.Drivers,
		now: time.Now, listens: peer.Listening, lookup: net.DefaultResolver.LookupHost,
		browser: browserpolicy.SystemInForce, desktop: desktop.Look, broker: brokerRuns, held: socketunit.Ports, programs: installed, built: built(), patience: doctor.Patience,
	}
}

// brokerRuns looks for where agents meet the machine service, which it alone can
// make and which goes with it.
func brokerRuns() bool {
	_, err := os.Lstat(handover.DefaultPath)
	return err == nil
}

// startModule makes a module's process, as the agent does.
func startModule(m cards.Module, file string) card.Module {
	command, err := host.Self(moduleRole)
	if err != nil {
		command = nil // its start fails, and says so
	}
	return card.StartModule(command, m, file, slog.New(slog.DiscardHandler))
}

// load has a module loaded and initialised.
func (s surroundings) load() func(context.Context, cards.Module, string) error {
	if s.modules == nil {
		return nil
	}
	return func(ctx context.Context, m cards.Module, file string) error {
		process := s.modules(m, file)
		defer process.Close()
		_, err := process.Tokens(ctx, "")
		return err
	}
}

// errProblem is of checks that found something that somebody has to mend. It was
// printed already.
var errProblem = errors.New("a problem was found")

func (o *options) doctorFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-agent doctor", flag.ContinueOnError)
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.StringVar(&o.policy, "policy", "", "policy `file`, instead of those of this system")
	flags.StringVar(&o.socket, "prompt-socket", "", "the agent's socket `path` (default in this user's runtime folder)")
	return flags
}

// doctorCommand is "Check this PC".
func doctorCommand(ctx context.Context, args []string, out, errs io.Writer) error {
	var o options
	if err := parse(o.doctorFlags(), args, errs); err != nil {
		return err
	}
	if !o.json {
		fmt.Fprintln(errs, "Looking at readers, cards, network, policies and programs...")
	}
	report := examine(ctx, here(o))
	if o.json {
		if err := report.printJSON(out); err != nil {
			return err
		}
	} else if err := report.print(out); err != nil {
		return err
	}
	if doctor.Worst(report.findings) == doctor.Problem {
		return errProblem
	}
	return nil
}

// report is what was found, and whom to ask about it.
type report struct {
	when     time.Time
	findings []doctor.Finding
	facts    prompt.Facts // of the running agent; empty without one
	records  []string     // the last of its log
	policy   *policy.Policy
}

// contact is whom to ask for help with a finding; empty when nobody is named.
func (r report) contact(who protocol.Who) string {
	if r.policy == nil {
		return ""
	}
	return r.policy.WhoHelps(string(who))
}

// examine carries out all checks.
func examine(ctx context.Context, s surroundings) report {
	r := report{when: s.now()}
	var inquiry error
	r.facts, r.records, inquiry = prompt.Inquire(ctx, s.socket, true)
	if s.places.Named == "" && r.facts.PolicyFile != "" {
		s.places = policy.Only(r.facts.PolicyFile) // what counts for that agent
	}
	r.policy, _ = s.places.Load() // the check of the policy tells what is wrong
	rules := r.policy
	if rules == nil {
		rules, _ = policy.Parse(nil)
	}
	r.findings = doctor.Run(ctx, s.patience, s.probes(rules, r.facts, inquiry)...)
	return r
}

// probes are all checks, in the order of the report.
func (s surroundings) probes(rules *policy.Policy, facts prompt.Facts, inquiry error) []doctor.Probe {
	list, listErr := card.ShippedList(), error(nil)
	if path := rules.CardList(); path != "" {
		if list, listErr = list.Load(path); listErr != nil {
			list = card.ShippedList()
		}
	}
	self, _ := peer.Self()
	probes := []doctor.Probe{
		card.Check{
			Config:   card.Config{Driver: s.driver, List: list, Usable: rules.Usable, Algorithm: token.AlgorithmFor, Log: slog.New(slog.DiscardHandler), Modules: s.modules},
			Excluded: rules.Excluded, Devices: s.devices, Drivers: s.drivers, Built: s.built, Now: s.now,
		}.Probe(),
		card.ModuleCheck{List: list, Load: s.load()}.Probe(),
		prompt.Check{Facts: facts, Err: inquiry, Version: version, System: runtime.GOOS + " " + runtime.GOARCH, Installed: s.programs}.Probe(),
		endpoint.PortCheck{Port: portOf(rules, facts), Self: self, Agent: facts.Process, Broker: facts.Broker != "" || facts.Process == 0 && s.broker(), Held: s.held, Listening: s.listens}.Probe(),
		endpoint.LoopbackCheck{Lookup: s.lookup}.Probe(),
		policy.PlacesCheck{Places: s.places}.Probe(),
		browserpolicy.Check{Browsers: browsers(rules), Origins: rules.Origins(), Look: s.browser}.Probe(),
		desktop.Check{Look: s.desktop}.Probe(),
	}
	if listErr != nil {
		probes = append(probes, doctor.ProbeFunc{Title: "the card list", Func: func(context.Context) []doctor.Finding {
			return []doctor.Finding{{Code: doctor.CardListBroken, Seen: listErr.Error() + "."}}
		}})
	}
	return probes
}

// portOf is the port that pages use: that of the agent that runs, else the
// policy's.
func portOf(rules *policy.Policy, facts prompt.Facts) uint16 {
	for _, address := range facts.Addresses {
		if _, port, err := net.SplitHostPort(address); err == nil {
			if n, err := strconv.ParseUint(port, 10, 16); err == nil {
				return uint16(n)
			}
		}
	}
	return uint16(rules.Port())
}

// built is when this program was made, as far as its file tells.
func built() time.Time {
	path, err := os.Executable()
	if err != nil {
		return time.Time{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// marks are what is before each finding.
var marks = map[doctor.Severity]string{doctor.OK: "ok     ", doctor.Note: "note   ", doctor.Warning: "WARNING", doctor.Problem: "PROBLEM"}

// print is the report for people: what is wrong first, then all that was seen.
func (r report) print(out io.Writer) error {
	var b strings.Builder
	wrong := 0
	for _, f := range r.findings {
		row := f.Row()
		if row.Fix == "" {
			continue
		}
		wrong++
		fmt.Fprintf(&b, "%s %s\n  Seen:  %s\n  Means: %s\n  Do:    %s\n  Who:   %s\n\n", marks[row.Severity], f.Code, f.Seen, row.Meaning, row.Fix, r.who(row.Who))
	}
	if wrong == 0 {
		b.WriteString("Nothing is wrong.\n\n")
	}
	b.WriteString("All that was looked at:\n")
	area := doctor.Area("")
	for _, f := range r.findings {
		row := f.Row()
		if row.Area != area {
			area = row.Area
			fmt.Fprintf(&b, "\n%s\n", area)
		}
		fmt.Fprintf(&b, "  %s %s (%s)\n", marks[row.Severity], f.Seen, f.Code)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// people are the words for who can act.
var people = map[protocol.Who]string{
	protocol.WhoUser: "you", protocol.WhoAdmin: "an administrator of this computer",
	protocol.WhoCardIssuer: "those who gave you the card", protocol.WhoSite: "the people behind the site",
}

// who is who can mend a finding, and how to reach them.
func (r report) who(who protocol.Who) string {
	text := people[who]
	if contact := r.contact(who); contact != "" {
		text += ": " + contact
	}
	if who == protocol.WhoUser && r.contact(protocol.WhoAdmin) != "" {
		text += "; if that does not help: " + r.contact(protocol.WhoAdmin)
	}
	return text
}

// foundJSON is a finding as programs read it. docs/admin.md describes it.
type foundJSON struct {
	Code     doctor.Code     `json:"code"`
	Area     doctor.Area     `json:"area"`
	Severity doctor.Severity `json:"severity"`
	Seen     string          `json:"seen"`
	Means    string          `json:"means"`
	Who      protocol.Who    `json:"who,omitempty"`
	Fix      string          `json:"fix,omitempty"`
	Contact  string          `json:"contact,omitempty"`
}

// printJSON is the report for programs.
func (r report) printJSON(out io.Writer) error {
	report := struct {
		Version  string          `json:"version"`
		Time     time.Time       `json:"time"`
		System   string          `json:"system"`
		Worst    doctor.Severity `json:"worst"`
		Findings []foundJSON     `json:"findings"`
	}{version, r.when, runtime.GOOS + "/" + runtime.GOARCH, doctor.Worst(r.findings), []foundJSON{}}
	for _, f := range r.findings {
		row := f.Row()
		report.Findings = append(report.Findings, foundJSON{f.Code, row.Area, row.Severity, f.Seen, row.Meaning, row.Who, row.Fix, r.contact(row.Who)})
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}
