package browserpolicy

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"howett.net/plist"
)

// ErrProfile is of a system whose browsers take policies from profiles alone.
var ErrProfile = errors.New("on a Mac, browsers take policies from a configuration profile: distribute the one that is printed")

// domains are the names of the browsers' settings on a Mac.
var domains = map[Browser]string{
	Chromium: "org.chromium.Chromium",
	Chrome:   "com.google.Chrome",
	Edge:     "com.microsoft.Edge",
	Firefox:  "org.mozilla.firefox",
}

const profileID = "io.github.cardea-agent.browsers"

// Profile is a configuration profile that allows the origins in the browsers.
// The same origins make the same profile.
func Profile(browsers []Browser, origins []string) (string, error) {
	payloads := []any{}
	for _, b := range browsers {
		entries := Entries(b, origins)
		if len(entries) == 0 {
			continue
		}
		payload := describe(domains[b], profileID+"."+string(b), "Sites that may reach this computer", strings.Join(entries, " "))
		if b == Firefox {
			payload["EnterprisePoliciesEnabled"] = true // or Firefox reads none
			payload[firefoxPolicy[0]] = map[string]any{firefoxPolicy[1]: entries}
		} else {
			payload[chromiumPolicy[0]] = entries
		}
		payloads = append(payloads, payload)
	}
	profile := describe("Configuration", profileID, "Cardea: sites that may reach this computer", fmt.Sprint(payloads...))
	profile["PayloadScope"] = "System"
	profile["PayloadContent"] = payloads
	text, err := plist.MarshalIndent(profile, plist.XMLFormat, "  ")
	return string(text) + "\n", err
}

// describe has what every payload must have.
func describe(kind, id, name, content string) map[string]any {
	return map[string]any{
		"PayloadType": kind, "PayloadVersion": 1, "PayloadIdentifier": id,
		"PayloadUUID": uuid(id + " " + content), "PayloadDisplayName": name,
	}
}

// uuid is one of RFC 9562, section 5.8: made of a text.
func uuid(text string) string {
	h := sha256.Sum256([]byte(text))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16]))
}
