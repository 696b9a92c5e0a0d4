package session_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/signin"
)

// livePolicy has the ward's agent follow a file, and returns its policy and what
// writes the file.
func (w *ward) livePolicy() (live *policy.Live, write func(text string)) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "policy.toml")
	write = func(text string) {
		w.t.Helper()
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			w.t.Fatal(err)
		}
	}
	write(rules)
	var err error
	live, err = policy.Open(policy.Only(path), slog.New(slog.NewTextHandler(w.journal, nil)))
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	w.stop()
	w.policy = live
	w.start()
	return live, write
}

// until waits until a policy is in force.
func until(t *testing.T, live *policy.Live, so func(*policy.Policy) bool) {
	t.Helper()
	late := time.After(limit)
	for {
		p, changed := live.Current()
		if so(p) {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatal("the policy does not come into force")
		}
	}
}

// shows waits until the page is told of a state.
func (p *page) shows(state string) {
	p.t.Helper()
	late := time.After(limit)
	for {
		select {
		case m := <-p.notes:
			if m.Method == "status" && strings.Contains(string(m.Params), `"state":"`+state+`"`) {
				return
			}
		case <-late:
			p.t.Fatalf("the page is never told %s", state)
		}
	}
}

func TestAChangeOfPolicyCountsAtOnceAndDropsNoConnection(t *testing.T) {
	w := newWard(t)
	live, write := w.livePolicy()
	w.startTray()
	w.slot.Insert(w.card)
	p := w.open(origin)
	watched := p.call("watch", map[string]any{})
	if !strings.Contains(string(watched.Result), `"state":"ready"`) {
		p.shows("ready")
	}
	w.signIn(p)

	write(strings.Replace(rules, "[[origin]]", "[certificate]\nissuers = [\"Another CA\"]\n[[origin]]", 1))
	p.shows("noUsableCertificate")
	write("[[origin]\n") // what is bad changes nothing
	write(rules)
	p.shows("ready")

	write(strings.Replace(rules, origin, "https://another.example", 1))
	until(t, live, func(now *policy.Policy) bool { _, known := now.Rights(origin); return !known })
	if code := p.call("authenticate", map[string]any{"nonce": nonce()}).code(); code != string(signin.CodeNotPermitted) {
		t.Errorf("an origin that was removed got %q", code)
	}
	if _, resp, err := w.dial(origin); err == nil || resp == nil || resp.StatusCode != 403 {
		t.Errorf("its next connection is let in: %v", err)
	}
	w.signIn(w.open(signing))

	write(rules)
	until(t, live, func(now *policy.Policy) bool { _, known := now.Rights(origin); return known })
	w.signIn(p)
}
