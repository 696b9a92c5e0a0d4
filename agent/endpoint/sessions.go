package endpoint

import (
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// subscribe attaches the connection to a session. forward, which is called
// once, begins to forward its events: after the answer, so that the page knows
// the session by then.
func (c *connection) subscribe(session string) (standing signin.SessionStanding, forward func(), err error) {
	standing, events, detach, err := c.Backend.Attach(c.origin, session)
	if err != nil {
		return standing, nil, err
	}
	c.mu.Lock()
	fresh := !c.attached[session] && standing.State != signin.SessionEnded
	if fresh {
		c.attached[session] = true
	}
	c.mu.Unlock()
	if !fresh {
		detach()
		return standing, func() {}, nil
	}
	return standing, func() {
		c.tasks.Go(func() { c.forward(session, events, detach) })
	}, nil
}

func (c *connection) forward(session string, events <-chan signin.SessionEvent, detach func()) {
	defer func() {
		detach()
		c.mu.Lock()
		delete(c.attached, session)
		c.mu.Unlock()
	}()
	for {
		select {
		case <-c.ctx.Done():
			return
		case event, ok := <-events:
			if !ok {
				c.end(endTooSlow)
				return
			}
			c.put(outgoing{data: c.encode(notification(protocol.NotifySession, sessionParams(event)))})
			if event.Kind == signin.EventEnded {
				return
			}
		}
	}
}

// catchUp tells the page what happened to a session between its sign-in and
// the subscription to it: its events were not seen.
func (c *connection) catchUp(session string, standing signin.SessionStanding) {
	event := signin.SessionEvent{Session: session}
	switch standing.State {
	case signin.SessionRemoved:
		event.Kind = signin.EventCardRemoved
		event.Removal = c.Backend.Removal(c.origin)
		event.Removal.Grace = standing.GraceLeft
	case signin.SessionLocked:
		event.Kind = signin.EventLocked
	case signin.SessionEnded:
		event.Kind, event.Why = signin.EventEnded, standing.Why
	default:
		return
	}
	c.put(outgoing{data: c.encode(notification(protocol.NotifySession, sessionParams(event)))})
	if standing.State == signin.SessionRemoved && event.Removal.Action == signin.RemovalLock {
		locked := signin.SessionEvent{Session: session, Kind: signin.EventLocked}
		c.put(outgoing{data: c.encode(notification(protocol.NotifySession, sessionParams(locked)))})
	}
}
