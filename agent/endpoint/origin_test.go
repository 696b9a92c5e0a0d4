package endpoint

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestOriginsAreAcceptedInTheFormThatBrowsersSend(t *testing.T) {
	for origin, loopback := range map[string]bool{
		"https://good.example":                            false,
		"https://good.example:8443":                       false,
		"https://good.example:80":                         false,
		"https://xn--bcher-kva.example":                   false,
		"https://a_b.example":                             false,
		"https://intranet":                                false,
		"https://192.0.2.7":                               false,
		"https://[2001:db8::1]:444":                       false,
		"https://0x.example":                              false,
		"http://localhost":                                true,
		"http://localhost:443":                            true,
		"http://127.0.0.1:8080":                           true,
		"http://[::1]:8080":                               true,
		"https://" + strings.Repeat("a.", 126) + "a:1234": false,
	} {
		if err := checkOrigin(origin, true); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
		if err := checkOrigin(origin, false); (err != nil) != loopback {
			t.Errorf("%s without developer mode: %v", origin, err)
		}
	}
}

func TestOriginsInAnyOtherFormAreRefused(t *testing.T) {
	for _, origin := range []string{
		"", "null", "good.example", "//good.example", "https:good.example", "https:/good.example", "https://",
		"HTTPS://good.example", "ftp://good.example", "file://", "http://good.example", "http://localhost.evil.example",
		"http://localhost:80", "http://127.0.0.1.evil.example", "https://GOOD.example", "https://good.example.",
		"https://.good.example", "https://good..example", "https://-good.example", "https://good-.example",
		"https://good.example:", "https://good.example:443", "https://good.example:0443", "https://good.example:0",
		"https://good.example:65536", "https://good.example:+1", "https://good.example:8443:1", "https://good.example/",
		"https://good.example?", "https://good.example#", "https://u@good.example", "https://u:p@good.example",
		"https://good.example ", " https://good.example", "https://good\t.example", "https://good.example\x00",
		"https://*.example", "https://bücher.example", "https://good%2eexample", "https://127.1", "https://0x7f.1",
		"https://127.0.0.0x1", "https://1.2.3.4.5", "https://2130706433", "https://127.0.0.01", "https://[::1", "https://::1",
		"https://[::1]x", "https://[::1]:443", "https://[0::1]", "https://[::1%25lo]", "https://[::1%lo]", "https://[127.0.0.1]",
		"https://[::FFFF:1.2.3.4]", "https://" + strings.Repeat("a", 64) + ".example", "https://" + strings.Repeat("a.", 127) + "a",
	} {
		if err := checkOrigin(origin, true); err == nil {
			t.Errorf("%q is accepted", origin)
		}
	}
}

// An accepted origin must be one text for one place: parsing and writing it
// gives it back, so comparing with the list needs no further thought.
func FuzzAnAcceptedOriginIsCanonical(f *testing.F) {
	for _, seed := range []string{
		good, "https://good.example:8443", "http://localhost:1", "https://[::1]:1", "https://192.0.2.7", "null",
		"https://good.example.", "https://GOOD.example", "https://good.example:443", "https://u@good.example", "https://0x7f.1",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, origin string, developer bool) {
		if checkOrigin(origin, developer) != nil {
			return
		}
		u, err := url.Parse(origin)
		if err != nil {
			t.Fatalf("%q is accepted and is no URL: %v", origin, err)
		}
		again := (&url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}).String()
		if again != origin || u.User != nil || strings.HasSuffix(u.Hostname(), ".") || u.Hostname() == "" {
			t.Errorf("%q is accepted and is written %q", origin, again)
		}
		ip := net.ParseIP(u.Hostname())
		local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
		if u.Scheme != "https" && !(developer && u.Scheme == "http" && local) {
			t.Errorf("%q is accepted", origin)
		}
	})
}

func FuzzOnlyTheAgentsOwnHostsMatch(f *testing.F) {
	for _, seed := range []string{"127.0.0.1:24747", "localhost:24747", "[::1]:24747", "localhost", "evil.example:24747", "localhost:24747:24747", "LOCALHOST:24747"} {
		f.Add(seed, 24747)
	}
	f.Fuzz(func(t *testing.T, host string, port int) {
		if !hostAllowed(host, port) {
			return
		}
		name, p, err := net.SplitHostPort(host)
		if err != nil || p != strconv.Itoa(port) || name != "localhost" && !net.ParseIP(name).IsLoopback() {
			t.Errorf("%q is accepted for port %d", host, port)
		}
	})
}
