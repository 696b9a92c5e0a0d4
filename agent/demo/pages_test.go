package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/texts"
)

// Every state of every page is drawn in each look and judged by axe-core, in
// each language.
func TestEveryPageFitsInEveryLookAndIsAccessible(t *testing.T) {
	for _, l := range texts.Languages {
		t.Run(l.Name(), func(t *testing.T) {
			g := newGallery(t, l)
			g.signInPages()
			g.sessionPages()
			g.cardPages()
			g.helpdeskPages()
			g.registrationPages()
			g.helpPages()
			g.noComplaints()
		})
	}
}

// noComplaints fails the test when the browser said more than that the site
// refused something, which these tests have it do.
func (g gallery) noComplaints() {
	g.t.Helper()
	g.complaints.mu.Lock()
	defer g.complaints.mu.Unlock()
	for _, said := range g.complaints.said {
		if !strings.Contains(said, "the server responded with a status of 4") {
			g.t.Errorf("the browser complains: %s", said)
		}
	}
}

// The demo's own page is in English.
func TestTheControlPageFitsAndIsAccessible(t *testing.T) {
	g := newGallery(t, texts.English)
	g.bench.insert(0)
	if err := g.on(g.control, chromedp.Navigate(g.origin+"/control"), shown("#remove")); err != nil {
		t.Fatal(err)
	}
	for _, l := range looks {
		g.draw(g.control, "control", l)
	}
	g.judge(g.control, "control")
}

// A rule that finds nothing anywhere could be one that does not work.
func TestAxeFindsWhatIsWrong(t *testing.T) {
	g := newGallery(t, texts.English)
	g.see(chromedp.Navigate(g.origin+"/help"), shown("main"))
	err := g.on(g.site, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool](`document.querySelector("main").append(document.createElement("input")); true`)(ctx, target)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	found := g.findings(g.site, looks[0])
	if len(found) != 1 || found[0].ID != "label" || found[0].Impact != "critical" {
		t.Errorf("a field without a name: %+v", found)
	}
}

// signInPages ends when the person has signed in.
func (g gallery) signInPages() {
	g.t.Helper()
	g.state("signin-no-card", shown(`#status[data-state="noCard"]`))
	g.state("signin-waits-for-card", click("#signin"), shown(`#progress[data-phase="waitingForCard"]`))
	g.bench.insert(0)
	g.state("signin-waits-for-pin", shown(`#progress[data-phase="waitingForPIN"]`))
	g.person.answers <- "000000"
	g.state("signin-wrong-pin", shown(`#progress[data-phase="wrongPIN"]`), reads("#progress", g.word("progress.wrongPIN", "count", 2)))
	g.person.answers <- ""
	g.state("error-pin-wrong", shown(`#error[data-code="pinWrong"]`))
	g.bench.insert(3)
	g.state("error-expired", shown(`#status[data-state="noUsableCertificate"]`), click("#signin"), shown(`#error[data-code="noUsableCertificate"]`))
	g.bench.insert(4)
	g.state("error-blocked", shown(`#status[data-state="pinBlocked"]`), click("#signin"), shown(`#error[data-code="pinBlocked"]`), click("#error summary"))
	g.bench.insert(spare)
	g.see(shown(`#status[data-state="ready"]`))
	g.pressAndTypePIN("#signin", "#progress")
	g.state("error-not-registered", shown(`#error[data-code="cardNotRegistered"] a[href="/register"]`))
	g.state("signin-wrong-password", types("#email", people[0].email), types("#password", "not the password"),
		click("#signin-password"), shown(`#problem[data-code="credentialsWrong"]`))
	g.state("signin-to-register", chromedp.Navigate(g.origin+"/"), click("#to-register"), shown("#registers"))
	g.bench.insert(0)
	g.signIn()
}

func (g gallery) signIn() {
	g.t.Helper()
	g.see(chromedp.Navigate(g.origin+"/"), shown(`#status[data-state="ready"]`))
	g.pressAndTypePIN("#signin", "#progress")
	g.see(shown(open))
}

// pressAndTypePIN presses a button that has the card sign.
func (g gallery) pressAndTypePIN(button chromedp.CSS, progress string) {
	g.t.Helper()
	g.see(click(button), shown(chromedp.CSS(progress+`[data-phase="waitingForPIN"]`)))
	g.person.answers <- virtual.DefaultPIN
}

func (g gallery) sessionPages() {
	g.t.Helper()
	g.state("home", shown(open), types("#note", note))
	g.bench.remove()
	g.state("locked", shown(covered))
	g.bench.insert(1)
	g.state("locked-another-card", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Poll[bool](fmt.Sprintf(`document.getElementById("locked-text").textContent === %q`, g.word("locked.different")))(ctx, target)
		return err
	}))
	g.bench.insert(0)
	g.state("locked-waits-for-pin", shown(`body[data-standing="returned"] #locked-progress[data-phase="waitingForPIN"]`))
	g.person.answers <- ""
	g.state("locked-cancelled", shown(`#locked-error[data-code="cancelled"]`))
	g.pressAndTypePIN("#resume", "#locked-progress")
	g.see(shown(open), holds("#note", note))
	g.state("notes", click("#notes"), shown(`body[data-standing="present"] a#notes[aria-current]`))
	g.state("signed-out", click("#signout"), shown("#signin"))
}

// cardPages are a person's own.
func (g gallery) cardPages() {
	g.t.Helper()
	g.signIn()
	g.state("cards", click("#cards"), shown(`body[data-standing="present"] #card-list`))
	g.state("card", click("#card-1 a.button"), shown(`body[data-standing="present"] #remove`))
	g.state("card-name-refused", chromedp.Clear(chromedp.CSS("#name")), types("#name", " "), click("#save"),
		shown(`body[data-standing="present"] #problem[data-code="fieldInvalid"]`))
	g.state("password", chromedp.Navigate(g.origin+"/home"), shown(open), click("#to-password"), shown(`body[data-standing="present"] #change`))
	g.state("password-changed", types("#password", demoPassword), click("#change"), shown(`body[data-standing="present"] #done`))
	g.state("confirm", chromedp.Navigate(g.origin+"/confirm?then=/cards"), shown(`body[data-standing="present"] #confirm`))
	g.pressAndTypePIN("#confirm", "#progress")
	g.see(shown(`body[data-standing="present"] #card-list`), click("#signout"), shown("#signin"))
	g.state("reported-lost", chromedp.Func(func(context.Context, *chromedp.Target) error { g.bench.reportLost(0); return nil }),
		shown(`#status[data-state="ready"]`), click("#signin"),
		shown(`#progress[data-phase="waitingForPIN"]`),
		chromedp.Func(func(context.Context, *chromedp.Target) error { g.person.answers <- virtual.DefaultPIN; return nil }),
		shown(`#error[data-code="certificateRevoked"]`))
	g.bench.remove()
}

// signInByPassword leads to page, where selector is shown.
func (g gallery) signInByPassword(email, password, page string, selector chromedp.CSS) {
	g.t.Helper()
	g.see(chromedp.Navigate(g.origin+page), shown("#signin-password"), types("#email", email), types("#password", password),
		click("#signin-password"), shown(selector))
}

// newcomer is somebody whom the helpdesk gives an account.
const newcomer = "fflur@hospital.example"

func (g gallery) helpdeskPages() {
	g.t.Helper()
	g.signInByPassword(people[1].email, demoPassword, "/helpdesk", "#find")
	g.state("helpdesk")
	g.state("helpdesk-nobody", types("#email", "nobody@hospital.example"), click("#find"), shown(`#problem[data-code="userNotFound"]`))
	g.state("helpdesk-found", chromedp.Clear(chromedp.CSS("#email")), types("#email", people[0].email), click("#find"), shown("#found"))
	g.state("helpdesk-remove", click("#open-remove-1"), types("#reason-1", "Lost on the bus"), click("#open-status"), shown("#set-status"),
		click("#open-password"), shown("#set-password"))
	g.state("helpdesk-removed", click("#remove-1"), shown("#done"))
	g.state("helpdesk-trail", click("#trail"), shown("#lines"))
	g.state("helpdesk-new", click("#back"), click("#new"), shown("#create"))
	g.state("helpdesk-new-refused", types("#email", people[0].email), types("#name", "Fflur Example"), types("#password", "five brown cows in a field"),
		click("#create"), shown(`#problem[data-code="emailTaken"]`))
	g.see(chromedp.Clear(chromedp.CSS("#email")), types("#email", newcomer), types("#password", "five brown cows in a field"),
		click("#create"), shown("#done"), click("#signout"), shown("#signin"))
}

// registrationPages are for somebody without a card.
func (g gallery) registrationPages() {
	g.t.Helper()
	g.signInByPassword(newcomer, "five brown cows in a field", "/", "#who")
	g.state("home-newcomer")
	g.state("cards-none", click("#cards"), shown("#everywhere"))
	g.state("register-without-policy", click("#register"), shown(`#to-policy`), shown(found))
	g.state("policy", click("#to-policy"), shown("#accept"))
	g.state("register-name", click("#accept"), shown("#choose"), shown(found))
	g.state("register-card", click("#choose"), shown("#register-card"), shown(found))
	g.bench.insert(spare)
	g.see(shown(`#check-cardReadable[data-finding="met"]`))
	g.pressAndTypePIN("#register-card", "#progress")
	g.state("registered", shown(`body[data-standing="present"] #to-home`))
	g.state("policy-accepted", chromedp.Navigate(g.origin+"/policy"), shown(`body[data-standing="present"] #accepted`))
	g.see(click("#signout"), shown("#signin"))
}

// helpPages are one for each code.
func (g gallery) helpPages() {
	g.t.Helper()
	g.state("page-not-found", chromedp.Navigate(g.origin+"/nothing"), shown("#happened"))
	g.state("help", chromedp.Navigate(g.origin+"/help"), click("details summary"), shown(".problems a"))
	list, err := chromedp.Run(g.site, chromedp.Evaluate[string](`[...document.querySelectorAll(".problems a")].map((a) => a.pathname).join(" ")`))
	if err != nil {
		g.t.Fatal(err)
	}
	paths := strings.Fields(list)
	if len(paths) < 60 {
		g.t.Errorf("the help has %d pages of codes", len(paths))
	}
	for _, path := range paths {
		switch path {
		case "/help/agent/pinBlocked", "/help/site/certificateRevoked":
			g.state(strings.ReplaceAll(path[1:], "/", "-"), chromedp.Navigate(g.origin+path), shown("#happened"))
		default:
			g.see(chromedp.Navigate(g.origin+path), shown("#happened"))
			g.judge(g.site, path)
		}
	}
}
