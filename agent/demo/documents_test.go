package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
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

// ownFile is one of the person's own.
const ownFile = "Ward round 27 November.pdf"

// tick chooses the n-th document.
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

// eachLanguage runs a test with a gallery of a person who types the right PIN.
func eachLanguage(t *testing.T, test func(g gallery)) {
	for _, l := range texts.Languages {
		t.Run(l.Name(), func(t *testing.T) {
			needBrowser(t)
			test(galleryOf(t, openVisit(t, nil), l))
		})
	}
}

func TestDocumentsAreSignedStoppedAndSignedAgain(t *testing.T) {
	eachLanguage(t, func(g gallery) {
		g.bench.insert(0)
		g.see(shown(`#status[data-state="ready"]`), click("#signin"))
		if err := g.askedTo(signin.ToSignIn); err != nil {
			g.t.Fatal(err)
		}
		g.see(shown(open))
		g.openDocuments()
		g.choosesDocuments()
		g.losesTheCard()
		g.stopsABatch()
		g.state("documents-earlier", chromedp.Navigate(g.origin+"/documents?before=1"), shown(present), shown("#latest"), says("kept", g.word("documents.noneEarlier")))
	})
}

// choosesDocuments ends when three are chosen.
func (g gallery) choosesDocuments() {
	g.t.Helper()
	g.state("documents-none-chosen", click("#sign"), shown(`#error[data-code="nothingChosen"]`))
	g.state("documents-read", chromedp.Reload(), shown(present), click("#documents-here li:first-child summary"), shown("#documents-here pre"))
	names := strings.Join([]string{g.word("documents.sample.discharge-letter"), g.word("documents.sample.prescription"), ownFile}, ", ")
	g.state("documents-chosen", tick(1), tick(2), addFiles(ownFile), says("sign", g.word("documents.sign", "count", 3)),
		says("chosen", g.word("documents.chosen", "count", 3, "names", names)))
}

// losesTheCard in the middle, and signs what is left.
func (g gallery) losesTheCard() {
	g.t.Helper()
	card := g.bench.cards[0].Card
	holdAt(card, 3)
	g.see(click("#sign"))
	g.asksToSign()
	g.state("documents-signing", shown(`#progress[data-phase="signing"]`), says("of", g.word("documents.of", "done", 2, "total", 3)))
	if err := g.complaints.err(); err != nil {
		g.t.Error(err)
	}
	g.pullsAndResumes(card)
	g.state("documents-card-pulled", shown(`#error[data-code="cardRemoved"]`), says("outcome", g.word("documents.someSigned", "signed", 2, "of", 3)),
		shown(`.state[data-state="kept"]`), shown(`.state[data-state="failed"]`), says("kept", g.word("documents.sample.prescription")))
	if has := focusedID(g.t, g.site); has != "error" {
		g.t.Errorf("after the lock #%s has the focus, not what went wrong", has)
	}
	g.see(says("sign", g.word("documents.sign", "count", 1)), click("#sign"))
	g.asksToSign()
	g.state("documents-signed", shown(`#outcome[data-finding="met"]`), says("kept", ownFile), click("#kept details summary"))
}

func (g gallery) stopsABatch() {
	g.t.Helper()
	card := g.bench.cards[0].Card
	g.see(tick(1), tick(2), tick(3))
	holdAt(card, 2)
	g.see(click("#sign"))
	g.asksToSign()
	g.see(shown(`#progress[data-phase="signing"]`), says("of", g.word("documents.of", "done", 1, "total", 3)), click("#cancel"))
	g.state("documents-stopping", shown(`#progress[data-phase="stopping"]`))
	g.pullsAndResumes(card)
	g.state("documents-stopped", says("outcome", g.word("documents.someSigned", "signed", 1, "of", 3)), hidden("#error"),
		says("sign", g.word("documents.sign", "count", 2)))
}

// pullsAndResumes takes the card out and puts it back. From then on a locked page may
// be refused something, which the browser writes down.
func (g gallery) pullsAndResumes(card *virtual.Card) {
	g.t.Helper()
	g.bench.remove()
	g.see(shown(covered))
	card.Script()
	g.bench.insert(0)
	if err := g.askedTo(signin.ToResume); err != nil {
		g.t.Fatal(err)
	}
	g.see(shown(present))
}

func TestACardThatCannotSignDocumentsIsTold(t *testing.T) {
	eachLanguage(t, func(g gallery) {
		g.signInByPassword(people[0].email, demoPassword, "/?then=/documents", "#sign")
		g.bench.insert(3) // which has expired
		g.state("documents-expired", tick(1), click("#sign"), shown(`#error[data-code="noUsableCertificate"]`), says("error", g.word("documents.error.noUsableCertificate")))
		g.bench.insert(2) // which is not registered
		g.see(click("#sign"))
		if err := g.askedTo(signin.ToShowCertificate); err != nil {
			g.t.Fatal(err)
		}
		g.state("documents-not-registered", shown(`#error[data-code="cardNotRegistered"]`), says("error", g.word("documents.refusedTry.cardNotRegistered")), hidden("#outcome"))
		if len(g.asked) > 0 {
			g.t.Error("a PIN was asked for in vain")
		}
	})
}
