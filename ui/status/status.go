// Package status has the windows of the tray's menu: one says what the menu says,
// because a desktop may have no tray, the other lists what the person answered
// about websites, and takes answers back.
//
// They show what they are given, decide nothing, and draw nothing that a page
// supplies but a site's origin. They are tested on Fyne's test driver, and used by
// keyboard in the test of the whole program.
package status

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/cardea-agent/cardea/ui/translations"
	"github.com/cardea-agent/cardea/ui/tray"
)

// Window is the status window. Its methods are called on Fyne's goroutine.
type Window struct {
	win      fyne.Window
	icon     *canvas.Image
	headline *widget.RichText
	advice   *widget.Label
	readers  *widget.Label
	forIT    *widget.Label
	help     *widget.Label
	version  *widget.Label
}

const width = 440

// New makes the window, hidden. showSites shows the other one, quit ends the
// program.
func New(app fyne.App, say *translations.Catalogue, showSites, quit func()) *Window {
	w := &Window{win: app.NewWindow(say.Say(translations.StatusTitle)),
		icon: &canvas.Image{FillMode: canvas.ImageFillContain}, headline: widget.NewRichText(),
		advice: wrapped(), readers: wrapped(), forIT: wrapped(), help: wrapped(), version: wrapped()}
	w.forIT.Selectable = true // it is long, and meant for a message to somebody
	w.help.Selectable = true
	w.icon.SetMinSize(fyne.NewSquareSize(56))
	w.headline.Wrapping = fyne.TextWrapWord
	end := widget.NewButton(say.Say(translations.MenuQuit), quit)
	sites := widget.NewButton(say.Say(translations.MenuSites), showSites)
	hide := widget.NewButton(say.Say(translations.StatusClose), w.win.Hide)
	w.win.SetContent(container.New(layout.NewCustomPaddedLayout(12, 12, 12, 12), container.NewVBox(
		container.NewBorder(nil, nil, container.NewCenter(w.icon), nil, container.NewVBox(w.headline, w.advice)),
		widget.NewSeparator(),
		w.readers,
		w.help,
		w.forIT,
		w.version,
		container.NewHBox(end, layout.NewSpacer(), sites, hide))))
	w.win.SetCloseIntercept(w.win.Hide)
	w.win.Resize(fyne.NewSize(width, 0))
	w.win.CenterOnScreen()
	return w
}

func wrapped() *widget.Label {
	l := widget.NewLabel("")
	l.Wrapping = fyne.TextWrapWord
	return l
}

// Show brings the window to the front.
func (w *Window) Show() {
	w.win.Show()
	w.win.RequestFocus()
}

// Update shows v.
func (w *Window) Update(v tray.View) {
	w.icon.Resource = tray.Icon(v.State)
	w.icon.Refresh()
	w.headline.Segments = []widget.RichTextSegment{&widget.TextSegment{Text: v.Headline, Style: widget.RichTextStyle{
		SizeName: theme.SizeNameHeadingText, ColorName: theme.ColorNameForeground, TextStyle: fyne.TextStyle{Bold: true}}}}
	w.headline.Refresh()
	w.advice.SetText(v.Advice)
	w.readers.SetText(v.Readers)
	w.readers.Hidden = v.Readers == ""
	w.forIT.SetText(v.ForIT)
	w.forIT.Hidden = v.ForIT == ""
	w.help.SetText(v.Help)
	w.help.Hidden = v.Help == ""
	w.version.SetText(v.Version)
}
