package pinprompt

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// keys is what the controls of a page share: whether keys count yet, and what
// Escape does.
type keys struct {
	count  func() bool
	cancel func()
}

// handle acts on the keys that do the same everywhere, and on those that do not
// count. It tells whether the key is done with.
func (k keys) handle(ev *fyne.KeyEvent) bool {
	if !k.count() {
		return true
	}
	if ev.Name == fyne.KeyEscape {
		k.cancel()
		return true
	}
	return false
}

// button is a button that Enter presses too, and that Escape leaves. Clicks do
// not count either while keys do not: the window may have come up under the
// person's pointer. A key that was down already, or is held, presses nothing:
// it has to go down here, and presses once.
type button struct {
	widget.Button
	keys keys
	main widget.Importance // without the focus
	down fyne.KeyName      // went down here and was not used yet
}

var _ desktop.Keyable = (*button)(nil)

func newButton(label string, k keys, tapped func()) *button {
	b := &button{keys: k}
	b.Text = label
	b.OnTapped = func() {
		if k.count() {
			tapped()
		}
	}
	b.ExtendBaseWidget(b)
	return b
}

// FocusGained is called by Fyne. Focus is a yellow ground, on which the main
// button's white label could not be read: with the focus it has a plain one's.
func (b *button) FocusGained() {
	if b.Importance != widget.MediumImportance { // Fyne may tell twice
		b.main = b.Importance
	}
	b.Importance = widget.MediumImportance
	b.Button.FocusGained()
}

// FocusLost is called by Fyne.
func (b *button) FocusLost() {
	b.Importance = b.main
	b.down = ""
	b.Button.FocusLost()
}

// KeyDown is called by Fyne when a key goes down, and not while it repeats.
func (b *button) KeyDown(ev *fyne.KeyEvent) {
	if b.keys.count() {
		b.down = ev.Name
	}
}

// KeyUp is called by Fyne.
func (b *button) KeyUp(*fyne.KeyEvent) { b.down = "" }

// TypedKey is called by Fyne.
func (b *button) TypedKey(ev *fyne.KeyEvent) {
	if b.keys.handle(ev) {
		return
	}
	switch ev.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		if b.down != ev.Name {
			return
		}
		b.down = ""
		if !b.Disabled() {
			b.OnTapped()
		}
	}
}

// check is a check box that Escape leaves, and in which Enter does what it does
// in the rest of the page.
type check struct {
	widget.Check
	keys  keys
	enter func()
}

func newCheck(label string, k keys, changed func(bool)) *check {
	c := &check{keys: k}
	c.Text, c.OnChanged = label, changed
	c.ExtendBaseWidget(c)
	return c
}

// TypedKey is called by Fyne.
func (c *check) TypedKey(ev *fyne.KeyEvent) {
	if c.keys.handle(ev) {
		return
	}
	if ev.Name == fyne.KeyReturn || ev.Name == fyne.KeyEnter {
		c.enter()
		return
	}
	c.Check.TypedKey(ev)
}

// TypedRune is called by Fyne: space changes the box.
func (c *check) TypedRune(r rune) {
	if c.keys.count() {
		c.Check.TypedRune(r)
	}
}
