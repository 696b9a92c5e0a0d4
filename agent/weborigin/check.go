// Package weborigin says what a web origin is, in the one form that browsers
// send (HTML standard, section "Origin"), so that two of them can be compared
// letter by letter: [Check] at the door, [CheckEntry] for a list that somebody
// writes. [Patterns] are the entries that an origin can match, with a wildcard
// on a label boundary. [Readable] is the name as people write it, where that
// cannot be taken for another name.
//
// It never resolves a name, decides who may do what, or shortens an origin.
//
// It is tested by tables and by fuzzing: what is accepted is canonical.
package weborigin

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// The reasons why an Origin is refused before any list is asked.
var (
	ErrForm   = errors.New("Origin is not in the form that browsers send")
	ErrScheme = errors.New("Origin is not https")
)

// MaxLength is a scheme, the longest DNS name and a port.
const MaxLength = len("https://") + maxName + len(":65535")

const maxName = 253 // RFC 1035 section 2.3.4, without the last dot

// Check accepts the ASCII serialisation of a tuple origin and nothing else:
// lower case, no user, no path, no dot at the end, no scheme's own port. So a
// list can be compared letter by letter. http is accepted in developer mode for
// loopback names.
func Check(origin string, developer bool) error {
	scheme, authority, ok := strings.Cut(origin, "://")
	if !ok || len(origin) > MaxLength {
		return ErrForm // also null
	}
	ownPort := "443"
	if scheme == "http" && developer {
		ownPort = "80"
	} else if scheme != "https" {
		return ErrScheme
	}
	host, port, hasPort := authority, "", false
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, port, hasPort = authority[:i], authority[i+1:], true
	}
	if hasPort && (!isPort(port) || port == ownPort) {
		return ErrForm
	}
	loopback, ok := checkHost(host)
	switch {
	case !ok:
		return ErrForm
	case scheme == "http" && !loopback:
		return ErrScheme
	}
	return nil
}

// isPort reports whether s is a port from 1 to 65535, without zeros in front.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n != 0 && strconv.FormatUint(n, 10) == s
}

// checkHost checks the host of an origin, and whether it is this machine.
func checkHost(host string) (loopback, ok bool) {
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, found = strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		return a.IsLoopback(), found && err == nil && a.Is6() && a.Zone() == "" && a.String() == inner
	}
	if len(host) > maxName || !isName(host) {
		return false, false
	}
	if endsInNumber(host) {
		a, err := netip.ParseAddr(host)
		return a.IsLoopback(), err == nil && a.Is4()
	}
	return host == "localhost", true
}

// isName reports whether s is a DNS name: labels of lower case letters, digits,
// hyphens and underscores.
// No regular expression: one that counts to 63 takes a millisecond of each start.
func isName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" ||
			strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return true
}

// endsInNumber reports whether browsers read a name as an IPv4 address (URL
// standard, section "host parsing"), or as nothing.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.Trim(last, "0123456789") == "" {
		return true
	}
	digits, found := strings.CutPrefix(last, "0x")
	return found && strings.Trim(digits, "0123456789abcdef") == ""
}
