package signintest

import (
	"slices"
	"sync"

	"github.com/cardea-agent/cardea/agent/signin"
)

// Choices is a signin.Choices in memory, by origin alone.
type Choices struct {
	mu     sync.Mutex
	chosen map[string]string // holders
}

// Chosen finds the key of the holder that was chosen.
func (c *Choices) Chosen(origin string, offered []signin.Key) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.IndexFunc(offered, func(k signin.Key) bool { return k.Holder() == c.chosen[origin] })
}

// Remember keeps a choice.
func (c *Choices) Remember(origin string, offered []signin.Key, chosen int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chosen = map[string]string{origin: offered[chosen].Holder()}
}

// Forget takes it back.
func (c *Choices) Forget(origin string, _ []signin.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.chosen, origin)
}

var _ signin.Choices = (*Choices)(nil)
