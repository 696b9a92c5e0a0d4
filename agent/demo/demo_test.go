package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"go.uber.org/goleak"

	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/peer"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

func TestMain(m *testing.M) {
	if as := os.Getenv(actAsTray); as != "" {
		os.Exit(actTray(as))
	}
	goleak.VerifyTestMain(m)
}

// start runs a demo with a person who types the right PIN, until the test ends.
func start(t *testing.T) (*demo, <-chan signin.About) {
	t.Helper()
	asked := make(chan signin.About, 16)
	d, err := newDemo(config{
		listen: "127.0.0.1:0", site: "localhost:0", prompter: typist{asked},
		log: slog.New(slog.DiscardHandler), trace: io.Discard, notice: io.Discard, folder: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	})
	return d, asked
}

// browser is an HTTP client with cookies.
func newClient(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

// do sends a request as a page of the origin does.
func do(t *testing.T, client *http.Client, method, address, origin string, body []byte) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", origin)
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// message is one answer or notification of the agent.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// call calls a method of the agent over the socket and decodes its result.
func call(t *testing.T, conn *websocket.Conn, id int, method string, params, result any) {
	t.Helper()
	err := wsjson.Write(t.Context(), conn, map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	for {
		var m message
		if err := wsjson.Read(t.Context(), conn, &m); err != nil {
			t.Fatal(err)
		}
		if m.Method != "" {
			continue
		}
		if m.ID != id || m.Error != nil {
			t.Fatalf("%s is answered with %d %s", method, m.ID, m.Error)
		}
		if err := json.Unmarshal(m.Result, result); err != nil {
			t.Fatal(err)
		}
		return
	}
}

func TestAVirtualCardSignsInAtTheSite(t *testing.T) {
	d, asked := start(t)
	d.bench.insert(0)
	client := newClient(t)
	_, text := do(t, client, "POST", d.origin+"/challenge", d.origin, []byte("{}"))
	var challenge struct {
		Nonce string `json:"nonce"`
	}
	if err := json.Unmarshal([]byte(text), &challenge); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	conn, _, err := websocket.Dial(t.Context(), fmt.Sprintf("ws://127.0.0.1:%d/cardea", d.agentPort), &websocket.DialOptions{
		HTTPClient: client, HTTPHeader: http.Header{"Origin": {d.origin}}, Subprotocols: []string{"cardea.v1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	var hello, signedIn json.RawMessage
	call(t, conn, 1, "hello", map[string]any{"client": "test 1", "protocol": 1}, &hello)
	call(t, conn, 2, "authenticate", map[string]any{"nonce": challenge.Nonce}, &signedIn)
	if about := <-asked; about.Origin != d.origin || about.Purpose != signin.ToSignIn || about.Reader != readerName {
		t.Errorf("the window shows %+v", about)
	}
	if status, text := do(t, client, "POST", d.origin+"/login", d.origin, signedIn); status != http.StatusOK {
		t.Fatalf("the site answers %d %s", status, text)
	}
	if _, text := do(t, client, "GET", d.origin+"/home", d.origin, nil); !strings.Contains(text, "555000000001") {
		t.Errorf("the page does not show who signed in:\n%s", text)
	}
	if tries, _ := d.bench.cards[0].TriesLeft(); tries != 3 {
		t.Errorf("%d tries are left", tries)
	}
}

func TestTheAgentOfTheDemoServesItsSiteAlone(t *testing.T) {
	d, _ := start(t)
	for _, origin := range []string{"https://portal.example", "http://localhost:1", "http://127.0.0.1:" + strconv.Itoa(portOf(d.listeners))} {
		conn, answer, err := websocket.Dial(t.Context(), fmt.Sprintf("ws://127.0.0.1:%d/cardea", d.agentPort), &websocket.DialOptions{
			HTTPClient: newClient(t), HTTPHeader: http.Header{"Origin": {origin}}, Subprotocols: []string{"cardea.v1"},
		})
		if err == nil {
			_ = conn.CloseNow()
			t.Errorf("%s was let in", origin)
		} else if answer == nil || answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

func TestTheControlPageMovesCardsAndReader(t *testing.T) {
	d, _ := start(t)
	client := newClient(t)
	for _, step := range []struct{ button, want string }{
		{"", `data-plugged="true" data-card="" data-serves="true"`},
		{"insert/0", `data-card="Anna Example"`},
		{"insert/1", `data-card="Bryn Example"`},
		{"remove", `data-card=""`},
		{"insert/4", `data-card="Dewi Example"`},
		{"unplug", `data-plugged="false" data-card=""`},
		{"insert/0", `data-plugged="false" data-card=""`},
		{"plug", `data-plugged="true" data-card=""`},
		{"stop-service", `data-serves="false"`},
		{"start-service", `data-serves="true"`},
		{"insert/0", `data-card="Anna Example"`},
		{"lost/0", `Reported lost.`},
		{"renew/0", `data-card=""`},
		{"", `A card was registered to your account`},
	} {
		method, path := "POST", "/control/"+step.button
		if step.button == "" {
			method, path = "GET", "/control"
		}
		if status, text := do(t, client, method, d.origin+path, d.origin, nil); status != http.StatusOK || !strings.Contains(text, step.want) {
			t.Errorf("after %q the page (%d) does not say %s:\n%s", step.button, status, step.want, text)
		}
	}
	v := d.bench.view()
	if len(v.Cards) != ready || v.BadCards[2].TriesLeft != 1 || v.BadCards[1].TriesLeft != 0 || v.Cards[0].TriesLeft != 3 || v.PIN != virtual.DefaultPIN {
		t.Errorf("the cards are %+v and %+v", v.Cards, v.BadCards)
	}
}

func TestOnlyTheControlPageItselfMovesCards(t *testing.T) {
	d, _ := start(t)
	client := newClient(t)
	d.bench.insert(1)
	if status, _ := do(t, client, "POST", d.origin+"/control/remove", "https://evil.example", nil); status != http.StatusForbidden {
		t.Errorf("another site's page: %d", status)
	}
	if status, _ := do(t, client, "GET", d.origin+"/control/remove", d.origin, nil); status != http.StatusMethodNotAllowed {
		t.Errorf("a link: %d", status)
	}
	rebound := strings.Replace(d.origin, "localhost", "127.0.0.1", 1)
	if status, _ := do(t, client, "POST", rebound+"/control/remove", rebound, nil); status != http.StatusMisdirectedRequest {
		t.Errorf("another name for this computer: %d", status)
	}
	if v := d.bench.view(); v.Inserted != "Bryn Example" {
		t.Errorf("the card in the reader is %q", v.Inserted)
	}
}

func TestATakenUsualPortIsReplacedWithASentence(t *testing.T) {
	taken, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(taken)
	addr := taken[0].Addr().String()
	var said strings.Builder
	got, err := listen(addr, addr, "agent", &said)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(got)
	_, port, _ := net.SplitHostPort(addr)
	if portOf(got) == portOf(taken) || !strings.Contains(said.String(), port) || !strings.Contains(said.String(), strconv.Itoa(portOf(got))) {
		t.Errorf("it listens on %d and says %q", portOf(got), said.String())
	}
	if _, err := listen(addr, "127.0.0.1:1", "agent", &said); err == nil {
		t.Error("a port that the person named was replaced")
	}
}

func TestNothingListensWhenTheDemoCannotStart(t *testing.T) {
	free, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	agentAt, port := free[0].Addr().String(), portOf(free)
	closeAll(free)
	if _, err := newDemo(config{listen: agentAt, site: "example.com:80", notice: io.Discard}); err == nil {
		t.Fatal("a site on another computer's address was begun")
	}
	listening, err := peer.Listening(uint16(port))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range listening {
		if l.Process == os.Getpid() { // another program may have got it meanwhile
			t.Errorf("something listens on %s", l.Address)
		}
	}
}

func TestACommandLineThatIsUnclearIsRefused(t *testing.T) {
	for _, args := range [][]string{{"now"}, {"--cheque"}, {"--site", "example.com:80"}, {"--listen", "0.0.0.0:0"}} {
		var out, errs strings.Builder
		if err := execute(t.Context(), args, &out, &errs); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

func TestTheDemoSaysWhatToOpenAndLeavesNothingBehind(t *testing.T) {
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ctx, cancel := context.WithCancel(t.Context())
	said := &announcement{told: make(chan string, 1)}
	ended := make(chan error, 1)
	go func() {
		ended <- execute(ctx, []string{"--listen", "127.0.0.1:0", "--site", "localhost:0"}, said, io.Discard)
	}()
	text := <-said.told
	_, rest, _ := strings.Cut(text, "Sign in")
	address := strings.Fields(rest)[0]
	if u, err := url.Parse(address); err != nil || u.Hostname() != "localhost" || !strings.Contains(text, address+"control") || !strings.Contains(text, virtual.DefaultPIN) {
		t.Errorf("it says\n%s", text)
	}
	client := newClient(t)
	if status, page := do(t, client, "GET", address, "", nil); status != http.StatusOK || !strings.Contains(page, `id="signin"`) {
		t.Errorf("%s answers %d %s", address, status, page)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// announcement passes on what is written first.
type announcement struct{ told chan string }

func (a *announcement) Write(p []byte) (int, error) {
	select {
	case a.told <- string(p):
	default:
	}
	return len(p), nil
}
