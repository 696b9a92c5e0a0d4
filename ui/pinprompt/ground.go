package pinprompt

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"github.com/cardea-agent/cardea/agent/prompt"
)

// panel is a rectangle with the theme's colours, which follows a change of
// theme.
type panel struct {
	widget.BaseWidget
	fill fyne.ThemeColorName
	line fyne.ThemeColorName // none when empty
}

func ground(fill fyne.ThemeColorName) *panel {
	p := &panel{fill: fill}
	p.ExtendBaseWidget(p)
	return p
}

// CreateRenderer is called by Fyne.
func (p *panel) CreateRenderer() fyne.WidgetRenderer {
	r := &panelRenderer{panel: p, rect: &canvas.Rectangle{CornerRadius: 6}}
	r.Refresh()
	return r
}

type panelRenderer struct {
	panel *panel
	rect  *canvas.Rectangle
}

func (r *panelRenderer) Destroy()                     {}
func (r *panelRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r *panelRenderer) Layout(size fyne.Size)        { r.rect.Resize(size) }
func (r *panelRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.rect} }

func (r *panelRenderer) Refresh() {
	v := fyne.CurrentApp().Settings().ThemeVariant()
	th := r.panel.Theme()
	r.rect.FillColor = th.Color(r.panel.fill, v)
	if r.panel.line != "" {
		r.rect.StrokeColor, r.rect.StrokeWidth = th.Color(r.panel.line, v), 2
	}
	r.rect.Refresh()
}

// printableLines is prompt.Printable for text in which line breaks are ours.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = prompt.Printable(l)
	}
	return strings.Join(lines, "\n")
}
