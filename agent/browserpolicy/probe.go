package browserpolicy

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/cardea-agent/cardea/agent/doctor"
)

// InForce is what a browser on this computer goes by.
type InForce struct {
	Installed bool
	Place     string // where the list is that counts; empty when there is none
	Allowed   []string
	Blocked   []string
	Broken    []string // places that cannot be read, each with the reason
}

// Check is what doctor's check of browsers works with.
type Check struct {
	Browsers []Browser // those that the policy wants to be told
	Origins  []string
	// Look says what a browser goes by.
	Look func(Browser) (InForce, error)
}

// blockedPolicy is the list that keeps sites away, in Chromium and its kin.
var blockedPolicy = []string{"LoopbackNetworkBlockedForUrls"}

// Probe looks at each browser that is installed.
func (c Check) Probe() doctor.Probe {
	return doctor.ProbeFunc{Title: "policies of browsers", Func: c.look}
}

func (c Check) look(context.Context) []doctor.Finding {
	var findings []doctor.Finding
	installed := false
	for _, b := range All {
		state, err := c.Look(b)
		if err != nil {
			findings = append(findings, doctor.Finding{Code: doctor.CheckFailed, Seen: fmt.Sprintf("%s: %v.", b, err)})
			continue
		}
		if !state.Installed {
			continue
		}
		installed = true
		findings = append(findings, c.browser(b, state)...)
	}
	if !installed && len(findings) == 0 {
		findings = append(findings, doctor.Finding{Code: doctor.NoBrowser, Seen: "Neither Chromium, Chrome, Edge nor Firefox is installed where they usually are."})
	}
	return findings
}

func (c Check) browser(b Browser, state InForce) []doctor.Finding {
	var findings []doctor.Finding
	for _, broken := range state.Broken {
		findings = append(findings, doctor.Finding{Code: doctor.BrowserPolicyBroken, Seen: fmt.Sprintf("%s: %s.", b, broken)})
	}
	where := state.Place
	if where == "" {
		where = "no policy"
	}
	var missing []string
	for _, origin := range c.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" {
			continue // pages of this computer itself
		}
		if pattern := covered(b, state.Blocked, u); pattern != "" {
			findings = append(findings, doctor.Finding{Code: doctor.BrowserBlocks,
				Seen: fmt.Sprintf("%s: %s keeps %s away by %q.", b, strings.Join(blockedPolicy, "."), origin, pattern)})
			continue
		}
		if covered(b, state.Allowed, u) == "" {
			missing = append(missing, origin)
		}
	}
	switch {
	case len(missing) > 0:
		seen := fmt.Sprintf("%s: %s does not allow %s.", b, where, strings.Join(missing, ", "))
		if !slices.Contains(c.Browsers, b) {
			seen += " The policy (browserPolicy.browsers) leaves this browser alone."
		}
		if b == Firefox {
			seen += " Firefox asks only where its check of WebSockets is turned on."
		}
		findings = append(findings, doctor.Finding{Code: doctor.BrowserAsks, Seen: seen})
	case len(findings) == 0 && where == "no policy":
		findings = append(findings, doctor.Finding{Code: doctor.BrowserAllows, Seen: fmt.Sprintf("%s: no site is listed that it has to allow.", b)})
	case len(findings) == 0:
		findings = append(findings, doctor.Finding{Code: doctor.BrowserAllows, Seen: fmt.Sprintf("%s: %s allows every listed site.", b, where)})
	}
	return findings
}

// covered returns the entry of a list that stands for a site, empty when none
// does. Chromium's entries are URL patterns, Firefox's are domains.
func covered(b Browser, list []string, u *url.URL) string {
	for _, entry := range list {
		if b == Firefox && coversDomain(entry, u.Hostname()) || b != Firefox && coversURL(entry, u) {
			return entry
		}
	}
	return ""
}

func coversDomain(entry, host string) bool {
	if below, ok := strings.CutPrefix(entry, "*."); ok {
		return host == below || strings.HasSuffix(host, "."+below)
	}
	return entry == host
}

// coversURL is the part of Chromium's patterns ("Enterprise policy URL pattern
// format") that can stand for an origin: scheme, host and port, each optional but
// the host.
func coversURL(entry string, u *url.URL) bool {
	if entry == "*" {
		return true
	}
	if scheme, rest, ok := strings.Cut(entry, "://"); ok {
		if scheme != u.Scheme && scheme != "*" {
			return false
		}
		entry = rest
	}
	entry = strings.TrimSuffix(strings.TrimSuffix(entry, "*"), "/")
	host, port := entry, ""
	if i := strings.LastIndexByte(entry, ':'); i > strings.LastIndexByte(entry, ']') {
		host, port = entry[:i], entry[i+1:]
	}
	own := u.Port()
	if own == "" {
		own = "443"
	}
	if port != "" && port != "*" && port != own {
		return false
	}
	if below, ok := strings.CutPrefix(host, "[*.]"); ok {
		return u.Hostname() == below || strings.HasSuffix(u.Hostname(), "."+below)
	}
	return host == u.Hostname() || host == "["+u.Hostname()+"]"
}
