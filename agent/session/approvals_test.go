package session_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/agent/approvals"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
)

const unlisted = "https://xn--bcher-kva.example"

// refused dials as a page that is turned away.
func (w *ward) refused(from string) {
	w.t.Helper()
	conn, resp, err := w.dial(from)
	if err == nil {
		_ = conn.CloseNow()
		w.t.Fatalf("%s comes in", from)
	}
	if resp == nil || resp.StatusCode != http.StatusForbidden {
		w.t.Fatalf("%s: %v, %v", from, resp, err)
	}
}

// askedAbout has sites turned away until somebody is asked about one: a desk that
// is not ready, or still at its last question, keeps none for later.
func (w *ward) askedAbout(sites ...string) signintest.Site {
	w.t.Helper()
	for late := time.Now().Add(limit); time.Now().Before(late); {
		for _, from := range sites {
			w.refused(from)
		}
		select {
		case s := <-w.tray.Sites:
			return s
		case <-time.After(10 * time.Millisecond):
		}
	}
	w.t.Fatal("nobody was asked")
	panic("unreachable")
}

// until waits for what the agent does after an answer.
func (w *ward) until(what string, ok func() bool) {
	w.t.Helper()
	for late := time.Now().Add(limit); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			w.t.Fatal("never: " + what)
		}
	}
}

func TestASiteThatAPersonAllowedSignsThemInAndNoMore(t *testing.T) {
	w := newWardOf(t, rules+"[origins]\nask = true\n")
	w.startTray()
	w.slot.Insert(w.card)
	site := w.askedAbout(unlisted)
	if site.Origin != unlisted || site.Readable != "https://bücher.example" {
		t.Errorf("asked about %q, which reads %q", site.Origin, site.Readable)
	}
	w.refused(unlisted) // while the person thinks
	site.Answer(true)
	w.until("the answer is in the audit log", func() bool { return strings.Contains(w.journal.String(), `"allowOrigin"`) })
	p := w.open(unlisted)
	if token, session := w.signIn(p); token.Signature == "" || session == "" {
		t.Error("no token")
	}
	if code := p.call("getSigningCertificate", map[string]any{}).code(); code != "notPermitted" {
		t.Errorf("it may sign documents: %q", code)
	}

	if was, err := approvals.Open(w.answers).Revoke(unlisted); was != approvals.Allowed || err != nil {
		t.Fatal(was, err)
	}
	before := strings.Count(w.journal.String(), `"outcome"`)
	if code := p.call("authenticate", map[string]any{"nonce": nonce()}).code(); code != "notPermitted" {
		t.Errorf("it may still sign them in: %q", code)
	}
	w.refused(unlisted)
	if after := strings.Count(w.journal.String(), `"outcome"`); after != before {
		t.Error("something was decided about a site that was taken back")
	}
}

func TestAPersonTakesAnAnswerBackAtTheirTray(t *testing.T) {
	w := newWardOf(t, rules+"[origins]\nask = true\n")
	w.startTray()
	w.slot.Insert(w.card)
	w.askedAbout(unlisted).Answer(true)
	w.until("the answer is in the audit log", func() bool { return strings.Contains(w.journal.String(), `"allowOrigin"`) })
	p := w.open(unlisted)
	w.signIn(p)

	sites, err := prompt.ListSites(t.Context(), w.socket)
	if err != nil || !sites.Counts || len(sites.Answers) != 1 {
		t.Fatalf("%+v, %v", sites, err)
	}
	if s := sites.Answers[0]; s.Origin != unlisted || s.Readable != "https://bücher.example" || !s.Allowed || time.Since(s.At) > time.Minute {
		t.Errorf("%+v", s)
	}
	for _, want := range []int{1, 0} { // a yes becomes a no, which can be taken back as well
		sites, err = prompt.TakeBackSite(t.Context(), w.socket, unlisted)
		if err != nil || len(sites.Answers) != want || want == 1 && sites.Answers[0].Allowed {
			t.Errorf("%+v, %v", sites, err)
		}
	}
	if code := p.call("authenticate", map[string]any{"nonce": nonce()}).code(); code != "notPermitted" {
		t.Errorf("the site may still sign them in: %q", code)
	}
	if n := strings.Count(w.journal.String(), `"revokeOrigin"`); n != 1 {
		t.Errorf("%d lines of the audit log say that a yes was taken back", n)
	}
}

func TestASiteThatAPersonRefusedIsAskedAboutNoMoreThatDay(t *testing.T) {
	w := newWardOf(t, rules+"[origins]\nask = true\n")
	w.startTray()
	w.askedAbout(unlisted).Answer(false)
	w.until("the answer is in the audit log", func() bool { return strings.Contains(w.journal.String(), `"cancelled"`) })
	site := w.askedAbout(unlisted, "https://another.example")
	if site.Origin != "https://another.example" {
		t.Errorf("asked again about %s", site.Origin)
	}
	site.Answer(false)
}

func TestNobodyIsAskedWhereThePolicyDoesNotSaySo(t *testing.T) {
	w := newWard(t)
	w.startTray()
	w.refused(unlisted)
	p := w.open(origin) // a whole connection later
	p.call("endSession", map[string]any{"session": "0123456789abcdefghijkl"})
	select {
	case site := <-w.tray.Sites:
		t.Errorf("asked about %s", site.Origin)
	default:
	}
}
