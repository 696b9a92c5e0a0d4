package endpoint

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/cardea-agent/cardea/agent/protocol"
)

// connection is one page's WebSocket.
type connection struct {
	*Server
	origin string
	ws     *websocket.Conn
	raw    net.Conn        // below ws, to cut it off
	ctx    context.Context // of everything done for the page; its cause is an ending
	// stopping ends when the agent is to stop, and ctx soon after it.
	stopping context.Context
	end      context.CancelCauseFunc
	out      chan outgoing
	tasks    sync.WaitGroup // requests that wait for a person, and session subscriptions

	greeted bool // hello was answered; the reading goroutine's own

	mu       sync.Mutex // guards what follows; held for map operations only
	running  map[string]*task
	work     work
	attached map[string]bool // sessions whose events are forwarded
}

// outgoing is a message on its way. The answer to watch carries what the
// writer needs to go on from it.
type outgoing struct {
	data    []byte
	changed <-chan struct{}
	shown   protocol.Snapshot
	sent    chan<- struct{} // closed when it is its turn; may be nil
}

// ending is why the agent ends a connection, and how.
type ending struct {
	code   websocket.StatusCode
	reason string
	cut    bool // the page does not read: no use in a close frame
}

func (e *ending) Error() string { return "endpoint: " + e.reason }

var (
	endStopping = &ending{code: websocket.StatusGoingAway, reason: "the agent stops"}
	endTooBig   = &ending{code: websocket.StatusMessageTooBig, reason: "the message is too big"}
	endBinary   = &ending{code: websocket.StatusUnsupportedData, reason: "only text messages are allowed"}
	endClosed   = &ending{code: websocket.StatusNormalClosure, reason: "closed", cut: true}
	endTooSlow  = &ending{reason: "the page does not read its messages", cut: true}
	endSilent   = &ending{reason: "the page does not answer pings", cut: true}
)

func newConnection(s *Server, ctx context.Context, ws *websocket.Conn, raw net.Conn, origin string) *connection {
	c := &connection{
		Server: s, origin: origin, ws: ws, raw: raw,
		out:      make(chan outgoing, outgoingBacklog),
		running:  make(map[string]*task),
		work:     work{tasks: make(map[*task]bool)},
		attached: make(map[string]bool),
		stopping: ctx,
	}
	c.ctx, c.end = context.WithCancelCause(context.WithoutCancel(ctx))
	return c
}

// serve returns when the connection is closed and all that was begun for it
// has ended.
func (c *connection) serve() {
	var wg sync.WaitGroup
	wg.Go(c.write)
	wg.Go(c.ping)
	wg.Go(c.close)
	wg.Go(c.stop)
	c.end(c.read())
	wg.Wait()
	c.tasks.Wait()
}

// read handles messages until the connection ends. Its context is not c.ctx:
// the end of a reading context cuts the connection without a close frame.
func (c *connection) read() *ending {
	for {
		kind, data, err := c.ws.Read(context.Background())
		switch {
		case errors.Is(err, websocket.ErrMessageTooBig):
			return endTooBig
		case err != nil:
			return endClosed
		case kind != websocket.MessageText:
			return endBinary
		case c.ctx.Err() != nil:
			return endClosed
		}
		c.handle(data)
	}
}

// close waits for the end and closes the connection.
func (c *connection) close() {
	<-c.ctx.Done()
	how, ok := errors.AsType[*ending](context.Cause(c.ctx))
	if !ok {
		how = endStopping
	}
	if how.cut {
		_ = c.raw.Close()
		_ = c.ws.CloseNow()
		return
	}
	cut := time.AfterFunc(goodbyeTimeout, func() { _ = c.raw.Close() })
	defer cut.Stop()
	_ = c.ws.Close(how.code, how.reason)
}

// write sends what is queued, and after a watch each newer snapshot that shows
// something new. While a message is being sent only the latest one counts.
func (c *connection) write() {
	var changed <-chan struct{}
	var shown protocol.Snapshot
	for {
		select {
		case <-c.ctx.Done():
			return
		case m := <-c.out:
			if m.data != nil {
				c.send(m.data)
			}
			if m.sent != nil {
				close(m.sent)
			}
			if m.changed != nil {
				changed, shown = m.changed, m.shown
			}
		case <-changed:
			var next protocol.Snapshot
			next, changed = c.snapshot()
			if sameSnapshot(next, shown) || !c.stillAllowed() {
				continue
			}
			shown = next
			if data := c.encode(notification(protocol.NotifyStatus, next)); data != nil {
				c.send(data)
			}
		}
	}
}

func (c *connection) send(data []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	if err := c.ws.Write(ctx, websocket.MessageText, data); err != nil {
		c.end(endTooSlow)
	}
}

// ping keeps the connection alive and notices a page that is gone.
func (c *connection) ping() {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(c.ctx, pongTimeout)
		err := c.ws.Ping(ctx)
		cancel()
		if err != nil {
			c.end(endSilent)
			return
		}
	}
}

// put queues a message and waits for room: whoever answers a page that reads
// slowly is as slow as the page.
func (c *connection) put(m outgoing) {
	if m.data == nil && m.sent == nil {
		return
	}
	select {
	case c.out <- m:
	case <-c.ctx.Done():
	}
}

// tell queues a message for somebody who must not wait.
func (c *connection) tell(data []byte) {
	if data == nil {
		return
	}
	select {
	case c.out <- outgoing{data: data}:
	default:
		c.end(endTooSlow)
	}
}

// encode never fails for the protocol's own types. If it did, the page would
// wait for ever, so the connection ends.
func (c *connection) encode(message any) []byte {
	data, err := protocol.Encode(message)
	if err != nil {
		c.Log.Error("message cannot be encoded", "error", err)
		c.end(&ending{code: websocket.StatusInternalError, reason: "internal error"})
		return nil
	}
	return data
}

func notification(method string, params any) protocol.Notification {
	return protocol.Notification{JSONRPC: "2.0", Method: method, Params: params}
}
