package portal

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cardea-agent/cardea/web/portal/texts"
)

// Guard lets through to next only requests that name the origin's own host and
// were not made by another site's page, and sends every answer with headers
// that keep scripts, frames and connections to what the site needs: its own,
// and the agent's port on this computer.
//
// The check of the host is what keeps a page out whose name was pointed at this
// server after it had loaded (DNS rebinding).
func Guard(origin string, agentPort int, next http.Handler) http.Handler {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		panic(fmt.Sprintf("portal: %q is not an origin", origin))
	}
	otherName := denial(origin, "guard.otherName", http.StatusMisdirectedRequest)
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(origin); err != nil {
		panic(fmt.Sprintf("portal: %v", err))
	}
	protection.SetDenyHandler(denial(origin, "guard.otherSite", http.StatusForbidden))
	// The client library dials this address alone. A policy cannot name an IPv6
	// address (CSP level 3, section 2.3.1).
	agent := fmt.Sprintf("ws://127.0.0.1:%d http://127.0.0.1:%[1]d", agentPort)
	headers := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
			"connect-src 'self' " + agent + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), microphone=(), geolocation=()",
		"Cache-Control":                "no-store",
	}
	if u.Scheme == "https" {
		headers["Strict-Transport-Security"] = "max-age=31536000"
	}
	guarded := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			// Added, so that a stricter policy of a server in front stays.
			w.Header().Add(name, value)
		}
		if r.Host != u.Host {
			otherName(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// denial says in a sentence why a request is not let through, in the language
// that the browser asks for: no cookie comes with such a request. A whole page
// would tell a stranger's script more, and could not load its style.
func denial(origin, key string, status int) http.HandlerFunc {
	all := texts.All()
	return func(w http.ResponseWriter, r *http.Request) {
		t := all[texts.Match(r.Header.Get("Accept-Language"))]
		w.Header().Set("Content-Language", string(t.Language))
		http.Error(w, word(t, key, "origin", origin), status)
	}
}

// The rate of requests that change something or cost something, for one network
// address. A whole hospital can be behind one; package accounts slows wrong
// passwords down far earlier.
const (
	changesPerSecond = 50
	changesAtOnce    = 200
	addressesKept    = 50_000
)

// limiter bounds the requests from each network address.
type limiter struct {
	mu      sync.Mutex // guards buckets
	buckets map[netip.Prefix]*rate.Limiter
}

// allow reports whether one more request from an address may pass. An IPv6
// network counts as one address: whoever has it chooses the rest freely.
func (l *limiter) allow(from netip.Addr, now time.Time) bool {
	bits := from.BitLen()
	if from.Is6() && !from.Is4In6() {
		bits = 64
	}
	prefix, err := from.Prefix(bits)
	if err != nil {
		prefix = netip.Prefix{} // all whose address is not known are one
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.buckets[prefix]
	if bucket == nil {
		if len(l.buckets) >= addressesKept {
			l.forget(now)
		}
		bucket = rate.NewLimiter(changesPerSecond, changesAtOnce)
		l.buckets[prefix] = bucket
	}
	return bucket.AllowN(now, 1)
}

// forget drops those that have all their requests left: a new bucket would be
// the same. A flood from more addresses than are kept starts them all anew.
func (l *limiter) forget(now time.Time) {
	for prefix, bucket := range l.buckets {
		if bucket.TokensAt(now) >= changesAtOnce {
			delete(l.buckets, prefix)
		}
	}
	if len(l.buckets) >= addressesKept {
		clear(l.buckets)
	}
}
