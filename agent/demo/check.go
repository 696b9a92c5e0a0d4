package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// The time that a check may take as a whole, and each of its steps.
const (
	checkTime = time.Minute
	stepTime  = 15 * time.Second
)

// check signs in as a person would, with the demo's own pages in a headless
// browser, and prints each step. Its error says which one failed.
func check(ctx context.Context, c config) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	v, err := newVisit(ctx, c)
	if err != nil {
		return err
	}
	err = v.signInAndOut()
	if err != nil {
		err = fmt.Errorf("%w%s", err, v.evidence())
	}
	if err := errors.Join(err, v.close()); err != nil {
		return err
	}
	fmt.Fprintln(c.notice, "The demo works.")
	return nil
}

// visit is one browser on a running demo: a window with the site in it and
// another one with the control page. A PIN window is a value in asked, unless
// the config has a prompter of its own.
type visit struct {
	config
	*demo
	site, control context.Context
	asked         chan signin.About
	complaints    complaints
	close         func() error // ends browser and demo
}

func newVisit(ctx context.Context, c config) (*visit, error) {
	c.listen, c.site = "127.0.0.1:0", "localhost:0"
	v := &visit{asked: make(chan signin.About, 16)}
	if c.prompter == nil {
		c.prompter = typist{v.asked}
	}
	v.config = c
	page, stop, err := openBrowser(ctx)
	if err != nil {
		return nil, err
	}
	if v.demo, err = newDemo(c); err != nil {
		stop()
		return nil, err
	}
	running, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- v.run(running) }()
	v.close = func() error {
		stop()
		end()
		<-v.complaints.done
		return <-ended
	}
	v.site = page
	v.complaints.listen(v.site)
	// A window of its own, so that the site's page stays in sight.
	v.control, _ = chromedp.NewContext(page, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(v.control); err != nil { // its first use must not be one that ends
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

// How the page says that it shows itself, or that the card is awaited.
const (
	open    = `body[data-standing="present"] #who`
	covered = `body[data-standing="putBack"] #locked-text`
)

// note is what is typed into a page before it is locked.
const note = "14:20 obs due"

// A step is one thing that a person does or sees.
type step struct {
	what string
	do   func() error
}

// signInAndOut does and prints every step until one fails.
func (v *visit) signInAndOut() error {
	for _, s := range slices.Concat(v.signsIn(), v.signsDocuments(), v.locksAndEnds(), v.losesAndRenews()) {
		began := time.Now()
		if err := s.do(); err != nil {
			return fmt.Errorf("not ok: %s: %w", s.what, err)
		}
		fmt.Fprintf(v.notice, "ok  %s (%d ms)\n", s.what, time.Since(began).Milliseconds())
	}
	return nil
}

func (v *visit) signsIn() []step {
	return []step{
		{"the sign-in page says that a card is awaited", func() error {
			return v.on(v.site, chromedp.Navigate(v.origin+"/"), shown(`#status[data-state="noCard"]`))
		}},
		{"a card goes in", func() error {
			return errors.Join(v.press("#insert-0"), v.on(v.site, shown(`#status[data-state="ready"]`)))
		}},
		{"the PIN window opens for this site and the person signs in", func() error {
			if err := v.on(v.site, chromedp.Click(chromedp.CSS("#signin"))); err != nil {
				return err
			}
			if err := v.askedTo(signin.ToSignIn); err != nil {
				return err
			}
			return v.on(v.site, shown(open), reads("#who", "555000000001"))
		}},
	}
}

func (v *visit) signsDocuments() []step {
	return []step{{"three documents are signed with one PIN, checked and kept", func() error {
		err := v.on(v.site, chromedp.Click(chromedp.CSS("#documents")), shown(`body[data-standing="present"] #documents-here`))
		for n := range 3 {
			err = errors.Join(err, v.on(v.site, chromedp.Click(chromedp.CSS(fmt.Sprintf("#documents-here li:nth-child(%d) label", n+1)))))
		}
		if err = errors.Join(err, v.on(v.site, chromedp.Click(chromedp.CSS("#sign")))); err != nil {
			return err
		}
		if err := errors.Join(v.askedTo(signin.ToShowCertificate), v.askedTo(signin.ToSign)); err != nil {
			return err
		}
		return v.on(v.site,
			shown(`#outcome[data-finding="met"]`), shown("#kept li:nth-child(3)"),
			chromedp.Click(chromedp.CSS("#home")), shown(open))
	}}}
}

func (v *visit) locksAndEnds() []step {
	return []step{
		{"the card goes out and the page is locked", func() error {
			if err := v.on(v.site, chromedp.SendKeys(chromedp.CSS("#note"), note)); err != nil {
				return err
			}
			return errors.Join(v.press("#remove"), v.on(v.site, shown("#locked"), shown(covered)))
		}},
		{"the card comes back, and with the PIN the page goes on where it was", func() error {
			if err := v.press("#insert-0"); err != nil {
				return err
			}
			if err := v.askedTo(signin.ToResume); err != nil {
				return err
			}
			return v.on(v.site, hidden("#locked"), shown(open), holds("#note", note))
		}},
		{"the next page is signed in without another PIN", func() error {
			return v.on(v.site, chromedp.Click(chromedp.CSS("#notes")), shown(`body[data-standing="present"] a#notes[aria-current]`), reads("#who", "Anna Example"))
		}},
		{"the person signs out, and the page behind is closed", func() error {
			return v.on(v.site,
				chromedp.Click(chromedp.CSS("#signout")), shown("#signin"),
				chromedp.Navigate(v.origin+"/home"), shown("#signin"))
		}},
		{"no other PIN was asked for, and the browser has no complaint", func() error {
			if len(v.asked) > 0 {
				return fmt.Errorf("a PIN window opened %d more times", len(v.asked))
			}
			return v.complaints.err()
		}},
	}
}

// losesAndRenews is what becomes of a card in years.
func (v *visit) losesAndRenews() []step {
	signIn := func() error {
		if err := v.on(v.site, chromedp.Navigate(v.origin+"/"), shown(`#status[data-state="ready"]`), chromedp.Click(chromedp.CSS("#signin"))); err != nil {
			return err
		}
		return v.askedTo(signin.ToSignIn)
	}
	return []step{
		{"a card that was reported lost does not sign in any more", func() error {
			if err := errors.Join(v.press("#lost-0"), signIn()); err != nil {
				return err
			}
			return v.on(v.site, shown(`#error[data-code="certificateRevoked"]`), reads("#error", "Card office"))
		}},
		{"the next card of the same person does, without registering it", func() error {
			if err := errors.Join(v.press("#renew-0"), v.press("#insert-0"), signIn()); err != nil {
				return err
			}
			return v.on(v.site, shown(open), reads("#who", "555000000001"), chromedp.Click(chromedp.CSS("#signout")), shown("#signin"))
		}},
		{"the password signs in where there is no card", func() error {
			return v.on(v.site,
				chromedp.SendKeys(chromedp.CSS("#email"), people[0].email), chromedp.SendKeys(chromedp.CSS("#password"), demoPassword),
				chromedp.Click(chromedp.CSS("#signin-password")), shown("#who"), reads("#who", people[0].email),
				chromedp.Click(chromedp.CSS("#signout")), shown("#signin"))
		}},
	}
}

// on does something in a page, within a step's time.
func (v *visit) on(page context.Context, actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(page, stepTime)
	defer cancel()
	return chromedp.Do(ctx, actions...)
}

// press presses a button of the control page and waits until the page is there
// again.
func (v *visit) press(button chromedp.CSS) error {
	ctx, cancel := context.WithTimeout(v.control, stepTime)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(v.origin+"/control"), shown(button)); err != nil {
		return err
	}
	_, err := chromedp.RunResponse(ctx, chromedp.Click(button))
	return err
}

// askedTo waits for a PIN window and looks at what it shows.
func (v *visit) askedTo(purpose signin.Purpose) error {
	select {
	case about := <-v.asked:
		if about.Origin != v.origin || about.Purpose != purpose {
			return fmt.Errorf("the PIN window shows %+v, want %s and %s", about, v.origin, purpose)
		}
		return nil
	case <-time.After(stepTime):
		return errors.New("no PIN window opened")
	}
}

func shown(selector chromedp.CSS) chromedp.Action[chromedp.Void] {
	return again(chromedp.WaitVisible(selector))
}

func hidden(selector chromedp.CSS) chromedp.Action[chromedp.Void] {
	return again(chromedp.WaitNotVisible(selector))
}

// again does an action a second time when the page was replaced between the search for
// an element and its use: the browser then forgets the elements it had named.
func again[T any](do chromedp.Action[T]) chromedp.Action[T] {
	return func(ctx context.Context, t *chromedp.Target) (T, error) {
		for {
			got, err := do(ctx, t)
			if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "node with given id") {
				return got, err
			}
		}
	}
}

// reads looks for a text within an element.
func reads(selector chromedp.CSS, want string) chromedp.Action[chromedp.Void] {
	return contains(selector, chromedp.TextContent(selector), want)
}

// holds looks for a text within a field.
func holds(selector chromedp.CSS, want string) chromedp.Action[chromedp.Void] {
	return contains(selector, chromedp.Value(selector), want)
}

func contains(selector chromedp.CSS, get chromedp.Action[string], want string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		got, err := again(get)(ctx, t)
		if err == nil && !strings.Contains(got, want) {
			err = fmt.Errorf("%s reads %q, want %q", selector, got, want)
		}
		return err
	})
}

// evidence says where the page stands after a failure, and keeps a picture.
func (v *visit) evidence() string {
	ctx, cancel := context.WithTimeout(v.site, stepTime)
	defer cancel()
	words, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location + '\\n' + document.body.innerText"))
	if err != nil {
		return fmt.Sprintf("\nThe page does not answer any more: %v", err)
	}
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return fmt.Sprintf("\nThere is no picture: %v\nThe page says:\n%s", err, words)
	}
	file, err := os.CreateTemp("", "cardea-demo-check-*.png")
	if err == nil {
		_, err = file.Write(picture)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Sprintf("\nThere is no picture: %v\nThe page says:\n%s", err, words)
	}
	return fmt.Sprintf("\nA picture is in %s\nThe page says:\n%s", file.Name(), words)
}

// typist is a person who types the right PIN whenever a window asks for it.
type typist struct{ asked chan<- signin.About }

var _ signin.Prompter = typist{}

// Open reports what the window shows.
func (t typist) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	select {
	case t.asked <- about:
		return typing{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type typing struct{}

// AskPIN types the PIN once; a person whose PIN is wrong gives up.
func (typing) AskPIN(_ context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	if q.Wrong || q.LastTry {
		return signin.PINAnswer{}, &signin.Error{Code: signin.CodeCancelled}
	}
	return signin.PINAnswer{PIN: signin.NewPIN([]byte(virtual.DefaultPIN))}, nil
}

// ChooseKey takes the first.
func (typing) ChooseKey(context.Context, []signin.KeyChoice) (int, error) { return 0, nil }

// ConfirmLastTry says no, and ShowKeypad waits: the demo's cards are typed for
// here and have tries to spare.
func (typing) ConfirmLastTry(context.Context, signin.PINQuestion) error {
	return &signin.Error{Code: signin.CodeCancelled}
}

func (typing) ShowKeypad(ctx context.Context, _ signin.PINQuestion) error {
	<-ctx.Done()
	return ctx.Err()
}

// ShowSigning lets the batch go on.
func (typing) ShowSigning(ctx context.Context, _ int, _ <-chan int) error {
	<-ctx.Done()
	return ctx.Err()
}

// Close does nothing: there is no window.
func (typing) Close() {}
