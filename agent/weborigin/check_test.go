package weborigin

import (
	"net"
	"net/url"
	"slices"
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
		if err := Check(origin, true); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
		if err := Check(origin, false); (err != nil) != loopback {
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
		if err := Check(origin, true); err == nil {
			t.Errorf("%q is accepted", origin)
		}
	}
}

// An accepted origin must be one text for one place: parsing and writing it
// gives it back, so comparing with the list needs no further thought.
func FuzzAnAcceptedOriginIsCanonical(f *testing.F) {
	for _, seed := range []string{
		"https://good.example", "https://good.example:8443", "http://localhost:1", "https://[::1]:1", "https://192.0.2.7", "null",
		"https://good.example.", "https://GOOD.example", "https://good.example:443", "https://u@good.example", "https://0x7f.1",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, origin string, developer bool) {
		if Check(origin, developer) != nil {
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

func TestEntriesOfAListAreWhatABrowserCanSend(t *testing.T) {
	for _, entry := range []string{
		"https://good.example", "https://good.example:8443", "https://[2001:db8::1]:444", "https://[::1]", "https://192.0.2.7",
		"https://xn--bcher-kva.example", "https://*.good.example", "https://*.good.example:8443", "http://localhost:8080", "https://intranet",
	} {
		if err := CheckEntry(entry); err != nil {
			t.Errorf("%s: %v", entry, err)
		}
		if !IsWildcard(entry) {
			if err := Check(entry, true); err != nil {
				t.Errorf("%s is an entry that the door would refuse: %v", entry, err)
			}
		}
	}
	for entry, want := range map[string]string{
		"https://bücher.example":     "ASCII form: xn--bcher-kva.example",
		"https://xn--zzzzzz.example": "stands for no name",
		"https://*.com":              "two labels",
		"https://*.192.0.2.7":        "two labels",
		"https://a.*.example.org":    "all that is in front",
		"http://*.example.org":       "https://",
		"https://[::1%25lo]":         "as browsers write it",
		"https://[0::1]":             "short form",
	} {
		if err := CheckEntry(entry); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", entry, err, want)
		}
	}
}

func TestAnOriginMatchesItsOwnEntryAndThoseOfTheNamesAboveIt(t *testing.T) {
	got := slices.Collect(Patterns("https://a.b.example:8443"))
	want := []string{"https://a.b.example:8443", "https://*.b.example:8443", "https://*.example:8443"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, p := range slices.Collect(Patterns("https://[::ffff:192.0.2.7]"))[1:] {
		if CheckEntry(p) == nil {
			t.Errorf("an address matches the entry %s", p)
		}
	}
	for range Patterns("null") {
		break
	}
}

func TestANameIsReadableOnlyWhenItCannotBeTakenForAnother(t *testing.T) {
	for origin, want := range map[string]string{
		"https://good.example":                    "",
		"https://xn--bcher-kva.example:8443":      "https://bücher.example:8443",
		"https://xn--zzzzzz.example":              "", // no valid label
		"https://xn--e1afmkfd.xn--p1ai":           "https://пример.рф",
		"https://xn--80ak6aa92e.com":              "", // Cyrillic that reads as apple, below a Latin label
		"https://xn--pple-43d.com":                "", // one Cyrillic letter among Latin ones
		"https://xn--r8jz45g.xn--zckzah":          "https://例え.テスト",
		"https://xn--fiqs8s.example":              "", // Han below Latin
		"https://xn--fiqs8s.xn--fiqs8s":           "https://中国.中国",
		"https://xn--1lqs71d.xn--3e0b707e":        "https://東京.한국",
		"https://xn--hxajbheg2az3al.xn--jxalpdlp": "https://παράδειγμα.δοκιμή",
		"https://[::1]":                           "",
		"null":                                    "",
	} {
		if want == "" {
			want = origin
		}
		if got := Readable(origin); got != want {
			t.Errorf("%s reads %s, want %s", origin, got, want)
		}
	}
}

func TestWhatAPersonWroteBecomesAnOrigin(t *testing.T) {
	for written, want := range map[string]string{
		"https://bücher.example":       "https://xn--bcher-kva.example",
		"https://BÜCHER.example:8443":  "https://xn--bcher-kva.example:8443",
		"https://good.example":         "https://good.example",
		"https://[2001:db8::1]":        "https://[2001:db8::1]",
		"https://good.example/sign-in": "",
		"good.example":                 "",
		"":                             "",
	} {
		got, err := ASCII(written)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s became %q, %v; want %q", written, got, err, want)
		}
	}
}

// What is shown of an origin must be the origin: a browser that is given the
// readable form sends the ASCII form again.
func FuzzAReadableNameIsTheSameName(f *testing.F) {
	for _, seed := range []string{
		"https://xn--bcher-kva.example:8443", "https://xn--e1afmkfd.xn--p1ai", "https://xn--80ak6aa92e.com", "https://xn--", "https://xn--a.example",
		"https://good.example", "https://[::1]:8443", "https://xn--r8jz45g.xn--zckzah",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, origin string) {
		readable := Readable(origin)
		if readable == origin || Check(origin, false) != nil {
			return
		}
		if again, err := ASCII(readable); err != nil || again != origin {
			t.Errorf("%q is shown as %q, which is %q, %v", origin, readable, again, err)
		}
	})
}

func FuzzAnEntryWithoutWildcardIsAnOrigin(f *testing.F) {
	for _, seed := range []string{
		"https://good.example", "https://*.good.example", "http://localhost:8080", "https://[::1]:444", "https://bücher.example", "https://xn--a", "https://1.2.3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		if CheckEntry(entry) != nil {
			return
		}
		below := strings.Replace(entry, wildcard, "a.", 1)
		if err := Check(below, true); err != nil && len(below) <= MaxLength {
			t.Errorf("%q is an entry, and the door refuses %q: %v", entry, below, err)
		}
		if !slices.Contains(slices.Collect(Patterns(below)), entry) {
			t.Errorf("%q does not match %q", below, entry)
		}
	})
}
