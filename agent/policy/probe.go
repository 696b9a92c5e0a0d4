package policy

import (
	"context"
	"fmt"
	"strings"

	"github.com/cardea-agent/cardea/agent/doctor"
)

// PlacesCheck is what doctor's check of the policy works with.
type PlacesCheck struct {
	Places Places
}

// Probe reads the policy as an agent does that starts.
func (c PlacesCheck) Probe() doctor.Probe {
	return doctor.ProbeFunc{Title: "the policy", Func: func(context.Context) []doctor.Finding { return c.look() }}
}

func (c PlacesCheck) look() []doctor.Finding {
	p, err := c.Places.Load()
	if err != nil {
		var findings []doctor.Finding
		for _, problem := range Problems(err) {
			findings = append(findings, doctor.Finding{Code: doctor.PolicyBad, Seen: problem.Error() + "."})
		}
		return findings
	}
	findings := []doctor.Finding{{Code: doctor.PolicyGood, Seen: c.read(p)}}
	for _, warning := range p.Warnings() {
		findings = append(findings, doctor.Finding{Code: doctor.PolicyPersonal, Seen: warning.Error() + "."})
	}
	if !p.Autostart() {
		findings = append(findings, doctor.Finding{Code: doctor.AutostartOff, Seen: "autostart is off."})
	}
	for _, url := range p.Origins() {
		rights, _ := p.Rights(url)
		findings = append(findings, doctor.Finding{Code: doctor.OriginListed, Seen: fmt.Sprintf("%s may %s.", url, strings.Join(rights, ", "))})
	}
	switch {
	case p.AskOrigins():
		findings = append(findings, doctor.Finding{Code: doctor.OriginsAsked, Seen: "origins.ask is on."})
	case len(p.Origins()) == 0:
		findings = append(findings, doctor.Finding{Code: doctor.NoOrigin, Seen: "The policy lists no origin."})
	}
	return findings
}

// read says where the settings that somebody decided are from.
func (c PlacesCheck) read(p *Policy) string {
	if c.Places.Named != "" {
		return "It was read from " + c.Places.Named + "."
	}
	var sources []string
	seen := map[string]bool{}
	for _, e := range p.effective {
		for _, from := range e.From {
			if from.Source != "" && !seen[from.Source] {
				seen[from.Source] = true
				sources = append(sources, from.Source)
			}
		}
	}
	if len(sources) == 0 {
		return "Nobody wrote one, so the defaults hold."
	}
	return "It was read from " + strings.Join(sources, ", ") + "."
}
