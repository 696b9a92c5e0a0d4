package pinprompt

import (
	"image/color"
	"slices"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

// pinPage asks for a PIN.
type pinPage struct {
	say     *translations.Catalogue
	whole   *sheet
	entry   *entry
	note    *note
	lastTry *check // nil unless it is the last try
	ok, no  *button
	submit  func()
	fit     func()
	ignored bool // keys came too early, and none after
}

func newPINPage(say *translations.Catalogue, about signin.About, q signin.PINQuestion, k keys) *pinPage {
	p := &pinPage{say: say, entry: newEntry(say.Say(translations.PINLabel)), note: newNote()}
	p.entry.onChange = p.typed
	p.entry.onSubmit = p.trySubmit
	p.entry.onCancel = k.cancel
	p.entry.onIgnore = p.complain
	p.ok = newButton(say.Say(translations.PINOk), k, p.trySubmit)
	p.ok.Importance = widget.HighImportance
	p.ok.Disable()
	p.no = newButton(say.Say(translations.PINCancel), k, k.cancel)

	rows := pinRows(say, about, q)
	if q.LastTry {
		p.lastTry = newCheck(say.Say(lastTryYes(q)), k, func(bool) { p.typed() })
		p.lastTry.enter = p.trySubmit
	}
	label := widget.NewLabelWithStyle(say.Say(translations.PINLabel), fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	lower := []fyne.CanvasObject{container.NewBorder(nil, nil, label, triesLabel(say, q)), p.entry, p.note.label, buttons(p.no, p.ok)}
	if p.lastTry != nil {
		lower = append([]fyne.CanvasObject{p.lastTry}, lower...)
	}
	p.whole = newSheet(rows, lower...)
	p.note.say(say.Say(translations.PINNotReady), widget.MediumImportance)
	return p
}

// pinRows is what is to be read before a PIN is typed, here or on a reader.
func pinRows(say *translations.Catalogue, about signin.About, q signin.PINQuestion) []fyne.CanvasObject {
	known := [][2]fyne.CanvasObject{
		fact(say.Say(translations.PINWebsite), origin(about.Origin)),
		fact(say.Say(translations.PINHolder), value(prompt.Printable(about.Holder))),
		fact(say.Say(translations.PINReader), value(prompt.Printable(about.Reader))),
	}
	if about.Purpose == signin.ToSign {
		known = append(known, fact(say.Say(translations.PINDocuments), value(strconv.Itoa(about.Items))))
	}
	rows := []fyne.CanvasObject{heading(title(say, about.Purpose)), facts(known...)}
	if about.Purpose == signin.ToSign {
		rows = append(rows, value(say.Say(translations.PINBinding)))
	}
	switch {
	case q.LastTry:
		rows = append(rows, banner(theme.ColorNameWarning, lastTryText(say, q)))
	case q.Wrong:
		rows = append(rows, banner(theme.ColorNameError, wrongText(say, q)))
	}
	return rows
}

// triesLabel counts the tries that are left, where the card tells.
func triesLabel(say *translations.Catalogue, q signin.PINQuestion) *widget.Label {
	if q.TriesLeft == signin.TriesUnknown {
		return widget.NewLabel("")
	}
	return widget.NewLabel(say.Say(translations.PINTriesLeft, "tries", strconv.Itoa(q.TriesLeft)))
}

func title(say *translations.Catalogue, purpose signin.Purpose) string {
	switch purpose {
	case signin.ToResume:
		return say.Say(translations.PINTitleResume)
	case signin.ToSign:
		return say.Say(translations.PINTitleSign)
	}
	return say.Say(translations.PINTitleSignIn)
}

func wrongText(say *translations.Catalogue, q signin.PINQuestion) string {
	if q.TriesLeft == signin.TriesUnknown {
		return say.Say(translations.PINWrongNoCount)
	}
	return say.Say(translations.PINWrong, "tries", strconv.Itoa(q.TriesLeft))
}

// lastTryText is one banner for both, because two may not fit on the screen.
func lastTryText(say *translations.Catalogue, q signin.PINQuestion) string {
	text := say.Say(translations.PINLastTry)
	if q.TriesLeft == signin.TriesUnknown {
		text = say.Say(translations.PINMayBeLast)
	}
	if q.Wrong {
		text = say.Say(translations.PINWrongNoCount) + " " + text
	}
	return text
}

func lastTryYes(q signin.PINQuestion) translations.Text {
	if q.TriesLeft == signin.TriesUnknown {
		return translations.PINMayBeLastYes
	}
	return translations.PINLastTryYes
}

func (p *pinPage) content() *sheet       { return p.whole }
func (p *pinPage) focus() fyne.Focusable { return p.entry }
func (p *pinPage) wipe()                 { p.entry.wipe() }

// strayRune gives keys to the entry when a click beside it took its focus.
func (p *pinPage) strayRune(r rune) {
	p.entry.Tapped(nil)
	p.entry.TypedRune(r)
}

func (p *pinPage) strayKey(ev *fyne.KeyEvent) {
	p.entry.Tapped(nil)
	p.entry.TypedKey(ev)
}

func (p *pinPage) ready() {
	p.entry.setReady()
	if !p.ignored {
		p.tell(translations.PINReady, widget.MediumImportance)
	}
}

func (p *pinPage) complain(c complaint) {
	switch c {
	case tooEarly:
		p.ignored = true
		p.tell(translations.PINKeysIgnored, widget.WarningImportance)
	case tooLong:
		p.tell(translations.PINTooLong, widget.WarningImportance)
	case badKey:
		p.tell(translations.PINBadKey, widget.WarningImportance)
	}
}

func (p *pinPage) tell(t translations.Text, i widget.Importance, values ...string) {
	p.note.say(p.say.Say(t, values...), i)
	p.fit()
}

func (p *pinPage) lastTryYes() bool { return p.lastTry != nil && p.lastTry.Checked }

func (p *pinPage) allowed() bool {
	return p.entry.enabled && p.entry.complete() && (p.lastTry == nil || p.lastTry.Checked)
}

// typed is called after each change.
func (p *pinPage) typed() {
	if p.allowed() {
		p.ok.Enable()
	} else {
		p.ok.Disable()
	}
	if p.entry.n > 0 || !p.ignored {
		p.ignored = false
		p.tell(translations.PINReady, widget.MediumImportance)
	}
}

// trySubmit is Enter and OK. It says what is missing.
func (p *pinPage) trySubmit() {
	switch {
	case p.allowed():
		p.submit()
	case p.entry.enabled && !p.entry.complete():
		p.tell(translations.PINTooShort, widget.WarningImportance, "least", strconv.Itoa(minPIN))
	case p.entry.enabled:
		p.tell(translations.PINNeedYes, widget.WarningImportance)
	}
}

// showChecking says that the card is being asked. Nothing can be typed.
func (p *pinPage) showChecking() {
	p.entry.disable()
	p.ok.Disable()
	p.no.Disable()
	if p.lastTry != nil {
		p.lastTry.Disable()
	}
	p.tell(translations.PINChecking, widget.HighImportance)
}

// keyPage lets the person choose a key. None has the focus at first: Enter that
// is still held from another window must not choose one, and on some systems it
// looks like pressed anew.
type keyPage struct {
	whole *sheet
	first *button
	keys  keys
}

func newKeyPage(say *translations.Catalogue, about signin.About, choices []signin.KeyChoice, k keys, choose func(int)) *keyPage {
	p := &keyPage{keys: k}
	list := container.NewVBox()
	for i, c := range choices {
		b := newButton(prompt.Printable(c.Holder), k, func() { choose(i) })
		b.Alignment = widget.ButtonAlignLeading
		b.Icon = theme.AccountIcon()
		if p.first == nil {
			p.first = b
		}
		details := value(say.Say(translations.ChooseIssuer, "issuer", prompt.Printable(c.Issuer)) + "\n" +
			say.Say(translations.ChooseExpiry, "date", c.Expiry.Local().Format("02/01/2006"), "reader", prompt.Printable(c.Reader)))
		list.Add(container.NewStack(ground(theme.ColorNameHeaderBackground), container.NewVBox(b, details)))
	}
	no := newButton(say.Say(translations.PINCancel), k, k.cancel)
	if p.first == nil {
		p.first = no
	}
	rows := []fyne.CanvasObject{
		heading(say.Say(translations.ChooseTitle)),
		facts(fact(say.Say(translations.PINWebsite), origin(about.Origin))),
		list,
	}
	if about.Purpose == signin.ToShowCertificate {
		rows[0] = heading(say.Say(translations.PINTitleShow))
		rows = slices.Insert(rows, 2, fyne.CanvasObject(value(say.Say(translations.ChooseShow))))
	}
	p.whole = newSheet(rows, buttons(no))
	return p
}

func (p *keyPage) content() *sheet       { return p.whole }
func (p *keyPage) focus() fyne.Focusable { return nil }
func (p *keyPage) ready()                {}
func (p *keyPage) strayRune(rune)        {}
func (p *keyPage) wipe()                 {}

// strayKey goes to the first key by an arrow, as Tab does.
func (p *keyPage) strayKey(ev *fyne.KeyEvent) {
	if p.keys.handle(ev) || ev.Name != fyne.KeyDown && ev.Name != fyne.KeyUp {
		return
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(p.first); c != nil {
		c.Focus(p.first)
	}
}

// buttons stand at the right, wide enough to be hit.
func buttons(all ...*button) fyne.CanvasObject {
	row := container.New(layout.NewCustomPaddedHBoxLayout(12), layout.NewSpacer())
	for _, b := range all {
		room := canvas.NewRectangle(color.Transparent)
		room.SetMinSize(fyne.NewSize(116, 42))
		row.Add(container.NewStack(room, b))
	}
	return row
}

func heading(text string) fyne.CanvasObject {
	t := widget.NewRichText(&widget.TextSegment{Text: text, Style: widget.RichTextStyle{
		SizeName: theme.SizeNameHeadingText, ColorName: theme.ColorNameForeground, TextStyle: fyne.TextStyle{Bold: true}}})
	t.Wrapping = fyne.TextWrapWord
	return t
}

// value is text from a certificate or a reader's driver: shown whole, wrapped.
func value(s string) *widget.Label {
	lines := widget.NewLabel(printableLines(s))
	lines.Wrapping = fyne.TextWrapWord
	return lines
}

// origin is shown as the browser sent it: in ASCII, whole, broken where it must
// be. What could be taken for another site is never cut off.
func origin(s string) *widget.Label {
	l := widget.NewLabelWithStyle(prompt.Printable(s), fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	l.Wrapping = fyne.TextWrapBreak
	return l
}

func fact(name string, what fyne.CanvasObject) [2]fyne.CanvasObject {
	caption := widget.NewRichText(&widget.TextSegment{Text: name, Style: widget.RichTextStyle{ColorName: theme.ColorNamePlaceHolder}})
	return [2]fyne.CanvasObject{caption, what}
}

// facts is a table of two columns on a quiet ground.
func facts(rows ...[2]fyne.CanvasObject) fyne.CanvasObject {
	table := container.New(layout.NewFormLayout())
	for _, r := range rows {
		table.Add(r[0])
		table.Add(r[1])
	}
	return container.NewStack(ground(theme.ColorNameHeaderBackground), table)
}

// banner is a text that must not be overlooked: on a ground of its own, with a
// sign as well as a colour.
func banner(name fyne.ThemeColorName, text string) fyne.CanvasObject {
	l := widget.NewLabelWithStyle(text, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	l.Wrapping = fyne.TextWrapWord
	icon := widget.NewIcon(theme.NewColoredResource(theme.WarningIcon(), name))
	if name == theme.ColorNameError {
		icon.SetResource(theme.NewColoredResource(theme.ErrorIcon(), name))
	}
	edge := ground(theme.ColorNameHeaderBackground)
	edge.line = name
	return container.NewStack(edge, container.NewBorder(nil, nil, container.NewPadded(icon), nil, l))
}

// note is the line below the entry.
type note struct{ label *widget.Label }

func newNote() *note {
	n := &note{widget.NewLabel("")}
	n.label.Wrapping = fyne.TextWrapWord
	return n
}

func (n *note) say(text string, i widget.Importance) {
	n.label.Importance = i
	n.label.SetText(text)
}
