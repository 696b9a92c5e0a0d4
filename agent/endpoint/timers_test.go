package endpoint

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// pipes is a listener without a network, for tests on a synthetic clock.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.accepted <- server
	return client, nil
}

// bubble runs a test on a synthetic clock with a server of its own.
func bubble(t *testing.T, backend *fakeBackend, test func(t *testing.T, l *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		config := defaults(backend)
		config.Port = 24747
		l := newPipes()
		s := serve(t, config, l)
		test(t, l)
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

func (p *pipes) open(t *testing.T) *page {
	t.Helper()
	pg, status := dialThrough(t, "ws://127.0.0.1:24747/cardea", good, &http.Transport{DialContext: p.dial})
	if pg == nil {
		t.Fatal(status)
	}
	pg.hello()
	return pg
}

// openRaw is a WebSocket that says hello and then only what the test makes it.
func (p *pipes) openRaw(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := p.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, strings.ReplaceAll(handshake, ":P", ":24747")); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	return conn, r
}

// frame is a short text frame with a mask of zeros (RFC 6455 section 5.2).
func frame(text string) []byte {
	head := []byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}
	return append(head, text...)
}

func TestASilentConnectionMayWaitTwoMinutes(t *testing.T) {
	bubble(t, &fakeBackend{}, func(t *testing.T, l *pipes) {
		began := time.Now()
		silent, _ := l.dial(t.Context(), "", "")
		_, err := silent.Read(make([]byte, 1))
		if waited := time.Since(began); err == nil || waited != headerTimeout {
			t.Errorf("closed after %v: %v", waited, err)
		}
		late, _ := l.dial(t.Context(), "", "")
		time.Sleep(headerTimeout - time.Second) // on the synthetic clock
		if resp, _ := finish(t, late, strings.ReplaceAll(handshake, ":P", ":24747")); resp.StatusCode != http.StatusSwitchingProtocols {
			t.Error(resp)
		}
		_ = late.Close()
	})
}

func TestAQuietPageStaysConnected(t *testing.T) {
	backend := &fakeBackend{}
	bubble(t, backend, func(t *testing.T, l *pipes) {
		p := l.open(t)
		p.ask("watch", `{}`)
		p.next()
		go func() {
			time.Sleep(time.Hour)
			backend.set(stateOnly(signin.Ready))
		}()
		if got := p.next(); !strings.Contains(got, `"state":"ready"`) { // pings are answered while it reads
			t.Error(got)
		}
	})
}

func TestAPageThatDoesNotAnswerPingsIsClosed(t *testing.T) {
	bubble(t, &fakeBackend{}, func(t *testing.T, l *pipes) {
		began := time.Now()
		_, r := l.openRaw(t)
		got, _ := io.ReadAll(r)
		if waited := time.Since(began); waited != pingInterval+pongTimeout {
			t.Errorf("closed after %v", waited)
		}
		if len(got) < 2 || got[0] != 0x89 {
			t.Errorf("no ping, but % x", got)
		}
	})
}

func TestAPageThatDoesNotReadIsCutOffAndDelaysNobody(t *testing.T) {
	for messages, limit := range map[int]time.Duration{10: writeTimeout, outgoingBacklog + 2: 0} {
		var told chan time.Duration
		var ended chan time.Time
		backend := &fakeBackend{authenticate: func(ctx context.Context, _ signin.Request, progress func(signin.Progress)) (signin.Result, error) {
			began := time.Now()
			for range messages {
				progress(signin.Progress{Phase: signin.WaitingForPIN})
			}
			told <- time.Since(began)
			<-ctx.Done()
			ended <- time.Now()
			return signin.Result{}, ctx.Err()
		}}
		bubble(t, backend, func(t *testing.T, l *pipes) {
			// Made here, since the clock stands still for waits on channels
			// from outside.
			told, ended = make(chan time.Duration, 1), make(chan time.Time, 1)
			conn, r := l.openRaw(t)
			if _, err := conn.Write(frame(`{"jsonrpc":"2.0","id":1,"method":"hello","params":{"client":"t","protocol":1}}`)); err != nil {
				t.Fatal(err)
			}
			if _, err := r.ReadByte(); err != nil { // the answer has come; nothing more is read
				t.Fatal(err)
			}
			began := time.Now()
			if _, err := conn.Write(frame(`{"jsonrpc":"2.0","id":2,"method":"authenticate","params":{"nonce":"` + nonce + `"}}`)); err != nil {
				t.Fatal(err)
			}
			if waited := <-told; waited != 0 {
				t.Errorf("a sign-in waited %v for its page", waited)
			}
			if cut := (<-ended).Sub(began); cut != limit {
				t.Errorf("with %d messages cut off after %v, want %v", messages, cut, limit)
			}
			synctest.Wait()
			if _, err := conn.Write([]byte{0}); err == nil {
				t.Error("the connection is still open")
			}
		})
	}
}

func TestARequestEndsWithItsTimeLimit(t *testing.T) {
	backend := &fakeBackend{authenticate: waiting, resume: func(ctx context.Context, req signin.ResumeRequest, progress func(signin.Progress)) (signin.Token, error) {
		<-ctx.Done()
		return signin.Token{}, &signin.Error{Code: signin.CodeNoCard, Err: ctx.Err()}
	}}
	bubble(t, backend, func(t *testing.T, l *pipes) {
		p := l.open(t)
		for params, limit := range map[string]time.Duration{"": 2 * time.Minute, `,"timeoutSeconds":1`: time.Second, `,"timeoutSeconds":600`: 10 * time.Minute} {
			began := time.Now()
			p.ask("authenticate", `{"nonce":"`+nonce+`"`+params+`}`)
			p.next()
			p.expectError("1", signin.CodeTimedOut, "")
			if waited := time.Since(began); waited != limit {
				t.Errorf("%s: %v", params, waited)
			}
		}
		p.ask("resume", `{"session":"`+session+`","nonce":"`+nonce+`","timeoutSeconds":5}`)
		p.expectError("1", signin.CodeNoCard, "")
	})
}

func TestAPageThatDoesNotSayGoodbyeHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := defaults(&fakeBackend{})
		config.Port = 24747
		l := newPipes()
		s := serve(t, config, l)
		_, r := l.openRaw(t)
		rest := make(chan []byte, 1)
		go func() { got, _ := io.ReadAll(r); rest <- got }()
		began := time.Now()
		if err := s.stop(); err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited > goodbyeTimeout {
			t.Errorf("stopping took %v", waited)
		}
		if got := <-rest; len(got) < 4 || got[0] != 0x88 {
			t.Errorf("no close frame, but % x", got)
		}
	})
}

func TestAListenerThatFailsEndsServe(t *testing.T) {
	l := newPipes()
	_ = l.Close()
	err := New(defaults(&fakeBackend{})).Serve(t.Context(), l)
	if !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := New(defaults(&fakeBackend{})).Serve(t.Context()); err == nil {
		t.Error("no listener is no error")
	}
}
