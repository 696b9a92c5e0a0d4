package endpoint

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

func TestHelloTellsWhatThePageReached(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{}))
	p, _ := s.dial(t, good)
	p.send(`{"jsonrpc":"2.0","id":7,"method":"hello","params":{"client":"test/1","protocol":1}}`)
	p.expect(`{"jsonrpc":"2.0","id":7,"result":{"agent":"1.2.3","protocol":1,` +
		`"capabilities":["hello","watch","authenticate","attach","resume","cancel","endSession","getSigningCertificate","sign","format:web-eid:1.0"],` +
		`"origin":"https://good.example","removal":{"action":"lock","graceSeconds":90}}}`)
	p.ask("hello", `{"client":"test/1","protocol":1}`)
	p.expectError("1", signin.CodeInvalidRequest, `"problem":"order"`)
}

func TestBadMessagesAreRefusedByNameAndTouchNoCard(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{}))
	p, _ := s.dial(t, good)
	for _, method := range []string{"watch", "authenticate", "attach", "resume", "cancel", "endSession", "sign", "nonsense"} {
		p.ask(method, `{}`)
		p.expectError("1", signin.CodeInvalidRequest, `"field":"method","problem":"order"`)
	}
	p.ask("hello", `{"client":"test/1"}`)
	p.expectError("1", signin.CodeInvalidRequest, `"field":"protocol","problem":"missing"`)
	p.ask("hello", `{"client":"test/1","protocol":0}`)
	p.expectError("1", protocol.CodeVersionTooOld, `"params":{"side":"page"}`)
	p.hello()
	before := s.backend.calls.Load()
	auth := func(params string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"authenticate","params":` + params + `}`
	}
	for _, c := range []struct {
		message, id string
		code        signin.Code
		detail      string
	}{
		{`{`, "null", signin.CodeInvalidRequest, "syntax"},
		{`[` + auth(`{}`) + `]`, "null", signin.CodeInvalidRequest, "batch"},
		{`{"jsonrpc":"2.0","method":"watch","params":{}}`, "null", signin.CodeInvalidRequest, `"field":"id"`},
		{`{"jsonrpc":"2.0","id":1,"id":2,"method":"watch","params":{}}`, "null", signin.CodeInvalidRequest, `"field":"id"`},
		{`{"jsonrpc":"2.0","id":1,"Method":"watch","params":{}}`, "1", signin.CodeInvalidRequest, `"field":"Method"`},
		{auth(`{}`), "1", signin.CodeInvalidRequest, `"field":"nonce","problem":"missing"`},
		{auth(`{"NONCE":"` + nonce + `"}`), "1", signin.CodeInvalidRequest, `"field":"NONCE","problem":"unknown"`},
		{auth(`{"nonce":"` + nonce + `","nonce":"` + nonce + `"}`), "1", signin.CodeInvalidRequest, `"field":"nonce","problem":"duplicate"`},
		{auth(`{"nonce":"` + nonce + `","origin":"https://evil.example"}`), "1", signin.CodeInvalidRequest, `"field":"origin","problem":"unknown"`},
		{auth(`{"nonce":1}`), "1", signin.CodeInvalidRequest, `"field":"nonce","problem":"wrongType"`},
		{auth(`{"nonce":"` + nonce[:40] + `"}`), "1", signin.CodeInvalidRequest, `"field":"nonce","problem":"badValue"`},
		{auth(`{"nonce":"` + strings.Repeat("A", 132) + `"}`), "1", signin.CodeInvalidRequest, `"field":"nonce","problem":"badValue"`},
		{auth(`{"nonce":"` + nonce + `","timeoutSeconds":601}`), "1", signin.CodeInvalidRequest, `"field":"timeoutSeconds"`},
		{`{"jsonrpc":"2.0","id":1,"method":"watch","params":{"x":1}}`, "1", signin.CodeInvalidRequest, `"field":"x","problem":"unknown"`},
		{`{"jsonrpc":"2.0","id":1,"method":"sign","params":{}}`, "1", signin.CodeInvalidRequest, `"field":"certificate","problem":"missing"`},
		{`{"jsonrpc":"2.0","id":1,"method":"getSigningCertificate","params":{}}`, "1", signin.CodeNotPermitted, `"right":"sign"`},
		{`{"jsonrpc":"2.0","id":1,"method":"changePIN","params":{}}`, "1", protocol.CodeUnsupported, ""},
		{`{"jsonrpc":"2.0","id":1,"method":"unblockPIN","params":{}}`, "1", protocol.CodeUnsupported, ""},
		{`{"jsonrpc":"2.0","id":1,"method":"Watch","params":{}}`, "1", protocol.CodeUnsupported, ""},
	} {
		p.send(c.message)
		p.expectError(c.id, c.code, c.detail)
	}
	if calls := s.backend.calls.Load() - before; calls != 0 {
		t.Errorf("bad messages made %d calls", calls)
	}
}

func TestOversizedAndBinaryMessagesEndTheConnection(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{}))
	p := s.open(t, good)
	// More than the limit is refused while it arrives, so writing may fail.
	_ = p.ws.Write(t.Context(), websocket.MessageText, make([]byte, maxMessage+1))
	p.expectClose(websocket.StatusMessageTooBig)

	p = s.open(t, good)
	if err := p.ws.Write(t.Context(), websocket.MessageBinary, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	p.expectClose(websocket.StatusUnsupportedData)

	p = s.open(t, good)
	p.ask("watch", `{}`+strings.Repeat(" ", maxMessage-100))
	if got := p.next(); !strings.Contains(got, `"result"`) {
		t.Errorf("a message of the largest size: %s", got)
	}
}

func TestASignInGivesTokenProgressAndSession(t *testing.T) {
	events := make(chan signin.SessionEvent, 8)
	detached := make(chan struct{})
	backend := &fakeBackend{
		authenticate: func(ctx context.Context, req signin.Request, progress func(signin.Progress)) (signin.Result, error) {
			if req != (signin.Request{Origin: good, Nonce: nonce, Lang: "de-AT"}) {
				return signin.Result{}, fmt.Errorf("got %+v", req)
			}
			progress(signin.Progress{Phase: signin.WaitingForPIN})
			progress(signin.Progress{Phase: signin.WrongPIN, TriesLeft: 2})
			progress(signin.Progress{Phase: signin.WrongPIN, TriesLeft: signin.TriesUnknown})
			return signin.Result{Token: signin.Token{Algorithm: "ES256"}, Session: session}, nil
		},
		attach: func(origin, id string) (signin.SessionStanding, <-chan signin.SessionEvent, func(), error) {
			return signin.SessionStanding{State: signin.SessionPresent}, events, func() { close(detached) }, nil
		},
	}
	p := serve(t, defaults(backend)).open(t, good)
	events <- signin.SessionEvent{Session: session, Kind: signin.EventCardRemoved, Removal: signin.Removal{Action: signin.RemovalLock, Grace: 1500 * time.Millisecond}}
	events <- signin.SessionEvent{Session: session, Kind: signin.EventCardReturned}
	events <- signin.SessionEvent{Session: session, Kind: signin.EventEnded, Why: signin.EndedByPage}
	p.ask("authenticate", `{"nonce":"`+nonce+`","lang":"de-AT"}`)
	p.expect(`{"jsonrpc":"2.0","method":"progress","params":{"id":1,"phase":"waitingForPIN"}}`)
	p.expect(`{"jsonrpc":"2.0","method":"progress","params":{"id":1,"phase":"wrongPIN","triesLeft":2}}`)
	p.expect(`{"jsonrpc":"2.0","method":"progress","params":{"id":1,"phase":"wrongPIN"}}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{"token":{"unverifiedCertificate":"","algorithm":"ES256","signature":"","format":"","appVersion":""},"session":"` + session + `"}}`)
	p.expect(`{"jsonrpc":"2.0","method":"session","params":{"session":"` + session + `","event":"cardRemoved","action":"lock","graceSeconds":2}}`)
	p.expect(`{"jsonrpc":"2.0","method":"session","params":{"session":"` + session + `","event":"cardReturned"}}`)
	p.expect(`{"jsonrpc":"2.0","method":"session","params":{"session":"` + session + `","event":"ended","why":"endSession"}}`)
	<-detached // nothing follows the end
}

func TestWhatHappenedBeforeTheSubscriptionIsToldAfterTheAnswer(t *testing.T) {
	for _, c := range []struct {
		standing signin.SessionStanding
		want     []string
	}{
		{signin.SessionStanding{State: signin.SessionRemoved, GraceLeft: 80 * time.Second},
			[]string{`"event":"cardRemoved","action":"lock","graceSeconds":80`, `"event":"locked"`}},
		{signin.SessionStanding{State: signin.SessionLocked, GraceLeft: time.Second}, []string{`"event":"locked"`}},
		{signin.SessionStanding{State: signin.SessionEnded, Why: signin.EndedByRemoval}, []string{`"event":"ended","why":"cardRemoved"`}},
	} {
		backend := &fakeBackend{
			resume: func(_ context.Context, req signin.ResumeRequest, _ func(signin.Progress)) (signin.Token, error) {
				return signin.Token{}, nil
			},
			attach: func(string, string) (signin.SessionStanding, <-chan signin.SessionEvent, func(), error) {
				return c.standing, make(chan signin.SessionEvent), func() {}, nil
			},
		}
		p := serve(t, defaults(backend)).open(t, good)
		p.ask("resume", `{"session":"`+session+`","nonce":"`+nonce+`"}`)
		if got := p.next(); !strings.Contains(got, `"id":1,"result":{"token":`) {
			t.Error(got)
		}
		for _, want := range c.want {
			p.expect(`{"jsonrpc":"2.0","method":"session","params":{"session":"` + session + `",` + want + `}}`)
		}
	}
}

func TestATokenWhoseSessionIsGoneIsNotGivenAway(t *testing.T) {
	backend := &fakeBackend{
		authenticate: func(context.Context, signin.Request, func(signin.Progress)) (signin.Result, error) {
			return signin.Result{Session: session}, nil
		},
		resume: func(context.Context, signin.ResumeRequest, func(signin.Progress)) (signin.Token, error) {
			return signin.Token{}, nil
		},
		attach: func(string, string) (signin.SessionStanding, <-chan signin.SessionEvent, func(), error) {
			return signin.SessionStanding{}, nil, nil, &signin.Error{Code: signin.CodeSessionUnknown}
		},
	}
	p := serve(t, defaults(backend)).open(t, good)
	p.ask("authenticate", `{"nonce":"`+nonce+`"}`)
	p.expectError("1", signin.CodeSessionUnknown, "")
	p.ask("resume", `{"session":"`+session+`","nonce":"`+nonce+`"}`)
	p.expectError("1", signin.CodeSessionUnknown, "")
}

func TestAttachTellsHowTheSessionStandsAndSubscribesOnce(t *testing.T) {
	events := make(chan signin.SessionEvent)
	var detached []string // by the reading goroutine of the connection alone
	attaches := 0
	backend := &fakeBackend{attach: func(origin, id string) (signin.SessionStanding, <-chan signin.SessionEvent, func(), error) {
		if id != session {
			return signin.SessionStanding{}, nil, nil, &signin.Error{Code: signin.CodeSessionUnknown}
		}
		if attaches++; attaches > 1 {
			return signin.SessionStanding{State: signin.SessionLocked, GraceLeft: time.Minute}, nil, func() { detached = append(detached, id) }, nil
		}
		return signin.SessionStanding{State: signin.SessionPresent}, events, func() {}, nil
	}}
	p := serve(t, defaults(backend)).open(t, limited)
	p.ask("attach", `{"session":"`+session+`"}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{"state":"present"}}`)
	p.ask("attach", `{"session":"`+session+`"}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{"state":"locked","graceLeft":60}}`)
	if len(detached) != 1 {
		t.Errorf("a second subscription is kept: %v", detached)
	}
	events <- signin.SessionEvent{Session: session, Kind: signin.EventDifferentCard}
	p.expect(`{"jsonrpc":"2.0","method":"session","params":{"session":"` + session + `","event":"differentCard"}}`)
	p.ask("attach", `{"session":"`+strings.Repeat("x", 22)+`"}`)
	p.expectError("1", signin.CodeSessionUnknown, "")
	close(events) // the connection was too slow for the session
	p.expectClose(-1)
}

func TestEndSessionIsPassedOn(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{}))
	p := s.open(t, good)
	p.ask("endSession", `{"session":"`+session+`"}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`)
	p.ask("endSession", `{"session":"unknown-unknown-unknown"}`)
	p.expectError("1", signin.CodeSessionUnknown, "")
	if !slices.Equal(s.backend.ended, []string{session, "unknown-unknown-unknown"}) {
		t.Error(s.backend.ended)
	}
}

func TestARightThatIsMissingIsNamed(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{}))
	p := s.open(t, limited)
	before := s.backend.calls.Load()
	p.ask("authenticate", `{"nonce":"`+nonce+`"}`)
	p.expectError("1", signin.CodeNotPermitted, `"right":"authenticate"`)
	p.ask("resume", `{"session":"`+session+`","nonce":"`+nonce+`"}`)
	p.expectError("1", signin.CodeNotPermitted, `"right":"authenticate"`)
	if calls := s.backend.calls.Load() - before; calls != 0 {
		t.Errorf("%d calls", calls)
	}
}

func TestCancelEndsTheRequestItNames(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{authenticate: waiting}))
	p := s.open(t, good)
	p.send(`{"jsonrpc":"2.0","id":"a","method":"authenticate","params":{"nonce":"` + nonce + `"}}`)
	p.expect(`{"jsonrpc":"2.0","method":"progress","params":{"id":"a","phase":"waitingForCard"}}`)
	p.send(`{"jsonrpc":"2.0","id":"a","method":"watch","params":{}}`)
	p.expectError(`"a"`, signin.CodeInvalidRequest, `"field":"id","problem":"duplicate"`)
	p.ask("cancel", `{"id":"b"}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`)
	p.ask("cancel", `{"id":"\u0061"}`)
	answers := []string{p.next(), p.next()} // of two goroutines, in either order
	slices.Sort(answers)
	if !strings.Contains(answers[0], `"id":"a","error":`) || !strings.Contains(answers[0], `"code":"cancelled"`) ||
		answers[1] != `{"jsonrpc":"2.0","id":1,"result":{}}` {
		t.Errorf("%q", answers)
	}
	p.send(`{"jsonrpc":"2.0","id":"a","method":"watch","params":{}}`) // the id is free again
	if got := p.next(); !strings.Contains(got, `"id":"a","result":`) {
		t.Error(got)
	}
}

func TestATokenThatComesAfterItsCancelIsNotGivenAway(t *testing.T) {
	backend := &fakeBackend{authenticate: func(ctx context.Context, _ signin.Request, progress func(signin.Progress)) (signin.Result, error) {
		progress(signin.Progress{Phase: signin.Signing})
		<-ctx.Done()
		return signin.Result{Session: session, Token: signin.Token{Signature: "secret"}}, nil
	}}
	p := serve(t, defaults(backend)).open(t, good)
	p.ask("authenticate", `{"nonce":"`+nonce+`"}`)
	p.next()
	p.send(`{"jsonrpc":"2.0","id":2,"method":"cancel","params":{"id":1}}`)
	for range 2 {
		if got := p.next(); !strings.Contains(got, `"id":2,"result":{}`) && !strings.Contains(got, `"code":"cancelled"`) {
			t.Error(got)
		}
	}
	if !slices.Equal(backend.ended, []string{session}) {
		t.Errorf("its session lives: %v", backend.ended)
	}
}

func TestClosingTheSocketCancelsItsRequests(t *testing.T) {
	ended := make(chan error, 2)
	backend := &fakeBackend{authenticate: func(ctx context.Context, req signin.Request, progress func(signin.Progress)) (signin.Result, error) {
		_, err := waiting(ctx, req, progress)
		ended <- err
		return signin.Result{}, err
	}}
	s := serve(t, defaults(backend))
	for _, shut := range []func(*page){
		func(p *page) { _ = p.ws.Close(websocket.StatusNormalClosure, "") },
		func(p *page) { _ = p.ws.CloseNow() },
	} {
		p := s.open(t, good)
		p.ask("authenticate", `{"nonce":"`+nonce+`"}`)
		p.next()
		shut(p)
		if err := <-ended; err != context.Canceled {
			t.Error(err)
		}
	}
}

func TestTooManyRequestsAtOnceAreBusy(t *testing.T) {
	p := serve(t, defaults(&fakeBackend{authenticate: waiting})).open(t, good)
	for i := range maxRunning {
		p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"authenticate","params":{"nonce":%q}}`, i+10, nonce))
		p.next()
	}
	p.ask("authenticate", `{"nonce":"`+nonce+`"}`)
	p.expectError("1", signin.CodeBusy, "")
}

func TestAnErrorOfTheAgentsOwnIsForItsLogAlone(t *testing.T) {
	var log buffer
	config := defaults(&fakeBackend{authenticate: func(context.Context, signin.Request, func(signin.Progress)) (signin.Result, error) {
		return signin.Result{}, errSecret
	}})
	config.Log = logTo(&log)
	p := serve(t, config).open(t, good)
	p.ask("authenticate", `{"nonce":"`+nonce+`"}`)
	got := p.next()
	_, after, _ := strings.Cut(got, `"incident":"`)
	incident, _, _ := strings.Cut(after, `"`)
	if strings.Contains(got, "usb") || incident == "" {
		t.Error(got)
	}
	if !strings.Contains(log.String(), incident) || !strings.Contains(log.String(), "/dev/bus/usb") || strings.Contains(log.String(), nonce) {
		t.Errorf("incident %s: %s", incident, log.String())
	}
}

func TestRefusalsAreLoggedOncePerOriginAndReason(t *testing.T) {
	var log buffer
	config := defaults(&fakeBackend{})
	config.Log = logTo(&log)
	s := serve(t, config)
	for range 3 {
		s.exchange(t, "tcp4", originIs("https://evil.example"))
		s.exchange(t, "tcp4", originIs("https://evil.example/\"\u202e"+strings.Repeat("long", 100)))
	}
	text := log.String()
	if strings.Count(text, "\n") != 2 || strings.ContainsRune(text, '\u202e') || len(text) > 1000 {
		t.Errorf("%q", text)
	}
	for i := range 2 * maxRefusals {
		s.refusals.logOrigin(fmt.Sprint("https://", i), "test")
	}
	if lines := strings.Count(log.String(), "\n"); lines != maxRefusals+1 {
		t.Errorf("%d lines", lines)
	}
}

func TestStoppingSaysGoodbyeAndRefusesWhatStillComes(t *testing.T) {
	goOn := make(chan struct{})
	backend := &fakeBackend{authenticate: func(ctx context.Context, req signin.Request, progress func(signin.Progress)) (signin.Result, error) {
		defer func() { <-goOn }()
		return waiting(ctx, req, progress)
	}}
	s := serve(t, defaults(backend))
	addr := fmt.Sprintf("127.0.0.1:%d", s.port)
	late, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Close() }()
	mute, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	p := s.open(t, good) // accepted after the two
	p.ask("authenticate", `{"nonce":"`+nonce+`"}`)
	p.next()
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	p.expectClose(websocket.StatusGoingAway)
	resp, body := finish(t, late, strings.ReplaceAll(handshake, ":P", fmt.Sprintf(":%d", s.port)))
	if resp.StatusCode != http.StatusServiceUnavailable || body != "" {
		t.Errorf("%v %q", resp, body)
	}
	select {
	case err := <-stopped:
		t.Fatalf("Serve returned before a request had ended: %v", err)
	default:
	}
	close(goOn)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := mute.Read(make([]byte, 1)); err == nil {
		t.Error("a silent connection outlives the server")
	}
}
