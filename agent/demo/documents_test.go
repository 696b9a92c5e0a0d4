package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc/apdu"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/web/portal/texts"
)

// addFiles chooses files, as from the browser's own window.
func addFiles(names ...string) chromedp.Action[chromedp.Void] {
	script := "const files = new DataTransfer();"
	for _, name := range names {
		script += "files.items.add(new File(['text of ' + " + strconv.Quote(name) + "], " + strconv.Quote(name) + ", { lastModified: 1 }));"
	}
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Evaluate[bool](`(() => { `+script+`
			const field = document.getElementById("files");
			field.files = files.files;
			field.dispatchEvent(new Event("change", { bubbles: true }));
			return true; })()`)(ctx, target)
		return err
	})
}

// tick chooses all documents of the site.
func tick(n int) chromedp.Action[chromedp.Void] {
	return click(chromedp.CSS("#documents-here li:nth-child(" + strconv.Itoa(n) + ") label"))
}

// holdAt keeps a batch waiting at its n-th document, from its next one on: the
// card is asked for its tries twice, and given the PIN for each document.
func holdAt(card *virtual.Card, n int) {
	const queries = 2
	faults := slices.Repeat([]virtual.Fault{virtual.On(apdu.InsVerify, virtual.Action{})}, queries+n-1)
	card.Script(append(faults, virtual.On(apdu.InsVerify, virtual.Delay(time.Minute)))...)
}

// says waits until an element's text contains another.
func says(id, text string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Poll[bool](fmt.Sprintf(`document.getElementById(%q).innerText.includes(%q)`, id, text))(ctx, target)
		return err
	})
}

// openDocuments goes to the page of documents, with a session by card or password.
func (g gallery) openDocuments() {
	g.t.Helper()
	g.see(click("#documents"), shown(`body[data-standing="present"] #sign`), shown("#documents-here"))
}

// asksToSign answers the two windows of a batch.
func (g gallery) asksToSign() {
	g.t.Helper()
	for _, purpose := range []signin.Purpose{signin.ToShowCertificate, signin.ToSign} {
		if err := g.askedTo(purpose); err != nil {
			g.t.Fatalf("%v%s", err, g.evidence())
		}
	}
}

func TestDocumentsAreSignedStoppedAndSignedAgain(t *testing.T) {
	needBrowser(t)
	g := gallery{visit: openVisit(t, nil), t: t, folder: pictures(t), words: texts.All()[texts.English], axe: readAxe(t)}
	card := g.bench.cards[0].Card
	g.bench.insert(0)
	g.see(chromedp.Navigate(g.origin+"/"), shown(`#status[data-state="ready"]`), click("#signin"))
	if err := g.askedTo(signin.ToSignIn); err != nil {
		t.Fatal(err)
	}
	g.see(shown(open))
	g.openDocuments()
	g.state("documents-none-chosen", click("#sign"), shown(`#error[data-code="nothingChosen"]`))
	g.state("documents-chosen", tick(1), tick(2), addFiles("Ward round 27 November.pdf"), says("chosen", "3 documents will be signed"))

	holdAt(card, 3)
	g.see(click("#sign"))
	g.asksToSign()
	g.state("documents-signing", shown(`#progress[data-phase="signing"]`), says("of", "2 of 3 signed"))
	if err := g.complaints.err(); err != nil {
		t.Error(err)
	}
	g.bench.remove() // from here on a locked page may be refused something, which the browser writes down
	g.see(shown(covered))
	card.Script()
	g.bench.insert(0)
	if err := g.askedTo(signin.ToResume); err != nil {
		t.Fatal(err)
	}
	g.state("documents-card-pulled", shown(`#error[data-code="cardRemoved"]`), says("outcome", "2 of 3 documents signed"),
		shown(`.state[data-state="kept"]`), shown(`.state[data-state="failed"]`), says("kept", "Prescription"))

	g.see(says("sign", "Sign 1 document"), click("#sign"))
	g.asksToSign()
	g.state("documents-signed", shown(`#outcome[data-finding="met"]`), says("kept", "Ward round 27 November.pdf"), click("#kept details summary"))

	g.see(tick(1), tick(2), tick(3))
	holdAt(card, 2)
	g.see(click("#sign"))
	g.asksToSign()
	g.see(shown(`#progress[data-phase="signing"]`), says("of", "1 of 3 signed"), click("#cancel"))
	g.state("documents-stopping", shown(`#progress[data-phase="stopping"]`))
	g.bench.remove()
	g.see(shown(covered))
	card.Script()
	g.bench.insert(0)
	if err := g.askedTo(signin.ToResume); err != nil {
		t.Fatal(err)
	}
	g.state("documents-stopped", says("outcome", "1 of 3 documents signed"), hidden("#error"), says("sign", "Sign 2 documents"))
}

func TestACardThatCannotSignDocumentsIsTold(t *testing.T) {
	needBrowser(t)
	g := gallery{visit: openVisit(t, nil), t: t, folder: pictures(t), words: texts.All()[texts.English], axe: readAxe(t)}
	g.see(
		chromedp.Navigate(g.origin+"/?then=/documents"), shown("#signin-password"),
		chromedp.SendKeys(chromedp.CSS("#email"), people[0].email), chromedp.SendKeys(chromedp.CSS("#password"), demoPassword),
		click("#signin-password"), shown("#sign"))
	g.bench.insert(3) // which has expired
	g.state("documents-expired", tick(1), click("#sign"), shown(`#error[data-code="noUsableCertificate"]`), says("error", "certificate on the card that can sign documents"))
	g.bench.insert(2) // which is not registered
	g.see(click("#sign"))
	if err := g.askedTo(signin.ToShowCertificate); err != nil {
		t.Fatal(err)
	}
	g.state("documents-not-registered", shown(`#error[data-code="cardNotRegistered"]`), says("error", "Register it under"), hidden("#outcome"))
	if len(g.asked) > 0 {
		t.Error("a PIN was asked for in vain")
	}
	g.state("documents-welsh", click(`button[name="language"]`), shown(`html[lang="cy-GB"] #sign-heading`), tick(2), says("chosen", "Bydd 1 ddogfen"))
}
