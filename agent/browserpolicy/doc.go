// Package browserpolicy tells browsers by their own policies that the sites of
// Cardea's policy may reach this computer, so that they do not ask the person:
// LoopbackNetworkAllowedForUrls in Chromium, Chrome and Edge, and the SkipDomains
// of LocalNetworkAccess in Firefox.
//
// On Linux these are JSON files, on Windows keys of the registry. What others
// wrote there stays as it is, byte for byte: entries are put beside theirs, in
// the place that the browser goes by. What was written is remembered, and Remove
// takes back just that. Apply takes back what is no longer wanted as well. A Mac
// takes such policies from profiles alone, and gets one to be distributed.
//
// It never allows more than an exact origin where the browser can tell origins
// apart (Firefox knows host names only), never touches another policy, and never
// writes into a file that it cannot read. It does not ask whether a browser is
// installed: one that comes later finds its policy.
//
// It is tested on files and on a registry of the tests', and in web/e2e in both
// browsers, which gate a page before and after and not between.
package browserpolicy

import (
	"net/url"
	"slices"
	"strings"
)

// Browser is a browser's name in Cardea's settings.
type Browser string

// The browsers.
const (
	Chromium Browser = "chromium"
	Chrome   Browser = "chrome"
	Edge     Browser = "edge"
	Firefox  Browser = "firefox"
)

// All are the browsers that have such policies.
var All = []Browser{Chromium, Chrome, Edge, Firefox}

// The policies' names: where in a browser's policies the list is.
var (
	chromiumPolicy = []string{"LoopbackNetworkAllowedForUrls"}
	firefoxPolicy  = []string{"LocalNetworkAccess", "SkipDomains"}
)

func policyOf(b Browser) []string {
	if b == Firefox {
		return firefoxPolicy
	}
	return chromiumPolicy
}

// Entries are what a browser's list has for origins. Pages of this computer
// itself, which http origins are, need no entry.
func Entries(b Browser, origins []string) []string {
	var all []string
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" {
			continue
		}
		entry := u.Hostname()
		if b != Firefox {
			entry = pattern(u)
		}
		if !slices.Contains(all, entry) {
			all = append(all, entry)
		}
	}
	return all
}

// pattern is a URL pattern of Chromium. One without a port would be for any.
func pattern(u *url.URL) string {
	host, port := u.Host, ""
	if u.Port() == "" {
		port = ":443"
	}
	if below, ok := strings.CutPrefix(host, "*."); ok {
		host = "[*.]" + below
	}
	return "https://" + host + port
}
