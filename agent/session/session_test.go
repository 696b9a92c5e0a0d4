package session_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-agent/cardea/agent/approvals"
	"github.com/cardea-agent/cardea/agent/audit"
	"github.com/cardea-agent/cardea/agent/desktop"
	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/session"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

const (
	origin  = "https://portal.example"
	signing = "https://documents.example" // may have documents signed as well
	// canary is the PIN of every card here. It must be nowhere but in the
	// prompt's one frame and on the card.
	canary = "90817263"
	// limit is far above what anything here takes.
	limit = 30 * time.Second
)

const rules = `
[removal]
action = "lock"
grace = "1m"
[[origin]]
url = "` + origin + `"
group = "ward"
[[origin]]
url = "https://notes.example"
group = "ward"
[[origin]]
url = "` + signing + `"
rights = ["authenticate", "sign"]
`

// journal keeps every byte that could betray a PIN.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// establishments counts the contexts that the agent opens.
type establishments struct {
	pcsc.Driver
	mu sync.Mutex
	n  int
}

func (e *establishments) Establish() (pcsc.Context, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n++
	return e.Driver.Establish()
}

// slot is where a card is put in.
type slot interface {
	Insert(card *virtual.Card)
	Remove()
}

// ward is an agent with a virtual reader, a tray, and pages.
type ward struct {
	t       *testing.T
	driver  *establishments
	slot    slot
	ca      *virtual.CA
	card    *virtual.Card
	tray    *signintest.Prompter
	socket  string
	address string
	journal *journal
	policy  session.Policy // nil: that of rules
	rules   string
	answers string // the file of answers about sites
	stop    func()
	change  func(*session.Config) // of the agent; may be nil
}

func newWard(t *testing.T) *ward { return newWardOf(t, rules) }

func newWardOf(t *testing.T, rules string) *ward {
	t.Helper()
	manager := virtual.NewManager()
	return newWardUnder(t, rules, manager, manager.AddReader("Reader 1"), nil)
}

func newWardOver(t *testing.T, driver pcsc.Driver, s slot) *ward {
	t.Helper()
	return newWardUnder(t, rules, driver, s, nil)
}

func newWardWith(t *testing.T, driver pcsc.Driver, s slot, change func(*session.Config)) *ward {
	t.Helper()
	return newWardUnder(t, rules, driver, s, change)
}

func newWardUnder(t *testing.T, rules string, driver pcsc.Driver, s slot, change func(*session.Config)) *ward {
	t.Helper()
	w := &ward{
		rules: rules, answers: filepath.Join(t.TempDir(), "origins.json"),
		t: t, driver: &establishments{Driver: driver}, slot: s, ca: virtual.NewCA("Test CA"), tray: signintest.NewPrompter(),
		socket: filepath.Join(t.TempDir(), "cardea", "prompt.sock"), journal: &journal{}, change: change,
	}
	w.card = virtual.NewCard(w.ca, virtual.P256("Anna Example").With(func(p *virtual.Profile) { p.PIN = canary }))
	w.start()
	t.Cleanup(func() {
		w.stop()
		if strings.Contains(w.journal.String(), canary) {
			t.Errorf("the PIN is in the log:\n%s", w.journal)
		}
	})
	return w
}

// start runs the agent until stop. A second start takes another port: somebody
// else could have the first one by then.
func (w *ward) start() {
	w.t.Helper()
	p := w.policy
	if p == nil {
		parsed, err := policy.Parse([]byte(w.rules))
		if err != nil {
			w.t.Fatal(err)
		}
		p = parsed
	}
	listeners, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.address = listeners[0].Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	c := session.Config{
		Driver: w.driver, Policy: p, Audit: audit.New(w.journal), Version: "1.2.3", Listeners: listeners, PromptPath: w.socket,
		Approvals: approvals.Open(w.answers),
		Log:       slog.New(slog.NewTextHandler(w.journal, &slog.HandlerOptions{Level: slog.LevelDebug})),
		// As the program has it: unlocked.
		Desktop: func(context.Context) (desktop.Session, error) { return desktop.Session{Kind: desktop.AtScreen}, nil },
	}
	if w.change != nil {
		w.change(&c)
	}
	go func() { ended <- session.Run(ctx, c) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the agent ended with %v", err)
		}
	})
}

// startTray runs a tray whose windows are w.tray, and returns when the agent
// knows it.
func (w *ward) startTray() {
	w.t.Helper()
	connected := make(chan struct{})
	once := sync.OnceFunc(func() { close(connected) })
	client, err := prompt.NewClient(prompt.ClientConfig{
		Path: w.socket, Version: "1.2.3", Prompter: w.tray, Log: slog.New(slog.NewTextHandler(w.journal, nil)),
		OnReport: func(r prompt.Report) {
			if r.Connected {
				once()
			}
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the tray ended with %v", err)
		}
	})
	<-connected
}

func (w *ward) asked() signintest.Asked {
	w.t.Helper()
	select {
	case a := <-w.tray.Asked:
		return a
	case <-time.After(limit):
		w.t.Fatal("nobody was asked")
		panic("unreachable")
	}
}

// page is one WebSocket connection.
type page struct {
	t       *testing.T
	conn    *websocket.Conn
	next    int
	answers chan message
	notes   chan message
}

type message struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Data struct {
			Code   string         `json:"code"`
			Params map[string]any `json:"params"`
		} `json:"data"`
	} `json:"error"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

func (w *ward) dial(from string) (*websocket.Conn, *http.Response, error) {
	return websocket.Dial(w.t.Context(), "ws://"+w.address+"/cardea", &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {from}}, Subprotocols: []string{"cardea.v1"},
	})
}

func (w *ward) open(from string) *page {
	w.t.Helper()
	conn, _, err := w.dial(from)
	if err != nil {
		w.t.Fatal(err)
	}
	p := w.read(conn)
	p.call("hello", map[string]any{"client": "test/1", "protocol": 1})
	return p
}

// read makes a page of a connection that said nothing yet.
func (w *ward) read(conn *websocket.Conn) *page {
	w.t.Helper()
	p := &page{t: w.t, conn: conn, answers: make(chan message, 16), notes: make(chan message, 64)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			_, b, err := conn.Read(context.Background())
			if err != nil {
				close(p.answers)
				return
			}
			_, _ = w.journal.Write(append(b, '\n'))
			var m message
			if err := json.Unmarshal(b, &m); err != nil {
				w.t.Errorf("%s: %v", b, err)
			}
			if m.Method != "" {
				p.notes <- m
			} else {
				p.answers <- m
			}
		}
	}()
	w.t.Cleanup(func() { _ = conn.CloseNow(); <-ended })
	return p
}

// send sends a request and returns its id.
func (p *page) send(method string, params any) int {
	p.t.Helper()
	p.next++
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": p.next, "method": method, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.conn.Write(p.t.Context(), websocket.MessageText, b); err != nil {
		p.t.Fatal(err)
	}
	return p.next
}

// answer waits for the answer to a request.
func (p *page) answer(id int) message {
	p.t.Helper()
	select {
	case m, ok := <-p.answers:
		if !ok || m.ID != id {
			p.t.Fatalf("got %+v, want the answer to %d", m, id)
		}
		return m
	case <-time.After(limit):
		p.t.Fatal("no answer came")
		panic("unreachable")
	}
}

func (p *page) call(method string, params any) message {
	p.t.Helper()
	return p.answer(p.send(method, params))
}

func (m message) code() string {
	if m.Error == nil {
		return ""
	}
	return m.Error.Data.Code
}

func nonce() string {
	b := make([]byte, 36)
	_, _ = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}

// hears waits for a session's notifications and returns the last one.
func (p *page) hears(events ...string) {
	p.t.Helper()
	for _, want := range events {
		for {
			var m message
			select {
			case m = <-p.notes:
			case <-time.After(limit):
				p.t.Fatalf("heard nothing, want %s", want)
			}
			var e struct {
				Event string `json:"event"`
			}
			if m.Method != "session" {
				continue
			}
			if err := json.Unmarshal(m.Params, &e); err != nil || e.Event != want {
				p.t.Errorf("heard %s, want %s", m.Params, want)
			}
			break
		}
	}
}

// signIn signs in and returns the token and the session.
func (w *ward) signIn(p *page) (signin.Token, string) {
	w.t.Helper()
	id := p.send("authenticate", map[string]any{"nonce": nonce()})
	w.asked().Type(canary)
	m := p.answer(id)
	var r struct {
		Token   signin.Token `json:"token"`
		Session string       `json:"session"`
	}
	if err := json.Unmarshal(m.Result, &r); err != nil || m.Error != nil {
		w.t.Fatalf("%+v, %v", m, err)
	}
	return r.Token, r.Session
}

func TestAPageSignsInWithTheCardAndThePINStaysInside(t *testing.T) {
	w := newWard(t)
	w.startTray()
	w.slot.Insert(w.card)
	p := w.open(origin)
	id := p.send("authenticate", map[string]any{"nonce": nonce()})
	asked := w.asked()
	if asked.About.Origin != origin || asked.About.Holder != "Anna Example" || asked.Question.TriesLeft != 3 {
		t.Errorf("the window shows %+v, %+v", asked.About, asked.Question)
	}
	asked.Type("11111111")
	again := w.asked()
	if !again.Question.Wrong || again.Question.TriesLeft != 2 {
		t.Errorf("the second question is %+v", again.Question)
	}
	again.Type(canary)
	m := p.answer(id)
	if m.Error != nil {
		t.Fatalf("%+v", m.Error)
	}
	var phases []string
	for len(p.notes) > 0 {
		phases = append(phases, string((<-p.notes).Params))
	}
	want := []string{
		fmt.Sprintf(`{"id":%d,"phase":"waitingForPIN"}`, id), fmt.Sprintf(`{"id":%d,"phase":"signing"}`, id),
		fmt.Sprintf(`{"id":%d,"phase":"wrongPIN","triesLeft":2}`, id), fmt.Sprintf(`{"id":%d,"phase":"signing"}`, id),
	}
	if i := slices.Index(phases, want[0]); i < 0 || !slices.Equal(phases[i:], want) {
		t.Errorf("the page heard %q, want %q", phases, want)
	}
	if !strings.Contains(w.journal.String(), `"outcome":"ok"`) {
		t.Error("the decision is not in the audit log")
	}
	if w.card.PINVerified() {
		t.Error("the card still has the PIN")
	}
}

func TestTheTokenIsBoundToTheOriginAndTheNonce(t *testing.T) {
	w := newWard(t)
	w.startTray()
	w.slot.Insert(w.card)
	p, given := w.open(origin), nonce()
	id := p.send("authenticate", map[string]any{"nonce": given})
	w.asked().Type(canary)
	var r struct {
		Token signin.Token `json:"token"`
	}
	if err := json.Unmarshal(p.answer(id).Result, &r); err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(r.Token.UnverifiedCertificate)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil || c.Subject.CommonName != "Anna Example" || r.Token.Format != "web-eid:1.0" || r.Token.Algorithm != "ES256" {
		t.Fatalf("the token is %+v, %v", r.Token, err)
	}
	signature, err := base64.StdEncoding.DecodeString(r.Token.Signature)
	if err != nil || len(signature) != 64 {
		t.Fatalf("the signature is %d bytes, %v", len(signature), err)
	}
	// Computed here as a server does it, and by no code of the agent's.
	signs := func(origin, nonce string) bool {
		o, n := sha256.Sum256([]byte(origin)), sha256.Sum256([]byte(nonce))
		digest := sha256.Sum256(append(o[:], n[:]...))
		return ecdsa.Verify(c.PublicKey.(*ecdsa.PublicKey), digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	if !signs(origin, given) {
		t.Error("the token is not for the page's origin and nonce")
	}
	if signs(signing, given) || signs(origin, nonce()) {
		t.Error("the token is for another origin or nonce as well")
	}
}

func TestTheCardOutLocksEveryPageAndTheNextOneAttachesAndResumes(t *testing.T) {
	w := newWard(t)
	w.startTray()
	w.slot.Insert(w.card)
	first := w.open(origin)
	_, session := w.signIn(first)
	notes := w.open("https://notes.example")
	if m := notes.call("attach", map[string]any{"session": session}); string(m.Result) != `{"state":"present"}` {
		t.Errorf("a page of the group attached: %s %+v", m.Result, m.Error)
	}
	w.slot.Remove()
	first.hears("cardRemoved", "locked")
	notes.hears("cardRemoved", "locked")
	_ = first.conn.CloseNow()

	next := w.open(origin)
	m := next.call("attach", map[string]any{"session": session})
	var standing struct {
		State     string `json:"state"`
		GraceLeft int    `json:"graceLeft"`
	}
	if err := json.Unmarshal(m.Result, &standing); err != nil || standing.State != "removed" || standing.GraceLeft < 50 || standing.GraceLeft > 60 {
		t.Errorf("the next page hears %s", m.Result)
	}
	id := next.send("resume", map[string]any{"session": session, "nonce": nonce()})
	w.slot.Insert(w.card)
	asked := w.asked()
	if asked.About.Purpose != signin.ToResume {
		t.Errorf("the window shows %+v", asked.About)
	}
	asked.Type(canary)
	if m := next.answer(id); m.Error != nil {
		t.Errorf("%+v", m.Error)
	}
	next.hears("cardReturned", "resumed")
	if m := next.call("endSession", map[string]any{"session": session}); m.Error != nil {
		t.Errorf("%+v", m.Error)
	}
	next.hears("ended")
	notes.hears("cardReturned", "resumed", "ended")
}

func TestClosingTheSocketOrCancellingClosesTheWindow(t *testing.T) {
	w := newWard(t)
	w.startTray()
	w.slot.Insert(w.card)
	p := w.open(origin)
	id := p.send("authenticate", map[string]any{"nonce": nonce()})
	asked := w.asked()
	p.send("cancel", map[string]any{"id": id})
	codes := map[int]string{}
	for range 2 {
		m := <-p.answers
		codes[m.ID] = m.code()
	}
	if codes[id] != "cancelled" || codes[id+1] != "" {
		t.Errorf("the answers are %v", codes)
	}
	<-asked.Closed

	p = w.open(origin)
	p.send("authenticate", map[string]any{"nonce": nonce()})
	asked = w.asked()
	_ = p.conn.CloseNow()
	<-asked.Closed
}

func TestWithoutATrayThePageHearsItWithinSeconds(t *testing.T) {
	w := newWard(t)
	w.slot.Insert(w.card)
	p := w.open(origin)
	start := time.Now()
	if m := p.call("authenticate", map[string]any{"nonce": nonce()}); m.code() != "noPromptUI" {
		t.Errorf("got %+v", m)
	}
	// That it is no more than three seconds is seen where the clock is the test's
	// own, in package prompt: how long all else takes is up to the machine.
	if got := time.Since(start); got > 10*time.Second {
		t.Errorf("it took %v", got)
	}
}

func TestARestartedAgentKnowsNoSessionsAndServesTheSameTray(t *testing.T) {
	w := newWard(t)
	w.startTray()
	w.slot.Insert(w.card)
	_, session := w.signIn(w.open(origin))
	w.stop()
	w.start()
	p := w.open(origin)
	if m := p.call("attach", map[string]any{"session": session}); m.code() != "sessionUnknown" {
		t.Errorf("got %+v", m)
	}
	w.signIn(p)
}

func TestARefusedHandshakeTouchesNoCardAndNoReader(t *testing.T) {
	w := newWard(t)
	w.slot.Insert(w.card)
	p := w.open(origin)
	for known := p.call("watch", map[string]any{}).Result; !bytes.Contains(known, []byte(`"state":"ready"`)); {
		select {
		case m := <-p.notes:
			known = m.Params
		case <-time.After(limit):
			t.Fatalf("the card is not ready: %s", known)
		}
	}
	w.card.ResetCount()
	w.driver.mu.Lock()
	before := w.driver.n
	w.driver.mu.Unlock()
	for _, from := range []string{"", "null", "http://portal.example", "https://portal.example.evil.test", "https://portal.example:8443", "https://PORTAL.example", "https://portal.example."} {
		conn, answer, err := w.dial(from)
		if err == nil {
			_ = conn.CloseNow()
			t.Errorf("%q was let in", from)
		} else if answer == nil || answer.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %v", from, err)
		}
	}
	w.driver.mu.Lock()
	defer w.driver.mu.Unlock()
	if w.card.Count() != 0 || w.driver.n != before {
		t.Errorf("%d commands and %d contexts were spent on refused pages", w.card.Count(), w.driver.n-before)
	}
}
