// Package endpointtest is a page without a browser, for tests and measurements:
// it opens the agent's WebSocket as a page of an origin does, says hello, sends
// requests and reads what comes back.
//
// [Flood] is a page that means harm. Nothing here checks what the agent says
// beyond the form of an answer, and it is never part of a program that people
// install. It is tested by its users, the benchmark first of all.
package endpointtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/coder/websocket"

	"github.com/cardea-agent/cardea/agent/protocol"
)

// Page is one connection. It is for one goroutine.
type Page struct {
	ws   *websocket.Conn
	last int // the id of the last request
}

// message is whatever the agent sends.
type message struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Data struct {
			Code string `json:"code"`
		} `json:"data"`
	} `json:"error"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// Open connects to the agent at address, as HOST:PORT, and says hello. ctx
// bounds the opening alone.
func Open(ctx context.Context, address, origin string) (*Page, error) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ws, _, err := websocket.Dial(ctx, "ws://"+address+protocol.Path, &websocket.DialOptions{ //nolint:bodyclose // Dial says that it never needs to be
		HTTPClient:   &http.Client{Transport: transport},
		HTTPHeader:   http.Header{"Origin": {origin}},
		Subprotocols: []string{protocol.Subprotocol},
	})
	if err != nil {
		return nil, err
	}
	p := &Page{ws: ws}
	hello := protocol.HelloParams{Client: "endpointtest/1", Protocol: protocol.Version}
	if err := p.Call(ctx, protocol.MethodHello, hello, nil); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Call sends a request and waits for its answer, which goes into result unless
// that is nil. Notifications that come before it are dropped. The end of ctx
// closes the connection.
func (p *Page) Call(ctx context.Context, method string, params, result any) error {
	p.last++
	b, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": p.last, "method": method, "params": params})
	if err != nil {
		return err
	}
	if err := p.ws.Write(ctx, websocket.MessageText, b); err != nil {
		return err
	}
	for {
		m, err := p.read(ctx)
		switch {
		case err != nil:
			return err
		case m.Method != "":
			continue
		case string(m.ID) != strconv.Itoa(p.last):
			return fmt.Errorf("endpointtest: an answer to %s, not to %d", m.ID, p.last)
		case m.Error != nil:
			return fmt.Errorf("endpointtest: %s: %s", method, m.Error.Data.Code)
		case result == nil:
			return nil
		}
		return json.Unmarshal(m.Result, result)
	}
}

// Next waits for the next notification of a method, drops others, and puts its
// params into params.
func (p *Page) Next(ctx context.Context, method string, params any) error {
	for {
		m, err := p.read(ctx)
		if err != nil {
			return err
		}
		if m.Method == method {
			return json.Unmarshal(m.Params, params)
		}
	}
}

func (p *Page) read(ctx context.Context) (message, error) {
	var m message
	_, b, err := p.ws.Read(ctx)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

// Close closes the connection at once.
func (p *Page) Close() { _ = p.ws.CloseNow() }
