package policy

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logText is a log that is read while it is written.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// follow opens the places and follows them until the test ends.
func follow(t *testing.T, p Places) (*Live, *logText) {
	t.Helper()
	log := new(logText)
	live, err := Open(p, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- live.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return live, log
}

// await waits until the policy is as wanted.
func await(t *testing.T, live *Live, what string, so func(*Policy, State) bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		p, changed := live.Current()
		if so(p, live.State()) {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("never: %s; the state is %+v", what, live.State())
		}
	}
}

// allows says that an origin is known.
func allows(url string) func(*Policy, State) bool {
	return func(p *Policy, s State) bool { _, known := p.Rights(url); return known && len(s.Problems) == 0 }
}

func allowsNobody(p *Policy, s State) bool { return len(p.Origins()) == 0 && len(s.Problems) == 0 }

const oneOrigin = "[[origin]]\nurl = \"https://a.example\"\n"

// replace writes a file as careful programs do.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func TestAChangeIsTakenUpWhereverItIsMade(t *testing.T) {
	p := lay(t)
	live, _ := follow(t, p)
	for name, path := range map[string]string{
		"the machine's file": p.Machine, "a file in the folder": filepath.Join(p.Folder, "1.toml"), "another file": filepath.Join(p.Folder, "2.toml"),
	} {
		write(t, path, oneOrigin)
		await(t, live, name+" is made", allows("https://a.example"))
		replace(t, path, strings.Replace(oneOrigin, "//a.", "//b.", 1))
		await(t, live, name+" is replaced", allows("https://b.example"))
		remove(t, path)
		await(t, live, name+" is gone", allowsNobody)
	}
	write(t, filepath.Join(p.Folder, "1.toml"), oneOrigin)
	await(t, live, "the folder is used", allows("https://a.example"))
	remove(t, p.Folder)
	await(t, live, "the folder is gone", allowsNobody)
	write(t, filepath.Join(p.Folder, "1.toml"), oneOrigin)
	await(t, live, "the folder is there again", allows("https://a.example"))
	write(t, p.User, "log.level = \"debug\"")
	await(t, live, "the person's file counts", func(p *Policy, _ State) bool { return p.LogLevel() == slog.LevelDebug })
	write(t, p.Managed, plistOf(`<key>log</key><dict><key>level</key><string>warn</string></dict>`))
	await(t, live, "the profile counts", func(p *Policy, _ State) bool { return p.LogLevel() == slog.LevelWarn })
}

func TestAChangeBehindALinkIsTakenUp(t *testing.T) {
	p := lay(t)
	target := filepath.Join(t.TempDir(), "elsewhere", "policy.toml")
	write(t, target, oneOrigin)
	if err := os.Symlink(target, p.Machine); err != nil {
		t.Skip(err)
	}
	live, _ := follow(t, p)
	await(t, live, "the link is followed", allows("https://a.example"))
	replace(t, target, strings.Replace(oneOrigin, "//a.", "//b.", 1))
	await(t, live, "its target changes", allows("https://b.example"))
}

func TestAPolicyThatWentBadLeavesTheLastGoodOneAndSaysSo(t *testing.T) {
	p := lay(t)
	write(t, p.Machine, oneOrigin)
	live, log := follow(t, p)
	since := live.State().Since
	bad := func(p *Policy, s State) bool { return len(s.Problems) > 0 }
	replace(t, p.Machine, oneOrigin+"rihgts = []\n")
	await(t, live, "the state says what is wrong", bad)
	state := live.State()
	if len(state.Problems) != 1 || state.Problems[0].Line != 3 || state.Problems[0].Source != p.Machine || !state.Since.Equal(since) {
		t.Errorf("the state is %+v", state)
	}
	if rights, known := live.Rights("https://a.example"); !known || len(rights) != 1 {
		t.Error("the last good policy does not stay")
	}
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "policy.toml:3") || strings.Count(text, "rihgts") != 1 {
		t.Errorf("the log says\n%s", text)
	}
	replace(t, p.Machine, oneOrigin)
	await(t, live, "it is mended", allows("https://a.example"))
	if !live.State().Since.After(since) {
		t.Error("the state does not say that it was read again")
	}
	remove(t, p.Machine)
	await(t, live, "the policy is gone", allowsNobody)
	write(t, p.Machine, oneOrigin)
	if _, err := Open(Places{Machine: p.Machine, trusted: func(string) (string, error) { return "", os.ErrPermission }}, slog.Default()); err == nil {
		t.Error("an agent starts without a policy that can be read")
	}
}

func TestAPersonsBadFileIsInTheState(t *testing.T) {
	p := lay(t)
	write(t, p.Machine, oneOrigin)
	write(t, p.User, "log.level = 3")
	live, log := follow(t, p)
	if w := live.State().Warnings; len(w) != 1 || !strings.Contains(log.String(), "settings.toml:1: log.level") {
		t.Errorf("the warnings are %v, the log\n%s", w, log)
	}
	replace(t, p.User, "log.level = \"error\"")
	await(t, live, "it is mended", func(p *Policy, s State) bool { return p.LogLevel() == slog.LevelError && len(s.Warnings) == 0 })
}

func TestWhatCountsAtTheNextStartIsTold(t *testing.T) {
	p := lay(t)
	live, log := follow(t, p)
	write(t, p.Machine, "listen.port = 4000\nremoval.grace = \"1m\"\n")
	await(t, live, "it is read", func(p *Policy, _ State) bool { return p.Port() == 4000 })
	if !strings.Contains(log.String(), `a change counts when the agent starts again" changed=listen.port`+"\n") {
		t.Errorf("the log says\n%s", log)
	}
}

// signalled is a registry that a test changes.
type signalled struct {
	fakeRegistry
	mu      sync.Mutex
	changed chan struct{}
}

func (s *signalled) Read() (Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fakeRegistry.Read()
}

func (s *signalled) Wait(ctx context.Context, watching func()) error {
	watching()
	select {
	case <-s.changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestAChangeOfGroupPolicyIsTakenUp(t *testing.T) {
	p := lay(t)
	registry := &signalled{fakeRegistry: fakeRegistry{name: "HKLM"}, changed: make(chan struct{})}
	p.Registry = registry
	live, _ := follow(t, p)
	for _, url := range []string{"https://a.example", "https://b.example"} {
		registry.mu.Lock()
		registry.key = &Key{Keys: map[string]Key{"origin": {Values: map[string]any{url: ""}}}}
		registry.mu.Unlock()
		registry.changed <- struct{}{}
		await(t, live, "group policy allows "+url, allows(url))
	}
}

// late is a registry that changes just before it is watched.
type late struct{ signalled }

func (l *late) Wait(ctx context.Context, watching func()) error {
	l.mu.Lock()
	l.key = &Key{Keys: map[string]Key{"origin": {Values: map[string]any{"https://a.example": ""}}}}
	l.mu.Unlock()
	return l.signalled.Wait(ctx, watching)
}

func TestAChangeJustBeforeGroupPolicyIsWatchedIsTakenUp(t *testing.T) {
	p := lay(t)
	p.Registry = &late{signalled{fakeRegistry: fakeRegistry{name: "HKLM"}}}
	live, _ := follow(t, p)
	await(t, live, "group policy allows the site", allows("https://a.example"))
}
