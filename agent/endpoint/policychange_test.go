package endpoint

import (
	"sync"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
)

// changing is a list that a test changes.
type changing struct {
	mu   sync.Mutex
	list origins
}

func (c *changing) Rights(origin string) ([]string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list.Rights(origin)
}

func (c *changing) Listed(origin string) bool { _, known := c.Rights(origin); return known }

func (*changing) Refused(string) {}

func (c *changing) set(list origins) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = list
}

func TestAnOriginThatIsTakenOffTheListLosesItsRightsAndKeepsItsConnection(t *testing.T) {
	backend := &fakeBackend{}
	backend.set(stateOnly(signin.NoReader))
	config := defaults(backend)
	list := &changing{list: origins{good: {rightAuthenticate, rightSign}}}
	config.Origins = list
	s := serve(t, config)
	p := s.open(t, good)
	p.ask("watch", `{}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{"revision":1,"state":"noReader","readers":[],"warnings":[]}}`)

	list.set(nil)
	calls := backend.calls.Load()
	for method, params := range map[string]string{
		"authenticate": `{"nonce":"` + nonce + `"}`, "watch": `{}`, "attach": `{"session":"` + session + `"}`,
		"resume": `{"session":"` + session + `","nonce":"` + nonce + `"}`, "getSigningCertificate": `{}`,
	} {
		p.ask(method, params)
		p.expectError("1", signin.CodeNotPermitted, `"right":"authenticate"`)
	}
	if n := backend.calls.Load() - calls; n != 0 {
		t.Errorf("%d calls", n)
	}
	if again, status := s.dial(t, good); again != nil || status != 403 {
		t.Errorf("a new handshake: got %d", status)
	}
	p.ask("cancel", `{"id":7}`)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`)

	list.set(origins{good: {rightAuthenticate}})
	backend.set(signin.Snapshot{Revision: 2, State: signin.ServiceDown})
	p.expect(`{"jsonrpc":"2.0","method":"status","params":{"revision":2,"state":"serviceDown","readers":[],"warnings":[]}}`)
	p.ask("sign", `{}`)
	p.expectError("1", "invalidRequest", `"field":"certificate"`)
}
