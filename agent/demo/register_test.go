package main

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/web/portal/texts"
)

// found is shown when the page's script is at work and has the agent.
const found = `#check-agentFound[data-finding="met"]`

// spare is the card that is not registered.
const spare = 2

// draws keeps pictures of the page in every look, which it must fit.
func (w *ward) draws(name string) {
	w.t.Helper()
	gallery{visit: w.visit, t: w.t, folder: pictures(w.t), words: texts.All()[texts.English], axe: readAxe(w.t)}.state(name)
}

func TestACardIsRegisteredInThreeStepsAndLocksThePageFromThenOn(t *testing.T) {
	w := newWard(t)
	stop := w.startAgent(w.allowed())
	w.see(chromedp.Navigate(w.origin+"/register"), shown("#signin-password"))
	w.see(
		chromedp.SendKeys(chromedp.CSS("#email"), "anna@hospital.example"), chromedp.SendKeys(chromedp.CSS("#password"), demoPassword),
		chromedp.Click(chromedp.CSS("#signin-password")), shown("#choose"),
		shown(found), shown(`#check-policyAccepted[data-finding="met"]`),
		shown(`#check-browserFit[data-finding="met"]`), shown(`#check-cardReadable[data-finding="unknown"]`),
	)
	w.see(
		chromedp.Clear(chromedp.CSS("#name")), chromedp.SendKeys(chromedp.CSS("#name"), "Ward card"),
		chromedp.Click(chromedp.CSS("#choose")), shown("#register-card"), reads("#main", "Ward card"))
	stop()
	w.see(shown(`#check-agentFound[data-finding="missing"]`))
	w.draws("register-no-agent")
	// It goes on where it was, after the page was left and the agent came back.
	w.startAgent(w.allowed())
	w.see(chromedp.Navigate(w.origin+"/home"), shown("#who"), chromedp.Navigate(w.origin+"/register"),
		shown("#register-card"), shown(found))
	w.bench.insert(spare)
	w.see(shown(`#check-cardReadable[data-finding="met"]`))
	w.bench.insert(4) // its PIN is blocked
	w.see(shown(`#check-cardReadable[data-finding="missing"]`), reads("#check-cardReadable", "is blocked"))
	w.bench.insert(spare)
	w.see(shown(`#check-cardReadable[data-finding="met"]`))
	w.see(chromedp.Click(chromedp.CSS("#register-card")))
	if err := w.askedTo(signin.ToSignIn); err != nil {
		t.Fatal(err)
	}
	w.see(shown(`body[data-standing="present"] #to-home`))
	w.bench.remove()
	w.see(shown(covered))
	w.bench.insert(spare)
	if err := w.askedTo(signin.ToResume); err != nil {
		t.Fatal(err)
	}
	w.see(shown(`body[data-standing="present"] #to-home`), chromedp.Click(chromedp.CSS("#to-home")), shown(open), reads("#who", "555000000002"))
}

func TestACardOfSomebodyElseIsNotRegistered(t *testing.T) {
	w := newWard(t)
	w.startAgent(w.allowed())
	w.bench.insert(0) // which is Anna's
	w.see(
		chromedp.Navigate(w.origin+"/?then=/register"), shown("#signin-password"),
		chromedp.SendKeys(chromedp.CSS("#email"), "bryn@hospital.example"), chromedp.SendKeys(chromedp.CSS("#password"), demoPassword),
		chromedp.Click(chromedp.CSS("#signin-password")), shown("#choose"), shown(found), chromedp.Click(chromedp.CSS("#choose")),
		shown("#register-card"), shown(found), chromedp.Click(chromedp.CSS("#register-card")),
	)
	if err := w.askedTo(signin.ToSignIn); err != nil {
		t.Fatal(err)
	}
	w.see(shown(`#error[data-code="cardTaken"]`), reads("#error", "IT service desk"))
	w.draws("register-taken")
}

func TestABrowserThatCannotLockAPageRegistersNoCard(t *testing.T) {
	w := newWard(t)
	w.startAgent(w.allowed())
	w.bench.insert(spare)
	script := page.AddScriptToEvaluateOnNewDocumentParams{Source: "delete HTMLDialogElement.prototype.showModal"}
	w.see(
		chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, script)
			return err
		}),
		chromedp.Navigate(w.origin+"/?then=/register"), shown("#signin-password"),
		types("#email", people[0].email), types("#password", demoPassword), click("#signin-password"),
		shown("#choose"), click("#choose"), shown("#register-card"), shown(found),
		shown(`#check-browserFit[data-finding="missing"]`), reads("#check-browserFit", "too old"), click("#register-card"), hidden("#progress"),
	)
	if len(w.asked) > 0 {
		t.Error("a PIN was asked for")
	}
}
