package endpoint

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cardea-agent/cardea/agent/endpoint/endpointtest"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/signin"
)

// book is a list of origins that changes: the administrator's, and what the
// person allowed.
type book struct {
	origins // the administrator's
	mu      sync.Mutex
	allowed map[string]bool
	refused []string
}

func newBook(allowed ...string) *book {
	b := &book{origins: origins{good: {"authenticate"}}, allowed: map[string]bool{}}
	for _, origin := range allowed {
		b.allowed[origin] = true
	}
	return b
}

func (b *book) Rights(origin string) ([]string, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.allowed[origin] {
		return []string{"authenticate"}, true
	}
	return b.origins.Rights(origin)
}

func (b *book) Refused(origin string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = append(b.refused, origin)
}

func (b *book) revoke(origin string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.allowed, origin)
}

func (b *book) told() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.refused, " ")
}

func TestAnOriginNobodyListedIsRefusedAtOnceAndThenToldOf(t *testing.T) {
	b := newBook()
	config := defaults(&fakeBackend{})
	config.Origins = b
	s := serve(t, config)
	for _, text := range []string{
		originIs("null"), originIs("http://new.example"), originIs("https://New.example"), originIs("https://new.example:443"),
		strings.Replace(originIs("https://new.example"), "127.0.0.1", "new.example", 1),
		strings.Replace(originIs("https://new.example"), "cardea.v1", "cardea.v2", 1),
		strings.Replace(originIs("https://new.example"), "Version: 13", "Version: 8", 1),
		strings.Replace(originIs("https://new.example"), "GET /cardea", "GET /health", 1),
		strings.Replace(originIs("https://new.example"), "GET /cardea", "GET /", 1),
	} {
		if resp, _ := s.exchange(t, "tcp4", text); resp.StatusCode/100 != 4 {
			t.Errorf("%s: %d", text, resp.StatusCode)
		}
	}
	if told := b.told(); told != "" {
		t.Errorf("a person would be asked about %s", told)
	}
	if resp, body := s.exchange(t, "tcp4", originIs("https://new.example")); resp.StatusCode != http.StatusForbidden || body != "" {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
	if told := b.told(); told != "https://new.example" {
		t.Errorf("told of %q", told)
	}
	if calls := s.backend.calls.Load(); calls != 0 {
		t.Errorf("%d calls", calls)
	}
}

func TestOriginsThatAPersonAllowedLeaveRoomForTheListedOnes(t *testing.T) {
	b := newBook("https://a.example", "https://b.example", "https://c.example")
	for i := range 3 {
		b.origins[fmt.Sprintf("https://listed%d.example", i)] = []string{"authenticate"}
	}
	config := defaults(&fakeBackend{})
	config.Origins = b
	s := serve(t, config)
	opened := func(origin string) (n int) {
		for {
			p, status := s.dial(t, origin)
			if p == nil {
				if status != http.StatusTooManyRequests {
					t.Fatalf("%s: %d", origin, status)
				}
				return n
			}
			n++
		}
	}
	if a, b, c := opened("https://a.example"), opened("https://b.example"), opened("https://c.example"); a != maxPerOrigin || a+b+c != maxUnlisted {
		t.Errorf("the person's have %d, %d and %d", a, b, c)
	}
	first, second := opened("https://listed0.example"), opened("https://listed1.example")
	if first != maxPerOrigin || second != maxPerOrigin {
		t.Errorf("the listed ones have %d and %d", first, second)
	}
	if third := opened("https://listed2.example"); third != maxConnections-maxUnlisted-2*maxPerOrigin {
		t.Errorf("beyond the user's limit: %d", third)
	}
}

func TestAPageWhoseOriginIsTakenBackMayAskNoMore(t *testing.T) {
	b := newBook("https://a.example")
	config := defaults(&fakeBackend{})
	config.Origins = b
	s := serve(t, config)
	p, other := s.open(t, "https://a.example"), s.open(t, good)
	b.revoke("https://a.example")
	before := s.backend.calls.Load()
	p.ask("watch", `{}`)
	p.expectError("1", signin.CodeNotPermitted, `"right":"authenticate"`)
	if after := s.backend.calls.Load(); after != before {
		t.Error("its request was done")
	}
	if p, status := s.dial(t, "https://a.example"); p != nil || status != http.StatusForbidden {
		t.Errorf("it comes in again: %d", status)
	}
	other.ask("watch", `{}`)
	other.next()
}

const wildcards = `
[[origin]]
url = "https://*.ward.example"
[[origin]]
url = "https://*.ward.example:8443"
[[origin]]
url = "https://[2001:db8::7]:444"
[[origin]]
url = "https://192.0.2.7"
[[origin]]
url = "https://xn--bcher-kva.example"
[[origin]]
url = "http://localhost:8080"
`

// administrators is a policy as the door's list.
type administrators struct{ *policy.Policy }

func (a administrators) Listed(origin string) bool { _, known := a.Rights(origin); return known }
func (administrators) Refused(string)              {}

func TestTheListIsReadToTheLabelAndTheLetter(t *testing.T) {
	p, err := policy.Parse([]byte(wildcards))
	if err != nil {
		t.Fatal(err)
	}
	config := defaults(&fakeBackend{})
	config.Origins = administrators{p}
	s := serve(t, config)
	for _, origin := range []string{
		"https://ward.example", "https://evilward.example", "https://ward.example.evil.test", "https://a.ward.example.", "https://A.ward.example",
		"https://a.ward.example:444", "https://a.ward.example:443", "http://a.ward.example", "https://*.ward.example", "https://.ward.example",
		"https://a..ward.example", "https://-.ward.example", "https://u@a.ward.example", "https://a.ward.example/", "https://a.ward.example@evil.test",
		"https://a.ward.example:8443.evil.test", "https://evil.test#.ward.example", "https://evil.test/.ward.example", "https://evil.test?.ward.example",
		`https://evil.test\.ward.example`, "https://evil.test%2f.ward.example", "https://a.ward%2eexample", "https://а.ward.example", // Cyrillic а
		"https://[2001:db8::7]", "https://[2001:db8::8]:444", "https://[2001:DB8::7]:444", "https://[2001:db8:0::7]:444", "https://2001:db8::7:444",
		"https://[2001:db8::7%25lo]:444", "https://[::ffff:192.0.2.7]", "https://192.0.2.7:443", "https://192.0.2.07", "https://192.0.519", "https://0xc0000207",
		"https://3221225991", "https://192.0.2.7.", "https://bücher.example", "https://XN--BCHER-KVA.example", "https://xn--bcher-kvb.example",
		"https://a.xn--bcher-kva.example", "http://localhost:8080", "https://localhost:8080", "https://a.ward.example https://good.example",
	} {
		if resp, body := s.exchange(t, "tcp4", originIs(origin)); resp.StatusCode != http.StatusForbidden || body != "" {
			t.Errorf("%s: %d %q", origin, resp.StatusCode, body)
		}
	}
	if calls := s.backend.calls.Load(); calls != 0 {
		t.Errorf("refused handshakes made %d calls", calls)
	}
	for _, origin := range []string{
		"https://a.ward.example", "https://b.a.ward.example", "https://a.ward.example:8443", "https://xn--bcher-kva.ward.example",
		"https://[2001:db8::7]:444", "https://192.0.2.7", "https://xn--bcher-kva.example",
	} {
		if resp, _ := s.exchange(t, "tcp4", originIs(origin)); resp.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%s: %d", origin, resp.StatusCode)
		}
	}
}

// A handshake with every fault is refused for the first of them, then for the
// second, and so on: what is checked first is what a caller can learn least from.
func TestTheChecksComeInTheirOrder(t *testing.T) {
	faults := []struct {
		right, wrong, reason string
		status               int
	}{
		{"GET /cardea ", "GET /other ", "wrong path", 404},
		{"GET ", "PUT ", "wrong method", 403},
		{"Host: 127.0.0.1:P", "Host: good.example:P", "Host is not one", 403},
		{"Origin: " + good + "\r\n", "Origin: " + good + "\r\nOrigin: " + good + "\r\n", "not exactly one Origin", 403},
		{"Origin: https://", "Origin: ftp://", "Origin is not https", 403},
		{"good.example\r\n", "evil.example\r\n", "Origin is not on the list", 403},
		{"Version: 13", "Version: 12", "not a WebSocket handshake", 403},
		{"cardea.v1", "cardea.v9", "without the subprotocol", 403},
	}
	for i, want := range faults {
		text := handshake
		for _, f := range faults[i:] {
			if !strings.Contains(text, f.right) {
				t.Fatalf("%s: the handshake has no %q", want.reason, f.right)
			}
			text = strings.Replace(text, f.right, f.wrong, 1)
		}
		var log buffer
		config := defaults(&fakeBackend{})
		config.Log = logTo(&log)
		s := serve(t, config)
		resp, _ := s.exchange(t, "tcp4", text)
		if resp.StatusCode != want.status || !strings.Contains(log.String(), want.reason) {
			t.Errorf("fault %d: %d, and the log says %s, want %s", i, resp.StatusCode, log.String(), want.reason)
		}
	}
}

func TestAListedSiteIsNeverRefusedWhileAHostileOneFloods(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{}))
	address := fmt.Sprintf("127.0.0.1:%d", s.port)
	// Enough that silent ones are pushed out.
	flood := endpointtest.Flood{Address: address, Count: 4 * maxSilent, Rate: 2000}
	ended := make(chan endpointtest.Report, 1)
	go func() { ended <- flood.Run(t.Context()) }()
	signIns := 0
	var report endpointtest.Report
	for over := false; !over; signIns++ {
		select {
		case report = <-ended:
			over = true // and once more
		default:
		}
		p, err := endpointtest.Open(t.Context(), address, good)
		if err != nil {
			t.Fatalf("sign-in %d: %v", signIns, err)
		}
		if err := p.Call(t.Context(), "watch", struct{}{}, nil); err != nil {
			t.Fatalf("sign-in %d: %v", signIns, err)
		}
		p.Close()
	}
	if report.Other != 0 || report.Refused == 0 || report.Silent <= maxSilent {
		t.Errorf("%d of the listed site, and of the flood %+v", signIns, report)
	}
	s.Server.silent.mu.Lock()
	defer s.Server.silent.mu.Unlock()
	if n := len(s.Server.silent.conns); n > mostSilent {
		t.Errorf("%d silent connections are open", n)
	}
}
