package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/policy"
	"github.com/cardea-agent/cardea/agent/session"
	"github.com/cardea-agent/cardea/agent/signin"
)

// These tests look at what the site's pages do in a browser when things do not
// go as --check has them.

// ward is a browser on a site whose agent the test starts and stops.
type ward struct {
	*visit
	t *testing.T
}

func newWard(t *testing.T) *ward {
	t.Helper()
	asked := make(chan signin.About, 16)
	return newWardWith(t, typist{asked}, asked)
}

// newWardWith is newWard for a prompter that says in asked what it shows.
func newWardWith(t *testing.T, prompter signin.Prompter, asked chan signin.About) *ward {
	t.Helper()
	needBrowser(t)
	d, err := newDemo(config{
		listen: "127.0.0.1:0", site: "localhost:0", prompter: prompter,
		log: slog.New(slog.DiscardHandler), trace: io.Discard, notice: io.Discard, folder: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	closeAll(d.agent.Listeners)
	t.Cleanup(func() {
		if err := d.end(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, d.handler, d.listeners) }()
	page, stop, err := openBrowser(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the site ended with %v", err)
		}
	})
	return &ward{visit: &visit{demo: d, site: page, asked: asked}, t: t}
}

// startAgent runs the agent, on its port, with a policy.
func (w *ward) startAgent(rules string) (stop func()) {
	w.t.Helper()
	var err error
	c := w.agent
	if c.Policy, err = policy.Parse([]byte(rules)); err != nil {
		w.t.Fatal(err)
	}
	// Meanwhile the port may have been lent to somebody's outgoing connection.
	for end := time.Now().Add(stepTime); ; time.Sleep(10 * time.Millisecond) {
		if c.Listeners, err = loopback.Listen(net.JoinHostPort("127.0.0.1", strconv.Itoa(w.agentPort))); err == nil {
			break
		}
		if time.Now().After(end) {
			w.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- session.Run(ctx, c) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the agent ended with %v", err)
		}
	})
	w.t.Cleanup(stop)
	return stop
}

func (w *ward) allowed() string {
	return "[[origin]]\nurl = \"" + w.origin + "\"\nrights = [\"authenticate\", \"sign\"]\n"
}

// see does something in the page.
func (w *ward) see(actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := w.on(w.visit.site, actions...); err != nil {
		w.t.Fatalf("%v%s", err, w.evidence())
	}
}

// signIn signs in with the first card.
func (w *ward) signIn() {
	w.t.Helper()
	w.signInAs(0)
	w.see(chromedp.SendKeys(chromedp.CSS("#note"), note))
}

func TestThePageTellsAMissingAgentFromOneThatRefusesAndComesBackByItself(t *testing.T) {
	w := newWard(t)
	w.see(chromedp.Navigate(w.origin+"/"), shown(`#status[data-state="notRunning"]`),
		chromedp.Click(chromedp.CSS("#signin")), shown(`#error[data-code="notRunning"]`), reads("#error", "Start Cardea"))
	stop := w.startAgent("[[origin]]\nurl = \"https://other.example\"\n")
	w.see(chromedp.Click(chromedp.CSS("#signin")), shown(`#error[data-code="originRefused"]`), reads("#error", "Your IT team"))
	stop()
	stop = w.startAgent(w.allowed())
	w.see(shown(`#status[data-state="noCard"]`)) // nobody clicked

	w.signIn()
	stop()
	w.see(shown(`body[data-standing="lost"] #locked-text`))
	w.startAgent(w.allowed())
	w.see(shown("#signin"), shown("#ended"), reads("#ended", "Cardea was started again"),
		chromedp.Navigate(w.origin+"/home"), shown("#signin"))
}

func TestWhereRemovalSignsOutTheCardMayComeBackInTime(t *testing.T) {
	w := newWard(t)
	w.startAgent("[removal]\naction = \"signOut\"\ngrace = \"3s\"\n" + w.allowed())
	w.signIn()
	w.bench.remove()
	w.see(shown(`body[data-standing="putBackSignOut"] #locked-text`), hidden("#resume"))
	w.bench.insert(0)
	w.see(shown(open), holds("#note", note))
	if len(w.asked) > 0 {
		t.Error("a session that was not locked asked for the PIN")
	}
	w.bench.remove()
	w.see(shown("#ended"), reads("#ended", "out for too long"), chromedp.Navigate(w.origin+"/home"), shown("#signin"))
}

func TestWhereRemovalDoesNothingThePageStays(t *testing.T) {
	w := newWard(t)
	w.startAgent("[removal]\naction = \"none\"\n" + w.allowed())
	w.signIn()
	w.bench.remove()
	w.see(shown(`#status[data-state="noCard"]`), shown(open), hidden("#locked"))
}

func TestNobodyLooksBehindTheLock(t *testing.T) {
	w := newWard(t)
	w.startAgent(w.allowed())
	w.signIn()
	w.bench.remove()
	w.see(shown(covered), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Escape), chromedp.KeyEvent(kb.Escape), shown(covered))
	seen, err := chromedp.Run(w.visit.site, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil || strings.Contains(seen, "555000000001") || !strings.Contains(seen, "Put your card back") {
		t.Errorf("the page shows %q, %v", seen, err)
	}
	w.see(chromedp.Reload(), shown(covered))
	source, err := chromedp.Run(w.visit.site, chromedp.Evaluate[string]("document.documentElement.outerHTML"))
	if err != nil || strings.Contains(source, "555000000001") {
		t.Errorf("the reloaded page holds %q, %v", source, err)
	}
	w.bench.insert(0)
	if err := w.askedTo(signin.ToResume); err != nil {
		t.Fatal(err)
	}
	w.see(shown(open), reads("#who", "555000000001"))
}

// tabTo presses Tab until an element has the focus.
func (w *ward) tabTo(id string) {
	w.t.Helper()
	for range 15 {
		w.see(chromedp.KeyEvent(kb.Tab))
		if w.focusedID() == id {
			return
		}
	}
	w.t.Fatalf("Tab does not come to #%s", id)
}

func TestTheKeyboardAloneSignsInAndOut(t *testing.T) {
	w := newWard(t)
	w.startAgent(w.allowed())
	w.bench.insert(0)
	w.see(chromedp.Navigate(w.origin+"/"), shown(`#status[data-state="ready"]`))
	w.tabTo("signin")
	w.see(chromedp.KeyEvent(kb.Enter))
	if err := w.askedTo(signin.ToSignIn); err != nil {
		t.Fatal(err)
	}
	w.see(shown(open))
	w.tabTo("signout")
	w.see(chromedp.KeyEvent(kb.Enter), shown("#signin"))
}
