package prompt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/agent/doctor"
)

// Check is what doctor's checks of agent and tray work with: an inquiry that was
// made before, and its error.
type Check struct {
	Facts   Facts
	Err     error
	Version string // of the program that checks
	System  string // its system and architecture
	// Installed says which other programs are beside it, and their versions.
	Installed func(context.Context) []string
}

// Probe tells of the agent, the tray and their versions.
func (c Check) Probe() doctor.Probe {
	return doctor.ProbeFunc{Title: "agent and tray", Func: c.look}
}

func (c Check) look(ctx context.Context) []doctor.Finding {
	versions := fmt.Sprintf("This program: %s, %s.", c.Version, c.System)
	if c.Installed != nil {
		if programs := c.Installed(ctx); len(programs) > 0 {
			versions += fmt.Sprintf(" Installed beside it: %s.", Printable(strings.Join(programs, "; ")))
		}
	}
	switch {
	case errors.Is(c.Err, ErrNoAgent):
		return []doctor.Finding{
			{Code: doctor.AgentMissing, Seen: "No agent of this user answers."},
			{Code: doctor.VersionsOfParts, Seen: versions},
		}
	case c.Err != nil:
		return []doctor.Finding{
			{Code: doctor.AgentForeign, Seen: c.Err.Error() + "."},
			{Code: doctor.VersionsOfParts, Seen: versions},
		}
	}
	f := c.Facts
	findings := []doctor.Finding{{Code: doctor.AgentRuns,
		Seen: fmt.Sprintf("Agent %s runs since %s as process %d, and says: %s.", f.Version, f.Started.Format(time.DateTime), f.Process, f.Status.State)}}
	if f.Version != c.Version {
		findings = append(findings, doctor.Finding{Code: doctor.AgentOtherVersion, Seen: fmt.Sprintf("The agent is %s, this program %s.", f.Version, c.Version)})
	}
	if f.SystemLog != "" {
		findings = append(findings, doctor.Finding{Code: doctor.SystemLogMissing, Seen: f.SystemLog + "."})
	}
	if f.PolicyFile != "" {
		findings = append(findings, doctor.Finding{Code: doctor.PolicyOwn, Seen: "The agent reads " + f.PolicyFile + "."})
	}
	if len(f.PolicyProblems) > 0 {
		findings = append(findings, doctor.Finding{Code: doctor.PolicyOld,
			Seen: fmt.Sprintf("The agent follows the policy of %s: %s.", f.PolicySince.Format(time.DateTime), strings.Join(f.PolicyProblems, "; "))})
	}
	findings = append(findings, c.tray()...)
	versions += fmt.Sprintf(" Agent: %s.", f.Version)
	if f.Tray.Connected {
		versions += fmt.Sprintf(" Tray: %s.", f.Tray.Version)
	}
	return append(findings, doctor.Finding{Code: doctor.VersionsOfParts, Seen: versions})
}

func (c Check) tray() []doctor.Finding {
	tray := c.Facts.Tray
	switch {
	case c.Facts.Asks == "terminal":
		return []doctor.Finding{{Code: doctor.TerminalAsks, Seen: "The agent asks in its terminal."}}
	case !tray.Connected:
		return []doctor.Finding{{Code: doctor.TrayMissing, Seen: "No tray is connected to the agent."}}
	}
	findings := []doctor.Finding{{Code: doctor.TrayConnected, Seen: fmt.Sprintf("Tray %s is connected since %s.", Printable(tray.Version), tray.Since.Format(time.DateTime))}}
	if tray.Version != c.Facts.Version {
		findings = append(findings, doctor.Finding{Code: doctor.TrayOtherVersion, Seen: fmt.Sprintf("The tray is %s, the agent %s.", Printable(tray.Version), c.Facts.Version)})
	}
	return findings
}
