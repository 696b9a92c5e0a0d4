// Package session wires one person's agent: the only place where concrete parts
// meet. Run starts them and returns when all of them have ended.
//
// It holds no logic of its own. It never decides, never waits for a person and
// never speaks to a card or a page itself.
//
// It is tested as a whole: with a WebSocket client on one side, the virtual
// card on the other and a prompt between them.
package session

import (
	"context"
	"log/slog"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-agent/cardea/agent/approvals"
	"github.com/cardea-agent/cardea/agent/card"
	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/desktop"
	"github.com/cardea-agent/cardea/agent/endpoint"
	"github.com/cardea-agent/cardea/agent/peer"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/token"
	"github.com/cardea-agent/cardea/pcsc"
)

// Config is what an agent is made of. Every field is required but Choices,
// Approvals, List, ModuleHost and Prompter.
type Config struct {
	Driver    pcsc.Driver // where the readers are
	Policy    Policy
	Audit     signin.Audit
	Log       *slog.Logger
	Version   string
	Listeners []net.Listener // of loopback.Listen; closed when Run returns
	Developer bool           // origins of this computer may be http
	// Choices remembers which of several keys a person chose; nil: nothing.
	Choices signin.Choices
	// List says how to speak to which card, the policy's list laid over it; nil:
	// the shipped one.
	List *cards.List
	// ModuleHost is the command of the processes that load PKCS#11 modules, as
	// host.Config has it; nil: no module is ever loaded.
	ModuleHost []string
	// Approvals keeps which sites the person let in; nil: they are not asked.
	Approvals *approvals.File

	// Prompter asks for PINs, and about sites if it is a prompt.OriginAsker.
	// When nil, the tray does, over the socket at PromptPath
	// (prompt.DefaultPath when empty). With a Prompter, a PromptPath is for
	// inquiries alone.
	Prompter   signin.Prompter
	PromptPath string
	// Desktop says whether the person's desktop is locked; nil: it never is.
	Desktop func(context.Context) (desktop.Session, error)
	// DesktopChanges calls changed when that may have changed, until ctx ends;
	// nil: the desktop is looked at when somebody is to be asked.
	DesktopChanges func(ctx context.Context, changed func())
	// Facts and Records are what inquiries are told; see prompt.ServerConfig.
	Facts   func() prompt.Facts
	Records func() []string
}

// Policy is what was decided. It may change while the agent runs.
type Policy interface {
	signin.Rules
	approvals.Rules
	// CardList is the path of a list of further cards, empty without one.
	CardList() string
	// Current returns what is in force, and a channel that is closed when
	// something else is; nil when it never will be.
	Current() (*policy.Policy, <-chan struct{})
}

var (
	_ Policy = (*policy.Policy)(nil)
	_ Policy = (*policy.Live)(nil)
)

// releases is what tokens name as the program that made them.
const releases = "https://github.com/cardea-agent/cardea/releases/"

// Run runs an agent until ctx ends or one of its parts fails. The door closes
// first: what it has cards finish needs all the other parts.
func Run(ctx context.Context, c Config) error {
	closeListeners := func() {
		for _, l := range c.Listeners {
			_ = l.Close()
		}
	}
	defer closeListeners()
	self, err := peer.Self()
	if err != nil {
		return err
	}
	list := c.List
	if list == nil {
		list = card.ShippedList()
	}
	if path := c.Policy.CardList(); path != "" {
		if list, err = list.Load(path); err != nil {
			return err
		}
	}
	cards := card.New(card.Config{
		Driver: c.Driver, List: list, Usable: c.Policy.Usable, Algorithm: token.AlgorithmFor, Log: c.Log, Modules: c.modules(),
	})
	open, shut := context.WithCancel(ctx) // the door is, until ctx ends or a part fails
	defer shut()
	ctx, closed := context.WithCancel(context.WithoutCancel(ctx))
	defer closed()
	group, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, shut)()
	server, err := c.promptServer()
	if err != nil {
		return err
	}
	if server != nil {
		group.Go(func() error { return server.Run(ctx) })
		group.Go(func() error { publish(ctx, cards, server); return nil })
	}
	if c.Prompter == nil {
		c.Prompter = server
	}
	lock := desktop.NewLock(c.look(), cards.SetLocked, c.Log)
	service := signin.New(signin.Config{
		Cards: cards, Prompter: desktop.Prompter{Prompter: c.Prompter, Lock: lock}, Desktop: lock, Rules: c.Policy,
		Tokens: token.New(releases + c.Version), Audit: c.Audit, Log: c.Log, Choices: c.Choices,
	})
	origins := approvals.New(approvals.Config{Rules: c.Policy, File: c.Approvals, Asker: c.asker(lock), Audit: c.Audit, Log: c.Log})
	door := endpoint.New(endpoint.Config{
		Backend: service, Origins: origins, Peers: peer.NewSystem(), Self: self,
		Version: c.Version, Developer: c.Developer, Log: c.Log, Audit: c.Audit, Contact: c.whoHelps,
	})
	group.Go(func() error { return cards.Run(ctx) })
	if c.DesktopChanges != nil {
		group.Go(func() error { lock.Follow(ctx, c.DesktopChanges); return nil })
	}
	group.Go(func() error { refresh(ctx, c.Policy, cards); return nil })
	group.Go(func() error { return service.Run(ctx) })
	group.Go(func() error { return origins.Run(ctx) })
	group.Go(func() error {
		defer closed()
		return door.Serve(open, c.Listeners...)
	})
	return group.Wait()
}

// whoHelps is whom people ask, as the policy in force says.
func (c Config) whoHelps(who string) string {
	p, _ := c.Policy.Current()
	return p.WhoHelps(who)
}

// promptServer is nil where nobody needs one. One that answers inquiries alone is
// no condition for running.
func (c Config) promptServer() (*prompt.Server, error) {
	if c.Prompter != nil && c.PromptPath == "" {
		return nil, nil
	}
	server, err := prompt.NewServer(prompt.ServerConfig{
		Path: c.PromptPath, Log: c.Log, Version: c.Version, Facts: c.Facts, Records: c.Records,
		Contact: c.whoHelps, Sites: c.keeper(),
	})
	if err != nil && c.Prompter != nil {
		c.Log.Warn("nobody can ask how this agent stands", "err", err)
		return nil, nil
	}
	return server, err
}

// refresh has the cards looked at by each policy that comes into force.
func refresh(ctx context.Context, rules Policy, cards *card.Manager) {
	for {
		_, changed := rules.Current()
		cards.Refresh()
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// modules starts the processes of modules.
func (c Config) modules() func(cards.Module, string) card.Module {
	if c.ModuleHost == nil {
		return nil
	}
	return func(m cards.Module, file string) card.Module {
		return card.StartModule(c.ModuleHost, m, file, c.Log)
	}
}

// asker is who asks about sites; nil when nobody does.
func (c Config) asker(lock *desktop.Lock) approvals.Asker {
	if a, ok := c.Prompter.(approvals.Asker); ok && c.Approvals != nil {
		return desktop.Asker{Asker: a, Lock: lock}
	}
	return nil
}

// look is Desktop, or finds nothing locked.
func (c Config) look() func(context.Context) (desktop.Session, error) {
	if c.Desktop != nil {
		return c.Desktop
	}
	return func(context.Context) (desktop.Session, error) { return desktop.Session{}, nil }
}

// publish shows the tray each change.
func publish(ctx context.Context, cards signin.Cards, server *prompt.Server) {
	for {
		snapshot, changed := cards.Snapshot()
		server.Publish(snapshot)
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

var (
	_ endpoint.Backend   = (*signin.Service)(nil)
	_ endpoint.Origins   = (*approvals.Desk)(nil)
	_ approvals.Asker    = prompt.OriginAsker(nil)
	_ prompt.OriginAsker = approvals.Asker(nil)
)
