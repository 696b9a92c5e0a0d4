package card

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/onereader"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

// Module is one PKCS#11 module in a process of its own: what is used here of a
// *host.Host.
type Module interface {
	Tokens(ctx context.Context, reader string) ([]host.Token, error)
	Token(ctx context.Context, reader string, certificate []byte) (host.Token, error)
	Sign(ctx context.Context, r host.SignRequest) ([][]byte, error)
	Close()
}

// StartModule gives the use of a module, which is loaded by processes that
// command starts; see host.Config. Where it can be had, each sees one reader.
func StartModule(command []string, module cards.Module, file string, log *slog.Logger) Module {
	c := host.Config{Command: command, Module: file, AllowInternet: module.Internet, Log: log}
	readers, err := onereader.Listen()
	switch {
	case err == nil:
		c.Readers = readers
	case !errors.Is(err, onereader.ErrUnsupported):
		log.Warn("a module will see the cards in all readers", "module", module.ID, "err", err)
	}
	return host.New(c)
}

// modules are the modules of the list that were needed so far.
type modules struct {
	open func(module cards.Module, file string) Module // nil: there are none
	// turn holds one token while a module is used. Only one is at a time: where
	// it cannot be shown one reader, it looks at the cards in all, and what one
	// selects on a card would end the log-in of another.
	turn chan struct{}

	mu     sync.Mutex // guards what follows
	opened map[source]Module
	direct int           // signings under way by cards that need no module
	idle   chan struct{} // closed when there is none any more
}

// source is a module of the list and where it was found.
type source struct{ id, file string }

func newModules(open func(cards.Module, string) Module) *modules {
	return &modules{open: open, turn: make(chan struct{}, 1), opened: map[source]Module{}}
}

var errNoModules = errors.New("card: this agent loads no modules")

// find returns a module of the list. Its file is looked for, and whether it is
// to be trusted, each time: it may come or go while the agent runs. The error is
// a *signin.Error with CodeModuleMissing.
func (m *modules) find(module cards.Module) (Module, error) {
	file, err := module.File()
	if err == nil && m.open == nil {
		err = errNoModules
	}
	if err != nil {
		return nil, &signin.Error{Code: signin.CodeModuleMissing, Err: err}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := source{module.ID, file}
	if m.opened[at] == nil {
		m.opened[at] = m.open(module, file)
	}
	return m.opened[at], nil
}

// take waits for the turn, and until no other card has a transaction of ours: a
// module would wait for it, and seem to hang.
func (m *modules) take(ctx context.Context) (done func(), err error) {
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	done = func() { <-m.turn }
	for {
		m.mu.Lock()
		direct, idle := m.direct, m.idle
		m.mu.Unlock()
		if direct == 0 {
			return done, nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			done()
			return nil, context.Cause(ctx)
		}
	}
}

// courtesy is how long a card that needs no module waits for one at work. It
// does not wait for one that hangs, or for a person at a keypad.
const courtesy = 2 * time.Second

// sign is told of a signing without a module, before it and after.
func (m *modules) sign(ctx context.Context) (done func()) {
	timer := time.NewTimer(courtesy)
	defer timer.Stop()
	select {
	case m.turn <- struct{}{}:
		<-m.turn
	case <-timer.C:
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.direct++; m.direct == 1 {
		m.idle = make(chan struct{})
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.direct--; m.direct == 0 {
			close(m.idle)
		}
	}
}

// close ends the processes of all modules.
func (m *modules) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for at, module := range m.opened {
		module.Close()
		delete(m.opened, at)
	}
}

// readThrough reads the card in a reader through a module.
func (m *Manager) readThrough(ctx context.Context, module cards.Module, reader pcsc.Reader, isPIV bool) (spoken, error) {
	opened, err := m.modules.find(module)
	if err != nil {
		m.Log.Warn("a module for the card cannot be used", "reader", reader.Name, "module", module.ID, "err", err)
		return nil, err
	}
	d := moduleDriver{m.Driver, m.Algorithm, m.Log.With("module", module.ID), m.modules, opened, isPIV}
	s, err := d.read(ctx, reader)
	if signin.CodeOf(err) == signin.CodeModuleFailed {
		m.Log.Warn("a module failed while it read the card", "reader", reader.Name, "module", module.ID, "err", err)
	}
	return s, err
}

// translateModule makes a code of an error of a module's process. A card that is
// out is found out by the caller.
func translateModule(err error) error {
	if failure, ok := errors.AsType[*host.Failure](err); ok {
		return &signin.Error{Code: signin.CodeModuleFailed, How: hows[failure.How], Err: err}
	}
	for _, row := range moduleTranslations {
		if errors.Is(err, row.is) {
			e := &signin.Error{Code: row.code, How: row.how, TriesLeft: signin.TriesUnknown, Err: err}
			if refusal, ok := errors.AsType[*host.Error](err); ok {
				e.TriesLeft = triesOf(refusal.Tries)
			}
			return e
		}
	}
	if errors.Is(err, host.ErrLastTry) {
		return signin.ErrLastTry
	}
	return err
}

var hows = map[host.How]signin.How{
	host.Crashed: signin.ModuleCrashed, host.Hung: signin.ModuleHung, host.Refused: signin.ModuleRefused,
}

// moduleTranslations is the one table from kinds of modules' errors to codes.
var moduleTranslations = []struct {
	is   error
	code signin.Code
	how  signin.How
}{
	{host.ErrPINIncorrect, signin.CodePINWrong, ""},
	{host.ErrPINLocked, signin.CodePINBlocked, ""},
	{host.ErrPINNotSet, signin.CodePINNotSet, ""},
	{host.ErrCancelled, signin.CodeCancelled, ""},
	{host.ErrTokenGone, signin.CodeCardRemoved, ""},
	{host.ErrKeyGone, signin.CodeCardRemoved, ""}, // another card is in the reader
	{host.ErrMechanism, signin.CodeModuleFailed, signin.ModuleRefused},
	{host.ErrFailed, signin.CodeModuleFailed, signin.ModuleRefused},
}
