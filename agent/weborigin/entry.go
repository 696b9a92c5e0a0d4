package weborigin

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"net/url"
	"strings"
)

// wildcard stands for one label or more in front of a name.
const wildcard = "*."

// IsWildcard reports whether an entry that CheckEntry accepted allows more than
// one origin.
func IsWildcard(entry string) bool { return strings.Contains(entry, wildcard) }

// Patterns are the entries that an origin matches: itself, then those with a
// wildcard, the most particular first. https://a.b.example:8443 matches
// https://*.b.example:8443 and https://*.example:8443.
func Patterns(origin string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(origin) {
			return
		}
		scheme, host, ok := strings.Cut(origin, "://")
		if !ok {
			return
		}
		for {
			if _, host, ok = strings.Cut(host, "."); !ok || !yield(scheme+"://"+wildcard+host) {
				return
			}
		}
	}
}

// CheckEntry refuses an entry of a list that no browser's Origin would ever
// match, with the reason: its author would not know why.
func CheckEntry(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("is no URL")
	}
	host, isPattern := strings.CutPrefix(u.Hostname(), wildcard)
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(host) && !isPattern):
		return errors.New("must begin with https:// (http:// only for this computer)")
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, "?#"):
		return errors.New("must be scheme, name and port alone, without a path or a slash at the end")
	case strings.Contains(host, "*"):
		return errors.New("a wildcard may only stand for all that is in front of a name, as in https://*.example.org")
	}
	if err := checkEntryHost(host); err != nil {
		return err
	}
	if isPattern && (!strings.Contains(host, ".") || isAddress(host)) {
		return errors.New("a wildcard must have a name of two labels behind it, as in https://*.example.org")
	}
	switch port := u.Port(); {
	case port != "" && !isPort(port):
		return errors.New("must have a port from 1 to 65535")
	case port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http":
		return errors.New("must not name the scheme's own port: browsers leave it out")
	}
	if u.Scheme+"://"+u.Host != s || strings.HasSuffix(u.Host, ":") {
		return errors.New("is not written as browsers write it")
	}
	return nil
}

// checkEntryHost checks the host without its wildcard.
func checkEntryHost(host string) error {
	switch {
	case strings.Contains(host, ":"):
		if a, err := netip.ParseAddr(host); err != nil || a.String() != host {
			return errors.New("is no IPv6 address in its short form")
		}
		return nil
	case host != strings.ToLower(host):
		return errors.New("must be in lower case")
	case strings.HasSuffix(host, "."):
		return errors.New("must not end in a dot")
	case len(host) > maxName || !isName(host):
		if ascii, err := names.ToASCII(host); err == nil && ascii != host && isName(ascii) {
			return fmt.Errorf("must be a host name in its ASCII form: %s", ascii)
		}
		return errors.New("must be a host name in its ASCII form (xn--... for other scripts)")
	case endsInNumber(host) && !isAddress(host):
		return errors.New("ends in a number and is no IPv4 address")
	case !isValidIDN(host):
		return errors.New("has a label in xn--... that stands for no name")
	}
	return nil
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
