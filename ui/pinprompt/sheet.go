package pinprompt

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
)

const (
	// pageWidth is the width of the window, in Fyne's units.
	pageWidth = 500
	rowGap    = 8
	edge      = 16
	// frameHeight is left for the window's own title and edges.
	frameHeight = 40
)

// sheet is a page's two parts: what is to be read, and below it what is to be
// done. Where the screen is too low for both, as it can be with large text, the
// upper part scrolls and the lower part stays in sight.
type sheet struct {
	upper, lower *fyne.Container
	scroll       *container.Scroll
	whole        fyne.CanvasObject
}

func newSheet(upper []fyne.CanvasObject, lower ...fyne.CanvasObject) *sheet {
	s := &sheet{
		upper: container.New(layout.NewCustomPaddedVBoxLayout(rowGap), upper...),
		lower: container.New(layout.NewCustomPaddedVBoxLayout(rowGap), lower...),
	}
	s.scroll = container.NewVScroll(s.upper)
	s.whole = container.New(layout.NewCustomPaddedLayout(edge, edge, edge, edge),
		container.NewBorder(nil, container.New(layout.NewCustomPaddedLayout(rowGap, 0, 0, 0), s.lower), nil, nil, s.scroll))
	return s
}

// fit lays the sheet out and returns its size. room is the height that there is,
// zero when it is not known. Wrapped texts know their height only after they
// were laid out once.
func (s *sheet) fit(room float32) fyne.Size {
	width := max(pageWidth, s.lower.MinSize().Width+2*edge)
	var size fyne.Size
	for range 3 {
		for _, part := range []*fyne.Container{s.upper, s.lower} {
			part.Resize(fyne.NewSize(width-2*edge, part.MinSize().Height))
		}
		height := s.upper.MinSize().Height + s.lower.MinSize().Height + 2*edge + 2*rowGap
		if room > 0 {
			height = min(height, room-frameHeight)
		}
		size = fyne.NewSize(width, height)
		s.whole.Resize(size)
	}
	return size
}
