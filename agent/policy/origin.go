package policy

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// isHostName reports whether s is a DNS name in the ASCII form that browsers
// send: lower case, no dot at the end, labels of letters, digits and hyphens.
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

// checkOrigin refuses what no browser would send as an Origin, with the reason:
// such an entry would never match, and its author would not know why.
func checkOrigin(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("is no URL")
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(host)):
		return errors.New("must begin with https:// (http:// only for this computer)")
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, "?#"):
		return errors.New("must be scheme, name and port alone, without a path or a slash at the end")
	case strings.Contains(host, "*"):
		return errors.New("a wildcard is not supported")
	case strings.Contains(host, ":"):
		if a, err := netip.ParseAddr(host); err != nil || a.String() != host {
			return errors.New("is no IPv6 address in its short form")
		}
	case host != strings.ToLower(host):
		return errors.New("must be in lower case")
	case strings.HasSuffix(host, "."):
		return errors.New("must not end in a dot")
	case len(host) > 253 || !isHostName(host):
		return errors.New("must be a host name in its ASCII form (xn--... for other scripts)")
	case !addressOrName(host):
		return errors.New("ends in a number and is no IPv4 address")
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil || n == 0 || strconv.FormatUint(n, 10) != u.Port()) {
		return errors.New("must have a port from 1 to 65535")
	}
	if u.Port() == "443" && u.Scheme == "https" || u.Port() == "80" && u.Scheme == "http" {
		return errors.New("must not name the scheme's own port: browsers leave it out")
	}
	if u.Scheme+"://"+u.Host != s || strings.HasSuffix(u.Host, ":") {
		return errors.New("is not written as browsers write it")
	}
	return nil
}

// numeric is a last label that makes browsers read the whole host as an IPv4
// address (URL standard, section "host parsing").
var numeric = regexp.MustCompile(`(^|\.)([0-9]+|0x[0-9a-f]*)$`)

func addressOrName(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || !numeric.MatchString(host)
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
