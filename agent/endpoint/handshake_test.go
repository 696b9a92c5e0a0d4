package endpoint

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/peer"
)

// handshake is the text of one, from which tests depart. P is the port.
const handshake = "GET /cardea HTTP/1.1\r\nHost: 127.0.0.1:P\r\nOrigin: https://good.example\r\n" +
	"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: other, cardea.v1\r\n\r\n"

// change replaces one text of the handshake by another.
func change(old, new string) string {
	if !strings.Contains(handshake, old) {
		panic("the handshake has no " + old)
	}
	return strings.ReplaceAll(handshake, old, new)
}

func originIs(lines ...string) string {
	var all strings.Builder
	for _, line := range lines {
		all.WriteString("Origin: " + line + "\r\n")
	}
	return change("Origin: https://good.example\r\n", all.String())
}

func hostIs(host string) string { return change("Host: 127.0.0.1:P", "Host: "+host) }

// exchange sends a text and returns the response with its body read.
func (s *testServer) exchange(t testing.TB, network, text string) (*http.Response, string) {
	t.Helper()
	host := map[string]string{"tcp4": "127.0.0.1", "tcp6": "::1"}[network]
	conn, err := net.Dial(network, net.JoinHostPort(host, fmt.Sprint(s.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return finish(t, conn, strings.ReplaceAll(text, ":P", fmt.Sprintf(":%d", s.port)))
}

func finish(t testing.TB, conn net.Conn, text string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, ""
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestAHandshakeIsAcceptedUnderEveryNameOfTheAgent(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{}))
	for _, host := range []string{"127.0.0.1:P", "localhost:P", "[::1]:P"} {
		resp, _ := s.exchange(t, "tcp4", hostIs(host))
		if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Protocol") != "cardea.v1" {
			t.Errorf("%s: %v", host, resp)
		}
		if extensions := resp.Header.Get("Sec-WebSocket-Extensions"); extensions != "" {
			t.Errorf("%s: compression is on: %s", host, extensions)
		}
	}
}

func TestTheAgentAnswersOnIPv6(t *testing.T) {
	listeners, err := loopback.Listen("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	if len(listeners) < 2 {
		_ = listeners[0].Close()
		t.Skip("no IPv6 here")
	}
	s := serve(t, defaults(&fakeBackend{}), listeners...)
	if resp, _ := s.exchange(t, "tcp6", hostIs("[::1]:P")); resp.StatusCode != http.StatusSwitchingProtocols {
		t.Error(resp)
	}
}

func TestARefusedHandshakeIsSilentAndTouchesNoCard(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{}))
	long := "https://" + strings.Repeat("a.", 200) + "example"
	for name, c := range map[string]struct {
		text   string
		status int
	}{
		"path of nothing":        {change("/cardea", "/"), 404},
		"path with more":         {change("/cardea", "/cardea/"), 404},
		"path with query":        {change("/cardea", "/cardea?origin=https://good.example"), 404},
		"path in other case":     {change("/cardea", "/Cardea"), 404},
		"path escaped":           {change("/cardea", "/%63ardea"), 404},
		"path with dots":         {change("/cardea", "/x/../cardea"), 404},
		"absolute URL":           {change("/cardea", "http://127.0.0.1:P/cardea"), 404},
		"OPTIONS *":              {change("GET /cardea", "OPTIONS *"), 404},
		"method POST":            {change("GET", "POST"), 403},
		"method OPTIONS":         {change("GET", "OPTIONS"), 403},
		"method HEAD":            {change("GET", "HEAD"), 403},
		"rebound name":           {hostIs("evil.example:P"), 403},
		"rebound name, good":     {hostIs("good.example:P"), 403},
		"Host without port":      {hostIs("127.0.0.1"), 403},
		"Host with other port":   {hostIs("127.0.0.1:1"), 403},
		"Host with zeros":        {hostIs("127.0.0.1:0P"), 403},
		"Host 0.0.0.0":           {hostIs("0.0.0.0:P"), 403},
		"Host mapped":            {hostIs("[::ffff:127.0.0.1]:P"), 403},
		"Host in capitals":       {hostIs("LOCALHOST:P"), 403},
		"Host with dot":          {hostIs("localhost.:P"), 403},
		"Host longer loopback":   {hostIs("[0:0:0:0:0:0:0:1]:P"), 403},
		"Host 127.1":             {hostIs("127.1:P"), 403},
		"Host other loopback":    {hostIs("127.0.0.2:P"), 403},
		"Host below localhost":   {hostIs("evil.localhost:P"), 403},
		"no Origin":              {originIs(), 403},
		"empty Origin":           {originIs(""), 403},
		"two Origins":            {originIs(good, good), 403},
		"two Origins in one":     {originIs(good + ", " + good), 403},
		"Origin list":            {originIs(good + " https://evil.example"), 403},
		"Origin null":            {originIs("null"), 403},
		"http":                   {originIs("http://good.example"), 403},
		"http on loopback":       {originIs("http://localhost:8080"), 403},
		"our own Origin":         {originIs("http://127.0.0.1:P"), 403},
		"websocket scheme":       {originIs("wss://good.example"), 403},
		"extension":              {originIs("chrome-extension://good.example"), 403},
		"scheme in capitals":     {originIs("HTTPS://good.example"), 403},
		"not on the list":        {originIs("https://evil.example"), 403},
		"good in front":          {originIs("https://good.example.evil.test"), 403},
		"good at the end":        {originIs("https://evilgood.example"), 403},
		"below good":             {originIs("https://www.good.example"), 403},
		"above good":             {originIs("https://example"), 403},
		"dot at the end":         {originIs("https://good.example."), 403},
		"other case":             {originIs("https://Good.example"), 403},
		"other port":             {originIs("https://good.example:8443"), 403},
		"own port written":       {originIs("https://good.example:443"), 403},
		"empty port":             {originIs("https://good.example:"), 403},
		"slash at the end":       {originIs("https://good.example/"), 403},
		"with path":              {originIs("https://good.example/login"), 403},
		"with user":              {originIs("https://good.example@evil.example"), 403},
		"with user in front":     {originIs("https://evil@good.example"), 403},
		"with query":             {originIs("https://good.example?x"), 403},
		"with fragment":          {originIs("https://good.example#x"), 403},
		"with backslash":         {originIs(`https://good.example\evil`), 403},
		"with percent":           {originIs("https://good%2eexample"), 403},
		"homograph":              {originIs("https://gооd.example"), 403},
		"wildcard":               {originIs("https://*"), 403},
		"too long":               {originIs(long), 403},
		"no upgrade":             {change("Upgrade: websocket\r\n", ""), 403},
		"no Connection":          {change("Connection: keep-alive, Upgrade\r\n", ""), 403},
		"old version":            {change("Version: 13", "Version: 8"), 403},
		"no key":                 {change("Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n", ""), 403},
		"short key":              {change("MDEyMzQ1Njc4OWFiY2RlZg==", "MDEy"), 403},
		"HTTP 1.0":               {change("HTTP/1.1", "HTTP/1.0"), 403},
		"no subprotocol":         {change("Sec-WebSocket-Protocol: other, cardea.v1\r\n", ""), 403},
		"other subprotocol":      {change("other, cardea.v1", "cardea.v2"), 403},
		"subprotocol in capital": {change("other, cardea.v1", "CARDEA.V1"), 403},
	} {
		resp, body := s.exchange(t, "tcp4", c.text)
		if resp.StatusCode != c.status || body != "" {
			t.Errorf("%s: %d %q, want %d and nothing", name, resp.StatusCode, body, c.status)
		}
		for header := range resp.Header {
			if header != "Date" && header != "Content-Length" && header != "Connection" {
				t.Errorf("%s: the refusal tells %s", name, header)
			}
		}
	}
	if calls := s.backend.calls.Load(); calls != 0 {
		t.Errorf("refused handshakes made %d calls", calls)
	}
	if s.open(t, good); s.backend.calls.Load() == 0 {
		t.Error("the counter does not count")
	}
}

func TestHTTPOfLoopbackNamesIsForDevelopersAlone(t *testing.T) {
	const local = "http://localhost:8080"
	config := defaults(&fakeBackend{})
	config.Origins = origins{local: {"authenticate"}, "http://good.example": {"authenticate"}}
	for _, developer := range []bool{false, true} {
		config.Developer = developer
		s := serve(t, config)
		want := map[bool]int{false: 403, true: 101}[developer]
		if resp, _ := s.exchange(t, "tcp4", originIs(local)); resp.StatusCode != want {
			t.Errorf("developer mode %v: %d", developer, resp.StatusCode)
		}
		if resp, _ := s.exchange(t, "tcp4", originIs("http://good.example")); resp.StatusCode != 403 {
			t.Errorf("developer mode %v lets in http from afar: %d", developer, resp.StatusCode)
		}
	}
}

func TestAnotherUsersConnectionIsClosedUnread(t *testing.T) {
	for name, peers := range map[string]ownedBy{
		"another user":    {owner: peer.Owner{UID: "someone"}},
		"root":            {owner: peer.Owner{UID: "0"}},
		"another session": {owner: peer.Owner{UID: me.UID, Session: "2"}},
		"nobody":          {},
		"no answer":       {err: peer.ErrNotFound},
		"owner and error": {owner: me, err: errors.New("in doubt")},
	} {
		t.Run(name, func(t *testing.T) {
			config := defaults(&fakeBackend{})
			config.Peers = peers
			s := serve(t, config)
			conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", s.port))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("read %d bytes, %v", n, err)
			}
			if calls := s.backend.calls.Load(); calls != 0 {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

// untakeable is a response on a connection that cannot be taken over.
type untakeable struct{ *httptest.ResponseRecorder }

func (untakeable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("unexpected Peek failure")
}

func TestAConnectionThatCannotBeTakenOverIsClosedAndHoldsNothingUp(t *testing.T) {
	s := New(defaults(&fakeBackend{}))
	ours, theirs := net.Pipe()
	defer theirs.Close()
	s.connState(ours, http.StateNew)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(handshake, ":P", ":24747"))))
	if err != nil {
		t.Fatal(err)
	}
	w := untakeable{httptest.NewRecorder()}
	s.upgrade(w, r.WithContext(context.WithValue(t.Context(), connKey{}, ours)))
	if w.Code != http.StatusSwitchingProtocols {
		t.Errorf("it was refused before: %d", w.Code)
	}
	if _, err := theirs.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the connection is open: %v", err)
	}
	s.live.Wait()
	s.slots.wait()
	if len(s.silent.conns) > 0 {
		t.Error("it still counts as silent")
	}
}

func TestConnectionsAreCounted(t *testing.T) {
	config := defaults(&fakeBackend{})
	list := origins{}
	for i := range 6 {
		list[fmt.Sprintf("https://site%d.example", i)] = nil
	}
	config.Origins = list
	s := serve(t, config)
	var first *page
	for i := range maxConnections {
		p, status := s.dial(t, fmt.Sprintf("https://site%d.example", i/maxPerOrigin))
		if p == nil {
			t.Fatalf("connection %d: %d", i, status)
		}
		if first == nil {
			first = p
		}
		if i == maxPerOrigin-1 {
			if _, status := s.dial(t, "https://site0.example"); status != http.StatusTooManyRequests {
				t.Errorf("connection %d of one origin: %d", i+2, status)
			}
		}
	}
	resp, body := s.exchange(t, "tcp4", originIs("https://site5.example"))
	if resp.StatusCode != http.StatusTooManyRequests || body != "" {
		t.Errorf("one connection too many: %d %q", resp.StatusCode, body)
	}
	// A closed connection makes room. Its slot is free when its end is served.
	if err := first.ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	for {
		p, status := s.dial(t, "https://site5.example")
		if p != nil {
			break
		}
		if status != http.StatusTooManyRequests {
			t.Fatal(status)
		}
	}
}

func TestHealthAnswersAllowedOriginsOnly(t *testing.T) {
	backend := &fakeBackend{}
	backend.set(stateOnly("ready"))
	s := serve(t, defaults(backend))
	get := "GET /health HTTP/1.1\r\nHost: localhost:P\r\nOrigin: https://good.example\r\n\r\n"
	preflight := strings.Replace(strings.Replace(get, "GET", "OPTIONS", 1), "\r\n\r\n",
		"\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Private-Network: true\r\n\r\n", 1)
	for name, text := range map[string]string{
		"other origin":           strings.Replace(get, "good", "evil", 1),
		"other origin preflight": strings.Replace(preflight, "good", "evil", 1),
		"no origin":              strings.Replace(get, "Origin: https://good.example\r\n", "", 1),
		"rebound name":           strings.Replace(get, "localhost", "good.example", 1),
		"POST":                   strings.Replace(get, "GET", "POST", 1),
		"preflight of a POST":    strings.Replace(preflight, "Method: GET", "Method: POST", 1),
		"OPTIONS alone":          strings.Replace(get, "GET", "OPTIONS", 1),
	} {
		resp, body := s.exchange(t, "tcp4", text)
		if resp.StatusCode != http.StatusForbidden || body != "" || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v %q", name, resp, body)
		}
	}
	if calls := backend.calls.Load(); calls != 0 {
		t.Errorf("refused requests made %d calls", calls)
	}
	resp, body := s.exchange(t, "tcp4", get)
	if resp.StatusCode != 200 || body != `{"agent":"1.2.3","protocol":1,"state":"ready"}` || resp.Header.Get("Access-Control-Allow-Origin") != good {
		t.Errorf("%v %q", resp, body)
	}
	resp, body = s.exchange(t, "tcp4", preflight)
	if resp.StatusCode != 204 || body != "" || resp.Header.Get("Access-Control-Allow-Origin") != good ||
		resp.Header.Get("Access-Control-Allow-Private-Network") != "true" || resp.Header.Get("Access-Control-Allow-Local-Network") != "" {
		t.Errorf("%v %q", resp, body)
	}
}
