package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/peer"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

func TestMain(m *testing.M) {
	if os.Getenv(forgeEnv) != "" {
		os.Exit(forge(os.Getenv(forgeEnv)))
	}
	goleak.VerifyTestMain(m)
}

const (
	good    = "https://good.example"
	limited = "https://signs.example" // without the right to authenticate
	session = "0123456789abcdefghijkl"
	nonce   = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
)

// origins is the list of the tests.
type origins map[string][]string

func (o origins) Rights(origin string) ([]string, bool) {
	rights, known := o[origin]
	return rights, known
}

func (o origins) Listed(origin string) bool { _, known := o[origin]; return known }

func (origins) Refused(string) {}

var me = peer.Owner{UID: "me"}

// ownedBy answers the same owner, or error, for every connection.
type ownedBy struct {
	owner peer.Owner
	err   error
}

func (o ownedBy) Of(net.Conn) (peer.Owner, error) { return o.owner, o.err }

// fakeBackend counts every call. Its functions are set before the server runs.
type fakeBackend struct {
	calls        atomic.Int64
	authenticate func(context.Context, signin.Request, func(signin.Progress)) (signin.Result, error)
	resume       func(context.Context, signin.ResumeRequest, func(signin.Progress)) (signin.Token, error)
	certificate  func(ctx context.Context, origin, lang string) (signin.SigningCertificate, error)
	sign         func(context.Context, signin.SignRequest, func(signin.Progress)) (signin.SignResult, error)
	attach       func(origin, session string) (signin.SessionStanding, <-chan signin.SessionEvent, func(), error)

	mu       sync.Mutex
	snapshot signin.Snapshot
	changed  chan struct{}
	ended    []string
}

func (b *fakeBackend) set(s signin.Snapshot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.snapshot = s
	if b.changed != nil {
		close(b.changed)
	}
	b.changed = nil
}

func (b *fakeBackend) Snapshot() (signin.Snapshot, <-chan struct{}) {
	b.calls.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.snapshot, b.changed
}

func (b *fakeBackend) Authenticate(ctx context.Context, req signin.Request, progress func(signin.Progress)) (signin.Result, error) {
	b.calls.Add(1)
	return b.authenticate(ctx, req, progress)
}

func (b *fakeBackend) Resume(ctx context.Context, req signin.ResumeRequest, progress func(signin.Progress)) (signin.Token, error) {
	b.calls.Add(1)
	return b.resume(ctx, req, progress)
}

func (b *fakeBackend) GetSigningCertificate(ctx context.Context, origin, lang string, _ func(signin.Progress)) (signin.SigningCertificate, error) {
	b.calls.Add(1)
	return b.certificate(ctx, origin, lang)
}

func (b *fakeBackend) Sign(ctx context.Context, req signin.SignRequest, progress func(signin.Progress)) (signin.SignResult, error) {
	b.calls.Add(1)
	return b.sign(ctx, req, progress)
}

func (b *fakeBackend) Attach(origin, session string) (signin.SessionStanding, <-chan signin.SessionEvent, func(), error) {
	b.calls.Add(1)
	if b.attach == nil {
		return signin.SessionStanding{State: signin.SessionPresent}, make(chan signin.SessionEvent), func() {}, nil
	}
	return b.attach(origin, session)
}

func (b *fakeBackend) EndSession(_, session string) error {
	b.calls.Add(1)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = append(b.ended, session)
	if strings.HasPrefix(session, "unknown") {
		return &signin.Error{Code: signin.CodeSessionUnknown}
	}
	return nil
}

func (b *fakeBackend) Removal(string) signin.Removal {
	b.calls.Add(1)
	return signin.Removal{Action: signin.RemovalLock, Grace: 90 * time.Second}
}

// waiting is an Authenticate that waits for the end of its request.
func waiting(ctx context.Context, _ signin.Request, progress func(signin.Progress)) (signin.Result, error) {
	progress(signin.Progress{Phase: signin.WaitingForCard})
	<-ctx.Done()
	return signin.Result{}, ctx.Err()
}

// testServer is a running Server.
type testServer struct {
	*Server
	backend *fakeBackend
	port    int
	stop    func() error // ends Serve and returns its error; may be called again
}

func defaults(backend *fakeBackend) Config {
	return Config{
		Backend: backend, Self: me, Peers: ownedBy{owner: me}, Version: "1.2.3",
		Origins: origins{good: {"authenticate"}, limited: {"sign"}},
	}
}

// serve starts a server on listeners, or on free loopback ports.
func serve(t testing.TB, config Config, listeners ...net.Listener) *testServer {
	t.Helper()
	if listeners == nil {
		var err error
		if listeners, err = loopback.Listen("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &testServer{Server: New(config), backend: config.Backend.(*fakeBackend)}
	if own, ok := listeners[0].Addr().(*net.TCPAddr); ok {
		s.port = own.Port
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listeners...) }()
	s.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s
}

// page is a page's end of a connection.
type page struct {
	t  testing.TB
	ws *websocket.Conn
}

// dial opens a WebSocket as a page of an origin, and gives the status where it
// was refused.
func (s *testServer) dial(t testing.TB, origin string) (*page, int) {
	t.Helper()
	return dialThrough(t, fmt.Sprintf("ws://127.0.0.1:%d%s", s.port, protocol.Path), origin, &http.Transport{})
}

func dialThrough(t testing.TB, url, origin string, transport *http.Transport) (*page, int) {
	t.Helper()
	ws, resp, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		HTTPHeader:   http.Header{"Origin": {origin}},
		Subprotocols: []string{protocol.Subprotocol},
	})
	transport.CloseIdleConnections()
	if resp == nil {
		t.Fatal(err)
	}
	if err != nil {
		return nil, resp.StatusCode
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	return &page{t, ws}, resp.StatusCode
}

// open dials, says hello and takes the answer.
func (s *testServer) open(t testing.TB, origin string) *page {
	t.Helper()
	p, status := s.dial(t, origin)
	if p == nil {
		t.Fatalf("%s refused with %d", origin, status)
	}
	p.hello()
	return p
}

func (p *page) hello() {
	p.t.Helper()
	p.send(`{"jsonrpc":"2.0","id":"h","method":"hello","params":{"client":"test/1","protocol":1}}`)
	if got := p.next(); !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":"h","result":`) {
		p.t.Fatalf("hello: %s", got)
	}
}

func (p *page) send(message string) {
	p.t.Helper()
	if err := p.ws.Write(context.Background(), websocket.MessageText, []byte(message)); err != nil {
		p.t.Fatal(err)
	}
}

// ask sends a request with the id 1.
func (p *page) ask(method, params string) {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params))
}

func (p *page) next() string {
	p.t.Helper()
	_, data, err := p.ws.Read(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

func (p *page) expect(want string) {
	p.t.Helper()
	if got := p.next(); got != want {
		p.t.Errorf("got  %s\nwant %s", got, want)
	}
}

// expectError takes an answer with a code and, in its text, a detail.
func (p *page) expectError(id string, code signin.Code, detail string) {
	p.t.Helper()
	got := p.next()
	if !strings.Contains(got, `"id":`+id+`,"error":`) || !strings.Contains(got, `"data":{"code":"`+string(code)+`"`) || !strings.Contains(got, detail) {
		p.t.Errorf("got %s, want id %s, code %s, detail %s", got, id, code, detail)
	}
}

// expectClose takes the end of the connection.
func (p *page) expectClose(code websocket.StatusCode) {
	p.t.Helper()
	_, data, err := p.ws.Read(context.Background())
	if got := websocket.CloseStatus(err); err == nil || got != code {
		p.t.Errorf("got %q, %v, want the close code %d", data, err, code)
	}
}

// buffer is a log that is safe to write and read at once.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func logTo(b *buffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

var errSecret = errors.New("card driver: /dev/bus/usb: no such device")
