package endpoint

import (
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// finishTime is how long an agent that stops lets cards finish what they were
// given a PIN for. A card takes a second or two for a signature.
const finishTime = 10 * time.Second

// work is what cards do for the requests of a connection. A card that was given
// a PIN is not cut off when the agent stops, as it does for an upgrade: the try
// would be spent, or a signature made that nobody gets.
type work struct {
	// Guarded by connection.mu.
	tasks map[*task]bool
	idle  chan struct{} // closed when there are none; nil when nobody waits
}

// progressed notes whether a card is at work for a request.
func (c *connection) progressed(id string, phase signin.Phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.running[id]; t != nil {
		c.workLocked(t, phase == signin.Signing)
	}
}

// answered notes that a request has its answer.
func (c *connection) answered(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.workLocked(t, false)
}

func (c *connection) workLocked(t *task, works bool) {
	if works {
		c.work.tasks[t] = true
		return
	}
	delete(c.work.tasks, t)
	if len(c.work.tasks) == 0 && c.work.idle != nil {
		close(c.work.idle)
		c.work.idle = nil
	}
}

// idle returns a channel that is closed when no card is at work.
func (c *connection) idle() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.work.tasks) > 0 && c.work.idle == nil {
		c.work.idle = make(chan struct{})
	}
	if c.work.idle == nil {
		idle := make(chan struct{})
		close(idle)
		return idle
	}
	return c.work.idle
}

// stop ends the connection when the agent stops: at once, or when the card that
// works for it is done and the page has its answer.
func (c *connection) stop() {
	select {
	case <-c.stopping.Done():
	case <-c.ctx.Done():
		return
	}
	defer c.end(endStopping)
	limit := time.NewTimer(finishTime)
	defer limit.Stop()
	select {
	case <-c.idle():
	case <-limit.C:
		c.Log.Warn("a card was not done in time, and the agent stops")
		return
	case <-c.ctx.Done():
		return
	}
	sent := make(chan struct{})
	c.put(outgoing{sent: sent}) // behind the answer
	select {
	case <-sent:
	case <-c.ctx.Done():
	}
}
