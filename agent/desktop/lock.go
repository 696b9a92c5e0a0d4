package desktop

import (
	"context"
	"log/slog"
	"sync"

	"github.com/cardea-agent/cardea/agent/signin"
)

// Lock is whether the desktop is locked or not connected, for all who have to
// know. It is as old as the last look.
type Lock struct {
	look func(context.Context) (Session, error)
	tell func(locked bool)
	log  *slog.Logger

	looking sync.Mutex // held while the system is asked and the change told; taken before mu

	mu      sync.Mutex // guards what follows
	locked  bool
	changed chan struct{}
}

// NewLock returns a Lock that is open until a look says otherwise. tell is told
// of each change, one after the other.
func NewLock(look func(context.Context) (Session, error), tell func(locked bool), log *slog.Logger) *Lock {
	return &Lock{look: look, tell: tell, log: log, changed: make(chan struct{})}
}

// Locked is what the last look saw, and a channel that is closed when another
// sees something else.
func (l *Lock) Locked() (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.locked, l.changed
}

// Check looks again. What cannot be found out has not changed.
func (l *Lock) Check(ctx context.Context) (locked bool) {
	l.looking.Lock()
	defer l.looking.Unlock()
	before, _ := l.Locked()
	session, err := l.look(ctx)
	if err != nil {
		l.log.Debug("whether the desktop is locked is not known", "err", err)
		return before
	}
	if session.Unattended() == before {
		return before
	}
	l.set(!before)
	l.log.Info("the desktop was locked or unlocked", "locked", !before)
	l.tell(!before)
	return !before
}

func (l *Lock) set(locked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.locked = locked
	close(l.changed)
	l.changed = make(chan struct{})
}

// Follow looks at once, and whenever watch says that something may have changed,
// until watch returns.
func (l *Lock) Follow(ctx context.Context, watch func(ctx context.Context, changed func())) {
	l.Check(ctx)
	watch(ctx, func() { l.Check(ctx) })
}

// Prompter asks nobody while the desktop is locked: a page that knows that can
// say so, and a window behind the lock would be found hours later.
type Prompter struct {
	signin.Prompter
	Lock *Lock
}

// Open is Prompter's, with the code CodeSessionLocked in front of it.
func (p Prompter) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	if p.Lock.Check(ctx) {
		return nil, &signin.Error{Code: signin.CodeSessionLocked}
	}
	return p.Prompter.Open(ctx, about)
}

// Asker asks about no site while the desktop is locked. A question that is open
// then ends with the code CodeSessionLocked.
type Asker struct {
	Asker interface {
		AskOrigin(ctx context.Context, origin, readable string) (allowed bool, err error)
	}
	Lock *Lock
}

// AskOrigin is Asker's.
func (a Asker) AskOrigin(ctx context.Context, origin, readable string) (bool, error) {
	a.Lock.Check(ctx)
	ctx, stop, err := signin.WhileUnlocked(ctx, a.Lock)
	if err != nil {
		return false, err
	}
	defer stop()
	allowed, err := a.Asker.AskOrigin(ctx, origin, readable)
	if locked := context.Cause(ctx); err != nil && signin.CodeOf(locked) == signin.CodeSessionLocked {
		return false, locked
	}
	return allowed, err
}

var (
	_ signin.Prompter = Prompter{}
	_ signin.Desktop  = (*Lock)(nil)
)
