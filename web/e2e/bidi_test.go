//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/coder/websocket"
)

// bidi speaks WebDriver BiDi (w3.org/TR/webdriver-bidi) to a browser that
// listens for it itself, as Firefox does. It is written here because no
// maintained Go module does: chromedp speaks Chromium's own protocol, those of
// classic WebDriver want a driver program, and playwright-go downloads browsers
// of its own.
type bidi struct {
	conn  *websocket.Conn
	event func(method string, params json.RawMessage)
	ended chan struct{} // closed when the browser is gone

	mu      sync.Mutex // guards all below
	last    int
	waiting map[int]chan bidiMessage
}

// bidiMessage is what the browser sends: an answer, an error or an event.
type bidiMessage struct {
	Type    string          `json:"type"`
	ID      int             `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// bidiError is the browser's no to a command.
type bidiError struct{ method, code, message string }

func (e *bidiError) Error() string { return e.method + ": " + e.code + ": " + e.message }

var errBrowserGone = errors.New("the browser has closed the connection")

// dialBiDi connects to a browser and begins a session. event hears of the
// events that are subscribed to later.
func dialBiDi(ctx context.Context, url string, event func(string, json.RawMessage)) (*bidi, error) {
	conn, _, err := websocket.Dial(ctx, url+"/session", nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(64 << 20) // pictures are long
	b := &bidi{conn: conn, event: event, ended: make(chan struct{}), waiting: map[int]chan bidiMessage{}}
	go b.read()
	err = b.call(ctx, "session.new", object{"capabilities": object{}}, nil)
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// object is a JSON object that is sent.
type object map[string]any

// close ends the connection, and with it the session.
func (b *bidi) close() {
	_ = b.conn.CloseNow()
	<-b.ended
}

func (b *bidi) read() {
	defer close(b.ended)
	for {
		_, text, err := b.conn.Read(context.Background())
		if err != nil {
			return
		}
		var m bidiMessage
		if err := json.Unmarshal(text, &m); err != nil {
			return
		}
		if m.Type == "event" {
			b.event(m.Method, m.Params)
			continue
		}
		b.mu.Lock()
		answer := b.waiting[m.ID]
		delete(b.waiting, m.ID)
		b.mu.Unlock()
		if answer != nil { // somebody may have stopped waiting
			answer <- m
		}
	}
}

// call does a command, and stores what it answers in result, unless that is nil.
func (b *bidi) call(ctx context.Context, method string, params object, result any) error {
	answer := make(chan bidiMessage, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = answer
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.waiting, id)
		b.mu.Unlock()
	}()
	text, err := json.Marshal(object{"id": id, "method": method, "params": params})
	if err != nil {
		return err
	}
	// A context that ends while it is written would end the connection.
	if err := b.conn.Write(context.WithoutCancel(ctx), websocket.MessageText, text); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answer:
		if m.Type != "success" {
			return &bidiError{method, m.Error, m.Message}
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-b.ended:
		return fmt.Errorf("%s: %w", method, errBrowserGone)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}
