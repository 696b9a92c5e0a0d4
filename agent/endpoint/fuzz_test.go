package endpoint

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/protocol"
)

// Whatever bytes a connection begins with: they come in only with the agent's
// own Host and an origin of the list, and otherwise get a bare status. The
// backend hears of them only when a page of the list asks for health.
func FuzzAHandshakeComesInOnlyFromTheList(f *testing.F) {
	const port = "24747"
	for _, text := range []string{
		handshake, originIs(), originIs("null"), originIs(good, good), originIs("https://evil.example"), originIs("https://good.example:443"),
		hostIs("evil.example:P"), hostIs("[::1]:P"), change("GET /cardea", "OPTIONS *"), change("GET /cardea", "GET /health"),
		change("Connection: keep-alive, Upgrade", "Connection: close"), change("HTTP/1.1", "HTTP/1.0"), change("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc"),
		"GET /health HTTP/1.1\r\nHost: localhost:P\r\nOrigin: https://good.example\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01", "",
	} {
		f.Add([]byte(strings.ReplaceAll(text, ":P", ":"+port)))
	}
	config := defaults(&fakeBackend{})
	config.Port = 24747
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(in))))
		if err != nil {
			return
		}
		backend := &fakeBackend{}
		config.Backend = backend
		b := newBook()
		config.Origins = b
		s := New(config)
		ours, theirs := net.Pipe()
		defer theirs.Close()
		defer ours.Close()
		s.connState(ours, http.StateNew)
		w := untakeable{httptest.NewRecorder()}
		s.handle(w, r.WithContext(context.WithValue(t.Context(), connKey{}, ours)))
		origins := r.Header["Origin"]
		ofTheList := hostAllowed(r.Host, 24747) && len(origins) == 1 && origins[0] == good
		isHealth := r.RequestURI == protocol.HealthPath
		switch w.Code {
		case http.StatusSwitchingProtocols:
			if !ofTheList || r.RequestURI != protocol.Path || r.Method != http.MethodGet {
				t.Errorf("let in: %q", in)
			}
		case http.StatusOK, http.StatusNoContent:
			if !ofTheList || !isHealth {
				t.Errorf("answered %d: %q", w.Code, in)
			}
		case http.StatusForbidden, http.StatusNotFound:
			if w.Body.Len() > 0 || len(w.Header()) > 1 {
				t.Errorf("a refusal tells %v %q", w.Header(), w.Body)
			}
		default:
			t.Errorf("status %d for %q", w.Code, in)
		}
		if calls := backend.calls.Load(); calls > 0 && (!isHealth || w.Code != http.StatusOK) {
			t.Errorf("%d calls for %q", calls, in)
		}
		if told := b.told(); told != "" && (w.Code != http.StatusForbidden || told != origins[0] || !hostAllowed(r.Host, 24747)) {
			t.Errorf("a person would be asked about %q for %q", told, in)
		}
	})
}
