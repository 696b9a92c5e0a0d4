package endpoint

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// hostAllowed reports whether a Host header is one of the agent's own names
// with its port, letter by letter. A page whose name was rebound to loopback
// (DNS rebinding) sends its own name here.
func hostAllowed(host string, port int) bool {
	name, ok := strings.CutSuffix(host, ":"+strconv.Itoa(port))
	return ok && (name == "127.0.0.1" || name == "localhost" || name == "[::1]")
}

// The reasons why an Origin is refused before the list is asked.
var (
	errOriginForm   = errors.New("Origin is not in the form that browsers send")
	errOriginScheme = errors.New("Origin is not https")
)

// maxOrigin is a scheme, the longest DNS name and a port.
const maxOrigin = len("https://") + maxName + len(":65535")

const maxName = 253 // RFC 1035 section 2.3.4, without the last dot

// checkOrigin accepts the ASCII serialisation of a tuple origin (HTML standard,
// section "Origin") and nothing else: lower case, no user, no path, no dot at
// the end, no scheme's own port. So the list can be compared letter by letter.
// http is accepted in developer mode for loopback names.
func checkOrigin(origin string, developer bool) error {
	scheme, authority, ok := strings.Cut(origin, "://")
	if !ok || len(origin) > maxOrigin {
		return errOriginForm // also null
	}
	ownPort := "443"
	if scheme == "http" && developer {
		ownPort = "80"
	} else if scheme != "https" {
		return errOriginScheme
	}
	host, port, hasPort := authority, "", false
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, port, hasPort = authority[:i], authority[i+1:], true
	}
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port || port == ownPort {
			return errOriginForm
		}
	}
	loopback, ok := originHost(host)
	switch {
	case !ok:
		return errOriginForm
	case scheme == "http" && !loopback:
		return errOriginScheme
	}
	return nil
}

// originHost checks the host of an origin, and whether it is this machine.
func originHost(host string) (loopback, ok bool) {
	if inner, found := strings.CutPrefix(host, "["); found {
		inner, found = strings.CutSuffix(inner, "]")
		a, err := netip.ParseAddr(inner)
		return a.IsLoopback(), found && err == nil && a.Is6() && a.Zone() == "" && a.String() == inner
	}
	if len(host) > maxName || !isHostName(host) {
		return false, false
	}
	// A name that ends in a number is an IPv4 address to browsers (URL
	// standard, section "host parsing"), or nothing.
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.Trim(last, "0123456789") == "" || isHexNumber(last) {
		a, err := netip.ParseAddr(host)
		return a.IsLoopback(), err == nil && a.Is4()
	}
	return host == "localhost", true
}

// isHostName reports whether s is a DNS name: labels of lower case letters, digits,
// hyphens and underscores.
// No regular expression: one that counts to 63 takes a millisecond of each start.
func isHostName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" ||
			strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return true
}

func isHexNumber(label string) bool {
	digits, found := strings.CutPrefix(label, "0x")
	return found && strings.Trim(digits, "0123456789abcdef") == ""
}
