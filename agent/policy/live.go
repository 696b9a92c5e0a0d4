package policy

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// Live is the policy of an agent that runs. It answers as the policy does that
// is in force when it is asked.
type Live struct {
	places Places
	log    *slog.Logger

	mu      sync.RWMutex // guards what follows; held for no call
	policy  *Policy
	changed chan struct{} // closed when there is another policy or state
	state   State
}

// State is how things stand with the policy of an agent.
type State struct {
	Since    time.Time  // when the policy that is in force was read
	Problems []*Problem // why what is written now is not in force; none when it is
	Warnings []*Problem // what is wrong with the person's own file
}

// Open reads the policy of an agent that starts. Nothing is in force yet that
// could stay, so a bad one is an error.
func Open(places Places, log *slog.Logger) (*Live, error) {
	p, err := places.Load()
	if err != nil {
		return nil, err
	}
	l := &Live{places: places, log: log, policy: p, changed: make(chan struct{})}
	l.state = State{Since: time.Now(), Warnings: p.Warnings()}
	l.logWarnings(p)
	return l, nil
}

func (l *Live) logWarnings(p *Policy) {
	for _, w := range p.warnings {
		l.log.Warn("the person's own settings are left out", "problem", w.Error())
	}
}

// Current returns the policy that is in force, and a channel that is closed when
// there is another one, or another state.
func (l *Live) Current() (*Policy, <-chan struct{}) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.policy, l.changed
}

// State returns how things stand.
func (l *Live) State() State {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.state
}

// Run follows the places until ctx ends.
func (l *Live) Run(ctx context.Context) error {
	return l.places.follow(ctx, l.log, l.reload)
}

// reload reads the places again. A policy that is not good changes nothing.
func (l *Live) reload() {
	p, err := l.places.Load()
	before, _ := l.Current()
	state := l.State()
	if err != nil {
		problems := Problems(err)
		if !sameProblems(problems, state.Problems) {
			for _, problem := range problems {
				l.log.Error("the policy is not good, and the last good one stays in force", "problem", problem.Error())
			}
			l.set(before, State{Since: state.Since, Warnings: state.Warnings, Problems: problems})
		}
		return
	}
	changed, later := difference(before, p)
	if len(changed) == 0 && len(state.Problems) == 0 && sameProblems(p.warnings, state.Warnings) {
		// Only where it is written may be another, which nobody waits for.
		l.mu.Lock()
		defer l.mu.Unlock()
		l.policy = p
		return
	}
	l.log.Info("the policy was read again", "changed", strings.Join(changed, " "))
	if len(later) > 0 {
		l.log.Warn("a change counts when the agent starts again", "changed", strings.Join(later, " "))
	}
	l.logWarnings(p)
	l.set(p, State{Since: time.Now(), Warnings: p.Warnings()})
}

func (l *Live) set(p *Policy, state State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.policy, l.state = p, state
	close(l.changed)
	l.changed = make(chan struct{})
}

// difference names the settings that have another value, and those of them that
// count at the next start only.
func difference(a, b *Policy) (changed, later []string) {
	for i, e := range a.effective {
		if reflect.DeepEqual(plain(e.Value), plain(b.effective[i].Value)) {
			continue
		}
		changed = append(changed, e.Setting.Name)
		if e.Setting.NextStart {
			later = append(later, e.Setting.Name)
		}
	}
	return changed, later
}

// plain leaves out of a value where it is written.
func plain(v any) any {
	records, ok := v.([]Record)
	if !ok {
		return v
	}
	var fields []map[string]any
	for _, r := range records {
		fields = append(fields, r.Fields)
	}
	return fields
}

func sameProblems(a, b []*Problem) bool {
	return slices.EqualFunc(a, b, func(a, b *Problem) bool { return a.Error() == b.Error() })
}

func (l *Live) current() *Policy {
	p, _ := l.Current()
	return p
}

// What follows is the policy's own.

// Rights is Policy.Rights.
func (l *Live) Rights(url string) (rights []string, known bool) { return l.current().Rights(url) }

// AskOrigins is Policy.AskOrigins.
func (l *Live) AskOrigins() bool { return l.current().AskOrigins() }

// Removal is Policy.Removal.
func (l *Live) Removal(url string) signin.Removal { return l.current().Removal(url) }

// SameGroup is Policy.SameGroup.
func (l *Live) SameGroup(a, b string) bool { return l.current().SameGroup(a, b) }

// SessionLimit is Policy.SessionLimit.
func (l *Live) SessionLimit() time.Duration { return l.current().SessionLimit() }

// CardList is Policy.CardList.
func (l *Live) CardList() string { return l.current().CardList() }

// Usable is Policy.Usable.
func (l *Live) Usable(key signin.Key, now time.Time) (bool, signin.Why) {
	return l.current().Usable(key, now)
}

// Excluded is Policy.Excluded.
func (l *Live) Excluded(key signin.Key, now time.Time) string { return l.current().Excluded(key, now) }

// ExcludedFromSigning is Policy.ExcludedFromSigning.
func (l *Live) ExcludedFromSigning(key signin.Key, now time.Time) string {
	return l.current().ExcludedFromSigning(key, now)
}

// MaySign is Policy.MaySign.
func (l *Live) MaySign(key signin.Key, now time.Time) (bool, signin.Why) {
	return l.current().MaySign(key, now)
}

var _ signin.Rules = (*Live)(nil)
