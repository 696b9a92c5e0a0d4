package status

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/ui/translations"
)

// Keeper has the person's answers about sites.
type Keeper interface {
	List(ctx context.Context) (prompt.Sites, error)
	// TakeBack takes an answer back, and returns what is left.
	TakeBack(ctx context.Context, origin string) (prompt.Sites, error)
}

// Sites is the window with the person's answers. Its methods are called on Fyne's
// goroutine.
type Sites struct {
	win    fyne.Window
	say    *translations.Catalogue
	keeper Keeper
	note   *widget.Label
	rows   *fyne.Container
	scroll *container.Scroll
	hide   *button
	asks   int            // of the last question to the keeper: older answers are dropped
	do     func(f func()) // has f called on Fyne's goroutine
	start  func(f func()) // has f called on another
	place  []*button      // one of each row
}

const (
	sitesWidth  = 560
	sitesHeight = 420
)

// NewSites makes the window, hidden.
func NewSites(app fyne.App, say *translations.Catalogue, keeper Keeper) *Sites {
	s := &Sites{
		win: app.NewWindow(say.Say(translations.SitesTitle)), say: say, keeper: keeper, note: wrapped(), rows: container.NewVBox(),
		do: fyne.Do, start: func(f func()) { go f() },
	}
	lead := wrapped()
	lead.SetText(say.Say(translations.SitesLead))
	heading := widget.NewRichText(&widget.TextSegment{Text: say.Say(translations.SitesHeading), Style: widget.RichTextStyle{
		SizeName: theme.SizeNameHeadingText, ColorName: theme.ColorNameForeground, TextStyle: fyne.TextStyle{Bold: true}}})
	heading.Wrapping = fyne.TextWrapWord
	s.scroll = container.NewVScroll(s.rows)
	s.hide = s.newButton(say.Say(translations.StatusClose), s.win.Hide)
	s.win.SetContent(container.New(layout.NewCustomPaddedLayout(12, 12, 12, 12), container.NewBorder(
		container.NewVBox(heading, lead, s.note), container.NewHBox(layout.NewSpacer(), s.hide), nil, nil, s.scroll)))
	s.win.Canvas().SetOnTypedKey(func(ev *fyne.KeyEvent) {
		if ev.Name == fyne.KeyEscape {
			s.win.Hide()
		}
	})
	s.win.SetCloseIntercept(s.win.Hide)
	s.win.Resize(fyne.NewSize(sitesWidth, sitesHeight))
	s.win.CenterOnScreen()
	return s
}

// Show brings the window to the front, with the answers as they are now.
func (s *Sites) Show() {
	s.win.Show()
	s.win.RequestFocus()
	s.ask(0, s.keeper.List)
}

// ask puts a question to the keeper and shows the answer. The focus goes to the
// row with that number, or the one before it.
func (s *Sites) ask(row int, question func(context.Context) (prompt.Sites, error)) {
	s.asks++
	asked := s.asks
	s.start(func() {
		sites, err := question(context.Background()) // the keeper has a limit of its own
		s.do(func() {
			if asked == s.asks {
				s.update(sites, err)
				s.focus(row)
			}
		})
	})
}

func (s *Sites) update(sites prompt.Sites, err error) {
	s.rows.RemoveAll()
	s.place = nil
	var note translations.Text
	switch {
	case errors.Is(err, prompt.ErrAnswers):
		note = translations.SitesFailed
	case err != nil:
		note = translations.SitesUnreachable
	case len(sites.Answers) == 0:
		note = translations.SitesNone
	case !sites.Counts:
		note = translations.SitesNotCounted
	}
	s.note.Hidden = note == ""
	if note != "" {
		s.note.SetText(s.say.Say(note))
	}
	for i, site := range sites.Answers {
		s.rows.Add(s.row(i, site))
	}
	// Texts know how high they are when they know their width: only then is it
	// known where a row is, and the focus scrolls to it.
	for range 2 {
		s.rows.Resize(fyne.NewSize(s.scroll.Size().Width, s.rows.MinSize().Height))
	}
	s.scroll.ScrollToTop()
	s.scroll.Refresh()
}

// row is one answer, and what takes it back.
func (s *Sites) row(i int, site prompt.Site) fyne.CanvasObject {
	means, label := translations.SitesRefused, translations.SitesAskAgain
	if site.Allowed {
		means, label = translations.SitesAllowed, translations.SitesTakeBack
	}
	name, about := wrapped(), wrapped()
	name.Wrapping = fyne.TextWrapBreak // a long name has no spaces
	name.TextStyle = fyne.TextStyle{Bold: true}
	name.SetText(prompt.Printable(site.Origin))
	text := s.say.Say(means, "date", site.At.Local().Format("02/01/2006"))
	if site.Readable != site.Origin {
		text = s.say.Say(translations.ReaderLine, "reader", s.say.Say(translations.OriginReads), "what", prompt.Printable(site.Readable)) + "\n" + text
	}
	about.SetText(text)
	b := s.newButton(s.say.Say(label), nil)
	b.OnTapped = func() {
		b.Disable() // once
		s.ask(i, func(ctx context.Context) (prompt.Sites, error) { return s.keeper.TakeBack(ctx, site.Origin) })
	}
	row := container.NewVBox(name, about, container.NewHBox(b), widget.NewSeparator())
	b.focused = func() { s.reveal(row) }
	s.place = append(s.place, b)
	return row
}

// focus gives the keyboard to a row, or to the last, or to what closes.
func (s *Sites) focus(row int) {
	if len(s.place) == 0 {
		s.win.Canvas().Focus(s.hide)
		return
	}
	s.win.Canvas().Focus(s.place[min(row, len(s.place)-1)])
}

// reveal scrolls a row into sight, for who walks there by keyboard.
func (s *Sites) reveal(row fyne.CanvasObject) {
	top, bottom := row.Position().Y, row.Position().Y+row.Size().Height
	switch {
	case top < s.scroll.Offset.Y:
		s.scroll.ScrollToOffset(fyne.NewPos(0, top))
	case bottom > s.scroll.Offset.Y+s.scroll.Size().Height:
		s.scroll.ScrollToOffset(fyne.NewPos(0, bottom-s.scroll.Size().Height))
	}
}

// button is a button that Enter presses too, and that Escape closes the window
// from. A key that is held presses once: the next row's button has the focus then.
type button struct {
	widget.Button
	escape  func()
	focused func()       // may be nil
	down    fyne.KeyName // went down here and was not used yet
}

var _ desktop.Keyable = (*button)(nil)

func (s *Sites) newButton(label string, tapped func()) *button {
	b := &button{escape: s.win.Hide}
	b.Text, b.OnTapped = label, tapped
	b.ExtendBaseWidget(b)
	return b
}

// FocusGained is called by Fyne.
func (b *button) FocusGained() {
	b.Button.FocusGained()
	if b.focused != nil {
		b.focused()
	}
}

// FocusLost is called by Fyne.
func (b *button) FocusLost() {
	b.down = ""
	b.Button.FocusLost()
}

// KeyDown is called by Fyne when a key goes down, and not while it repeats.
func (b *button) KeyDown(ev *fyne.KeyEvent) { b.down = ev.Name }

// KeyUp is called by Fyne.
func (b *button) KeyUp(*fyne.KeyEvent) { b.down = "" }

// TypedKey is called by Fyne.
func (b *button) TypedKey(ev *fyne.KeyEvent) {
	switch ev.Name {
	case fyne.KeyEscape:
		b.escape()
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		if b.down == ev.Name && !b.Disabled() {
			b.down = ""
			b.OnTapped()
		}
	}
}
