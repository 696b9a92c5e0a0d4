package pinprompt

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// The form of a PIN. Cards in use have 4 to 8 characters; ISO 7816-4 cards may
// have more.
const (
	minPIN = 4
	maxPIN = 16
)

// complaint is why a key was not taken.
type complaint int

const (
	tooEarly complaint = iota // the window is not ready yet
	tooLong                   // there is room for no more
	badKey                    // the key is no printable ASCII character, or a space
)

// entry is the field for the PIN. It shows a dot for each character.
type entry struct {
	widget.BaseWidget

	pin [maxPIN]byte
	n   int

	label    string
	ready    bool // keys count
	enabled  bool
	focused  bool
	onChange func()
	onSubmit func()
	onCancel func()
	onIgnore func(complaint)
}

var (
	_ fyne.Focusable  = (*entry)(nil)
	_ fyne.Tappable   = (*entry)(nil)
	_ fyne.Tabbable   = (*entry)(nil)
	_ fyne.Accessible = (*entry)(nil)
)

func newEntry(label string) *entry {
	e := &entry{label: label, enabled: true}
	e.ExtendBaseWidget(e)
	return e
}

// AccessibilityLabel names the field. It never tells what is in it.
func (e *entry) AccessibilityLabel() string { return e.label }

// AccessibilityRole is the nearest that Fyne has.
func (e *entry) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// AcceptsTab keeps the focus here until keys count.
func (e *entry) AcceptsTab() bool { return !e.ready }

// FocusGained is called by Fyne.
func (e *entry) FocusGained() { e.focused = true; e.Refresh() }

// FocusLost is called by Fyne.
func (e *entry) FocusLost() { e.focused = false; e.Refresh() }

// Tapped takes the focus.
func (e *entry) Tapped(*fyne.PointEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(e); c != nil && e.enabled {
		c.Focus(e)
	}
}

// TypedRune takes one character of the PIN.
func (e *entry) TypedRune(r rune) {
	switch {
	case !e.enabled:
	case !e.ready:
		e.onIgnore(tooEarly)
	case r <= ' ' || r > '~':
		e.onIgnore(badKey)
	case e.n == maxPIN:
		e.onIgnore(tooLong)
	default:
		e.pin[e.n] = byte(r)
		e.n++
		e.changed()
	}
}

// TypedKey takes the keys that are not characters.
func (e *entry) TypedKey(k *fyne.KeyEvent) {
	if !e.enabled {
		return
	}
	if !e.ready {
		e.onIgnore(tooEarly)
		return
	}
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		e.onSubmit()
	case fyne.KeyEscape:
		e.onCancel()
	case fyne.KeyBackspace:
		if e.n > 0 {
			e.n--
			e.pin[e.n] = 0
			e.changed()
		}
	case fyne.KeyDelete:
		e.wipe()
		e.changed()
	}
}

func (e *entry) changed() {
	e.Refresh()
	e.onChange()
}

// complete tells whether what was typed has the form of a PIN.
func (e *entry) complete() bool { return e.n >= minPIN }

// take hands the PIN out in a slice of exactly its size and wipes it here.
func (e *entry) take() []byte {
	pin := make([]byte, e.n)
	copy(pin, e.pin[:e.n])
	e.wipe()
	return pin
}

func (e *entry) wipe() {
	clear(e.pin[:])
	e.n = 0
}

func (e *entry) setReady() {
	e.ready = true
	e.Refresh()
}

func (e *entry) disable() {
	e.enabled = false
	e.Refresh()
}

const (
	dotSize  = 12
	dotPitch = 20
)

// CreateRenderer is called by Fyne.
func (e *entry) CreateRenderer() fyne.WidgetRenderer {
	r := &entryRenderer{entry: e, frame: canvas.NewRectangle(color.Transparent), caret: canvas.NewRectangle(color.Transparent)}
	r.frame.CornerRadius = 6
	r.objects = []fyne.CanvasObject{r.frame, r.caret}
	for i := range r.dots {
		r.dots[i] = canvas.NewCircle(color.Black)
		r.objects = append(r.objects, r.dots[i])
	}
	r.Refresh()
	return r
}

type entryRenderer struct {
	entry   *entry
	frame   *canvas.Rectangle
	caret   *canvas.Rectangle
	dots    [maxPIN]*canvas.Circle
	objects []fyne.CanvasObject
}

func (r *entryRenderer) Destroy() { r.entry.wipe() }

func (r *entryRenderer) Objects() []fyne.CanvasObject { return r.objects }

func (r *entryRenderer) MinSize() fyne.Size {
	return fyne.NewSize(2*dotPitch+maxPIN*dotPitch, 44)
}

func (r *entryRenderer) Layout(size fyne.Size) {
	r.frame.Resize(size)
	for i, d := range r.dots {
		d.Resize(fyne.NewSquareSize(dotSize))
		d.Move(fyne.NewPos(dotPitch*(float32(i)+0.75), (size.Height-dotSize)/2))
	}
	r.caret.Resize(fyne.NewSize(2, size.Height-20))
	r.caret.Move(fyne.NewPos(dotPitch*(float32(r.entry.n)+0.75), 10))
}

func (r *entryRenderer) Refresh() {
	v := fyne.CurrentApp().Settings().ThemeVariant()
	th := r.entry.Theme()
	on := r.entry.enabled && r.entry.ready
	r.frame.FillColor = th.Color(theme.ColorNameInputBackground, v)
	r.frame.StrokeColor, r.frame.StrokeWidth = th.Color(theme.ColorNameInputBorder, v), 1
	if r.entry.focused && on {
		r.frame.StrokeColor, r.frame.StrokeWidth = th.Color(theme.ColorNamePrimary, v), 3
	}
	if !on {
		r.frame.FillColor = th.Color(theme.ColorNameDisabledButton, v)
	}
	r.caret.FillColor = th.Color(theme.ColorNameForeground, v)
	r.caret.Hidden = !r.entry.focused || !on
	for i, d := range r.dots {
		d.FillColor = th.Color(theme.ColorNameForeground, v)
		d.Hidden = i >= r.entry.n
	}
	r.Layout(r.entry.Size())
	for _, o := range r.objects {
		o.Refresh()
	}
}
