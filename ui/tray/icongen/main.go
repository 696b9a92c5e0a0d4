// Command icongen draws the pictures of the tray icon, one PNG for each state,
// into the folder that is named.
//
// Each picture is a card or a reader with a badge, and every one differs from
// every other by shape and not by colour alone. Light bodies have a dark edge,
// so they can be seen on light and on dark panels. PNG, because some trays show
// nothing for SVG. A test draws them again and compares.
package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/image/vector"
)

const size = 64

var (
	white  = color.RGBA{255, 255, 255, 255}
	ink    = color.RGBA{16, 36, 56, 255}
	chip   = color.RGBA{240, 185, 60, 255}
	pale   = color.RGBA{176, 188, 199, 255}
	green  = color.RGBA{0, 122, 61, 255}
	red    = color.RGBA{190, 20, 34, 255}
	amber  = color.RGBA{255, 176, 0, 255}
	blue   = color.RGBA{0, 84, 166, 255}
	arrows = color.RGBA{105, 185, 255, 255}
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: icongen FOLDER")
		os.Exit(2)
	}
	for name, draw := range pictures {
		if err := write(filepath.Join(os.Args[1], name+".png"), render(draw)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func write(path string, img image.Image) error {
	f, err := os.Create(path) // #nosec G304 -- the folder is the caller's word
	if err != nil {
		return err
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		return err
	}
	return f.Close()
}

// pictures has a drawing for each state of the tray's model, and one for the
// program itself.
var pictures = map[string]func(*canvas){
	"app":                 func(c *canvas) { c.card(white) },
	"offline":             func(c *canvas) { c.card(pale); c.slash() },
	"starting":            func(c *canvas) { c.card(pale); c.disc(blue); c.dots() },
	"serviceDown":         func(c *canvas) { c.reader(); c.triangle(); c.bang() },
	"noReader":            func(c *canvas) { c.reader(); c.slash() },
	"noCard":              func(c *canvas) { c.reader(); c.arrow() },
	"cardUnreadable":      func(c *canvas) { c.card(white); c.triangle(); c.bang() },
	"cardUnknown":         func(c *canvas) { c.card(white); c.disc(blue); c.question() },
	"noUsableCertificate": func(c *canvas) { c.card(white); c.disc(red); c.cross() },
	"pinBlocked":          func(c *canvas) { c.card(white); c.padlock() },
	"ready":               func(c *canvas) { c.card(white); c.disc(green); c.tick() },
	"busy":                func(c *canvas) { c.card(white); c.disc(blue); c.dots() },
}

func render(draw func(*canvas)) *image.RGBA {
	c := &canvas{image.NewRGBA(image.Rect(0, 0, size, size))}
	draw(c)
	return c.img
}

type point struct{ x, y float64 }

// canvas has the badge's middle at (46, 44).
type canvas struct{ img *image.RGBA }

const badgeX, badgeY, badgeR = 45, 45, 17

func (c *canvas) fill(col color.Color, points ...point) {
	r := vector.NewRasterizer(size, size)
	r.MoveTo(float32(points[0].x), float32(points[0].y))
	for _, p := range points[1:] {
		r.LineTo(float32(p.x), float32(p.y))
	}
	r.ClosePath()
	r.Draw(c.img, c.img.Bounds(), image.NewUniform(col), image.Point{})
}

func arc(x, y, r, from, to float64) []point {
	const steps = 24
	points := make([]point, 0, steps+1)
	for i := range steps + 1 {
		a := (from + (to-from)*float64(i)/steps) * math.Pi / 180
		points = append(points, point{x + r*math.Cos(a), y + r*math.Sin(a)})
	}
	return points
}

func (c *canvas) circle(col color.Color, x, y, r float64) { c.fill(col, arc(x, y, r, 0, 360)...) }

func (c *canvas) box(col color.Color, x0, y0, x1, y1, r float64) {
	var p []point
	p = append(p, arc(x1-r, y0+r, r, -90, 0)...)
	p = append(p, arc(x1-r, y1-r, r, 0, 90)...)
	p = append(p, arc(x0+r, y1-r, r, 90, 180)...)
	p = append(p, arc(x0+r, y0+r, r, 180, 270)...)
	c.fill(col, p...)
}

// line draws a stroke with round ends through the points.
func (c *canvas) line(col color.Color, width float64, points ...point) {
	for i, a := range points {
		c.circle(col, a.x, a.y, width/2)
		if i+1 == len(points) {
			break
		}
		b := points[i+1]
		l := math.Hypot(b.x-a.x, b.y-a.y)
		dx, dy := -(b.y-a.y)/l*width/2, (b.x-a.x)/l*width/2
		c.fill(col, point{a.x + dx, a.y + dy}, point{b.x + dx, b.y + dy}, point{b.x - dx, b.y - dy}, point{a.x - dx, a.y - dy})
	}
}

func (c *canvas) card(body color.Color) {
	c.box(ink, 1, 8, 63, 50, 8)
	c.box(body, 5, 12, 59, 46, 5)
	c.box(ink, 11, 19, 28, 34, 4)
	c.box(chip, 13, 21, 26, 32, 3)
}

func (c *canvas) reader() {
	c.box(ink, 3, 28, 61, 62, 9)
	c.box(white, 7, 32, 57, 58, 6)
	c.box(ink, 13, 38, 51, 44, 3)
}

func (c *canvas) slash() {
	c.line(white, 14, point{10, 56}, point{54, 8})
	c.line(red, 8, point{10, 56}, point{54, 8})
}

func (c *canvas) arrow() {
	c.fill(ink, point{22, 0}, point{42, 0}, point{42, 10}, point{54, 10}, point{32, 35}, point{10, 10}, point{22, 10})
	c.fill(arrows, point{26, 3}, point{38, 3}, point{38, 13}, point{46, 13}, point{32, 29}, point{18, 13}, point{26, 13})
}

func (c *canvas) disc(col color.Color) {
	c.circle(white, badgeX, badgeY, badgeR+2)
	c.circle(col, badgeX, badgeY, badgeR)
}

func (c *canvas) triangle() {
	c.fill(ink, point{44, 22}, point{64, 63}, point{24, 63})
	c.fill(amber, point{44, 28}, point{60, 60}, point{28, 60})
}

func (c *canvas) bang() {
	c.line(ink, 5, point{44, 40}, point{44, 48})
	c.circle(ink, 44, 55, 3)
}

func (c *canvas) question() {
	c.line(white, 5, append(arc(badgeX, badgeY-4, 6, -180, 60), point{badgeX, badgeY + 5})...)
	c.circle(white, badgeX, badgeY+11, 3)
}

func (c *canvas) cross() {
	c.line(white, 6, point{badgeX - 7, badgeY - 7}, point{badgeX + 7, badgeY + 7})
	c.line(white, 6, point{badgeX - 7, badgeY + 7}, point{badgeX + 7, badgeY - 7})
}

func (c *canvas) tick() {
	c.line(white, 6, point{badgeX - 8, badgeY}, point{badgeX - 2, badgeY + 7}, point{badgeX + 9, badgeY - 7})
}

func (c *canvas) dots() {
	for i := -1.0; i <= 1; i++ {
		c.circle(white, badgeX+i*9, badgeY, 3.5)
	}
}

func (c *canvas) padlock() {
	c.line(white, 13, arc(badgeX, badgeY-7, 9, -180, 0)...)
	c.box(white, badgeX-18, badgeY-8, badgeX+18, badgeY+19, 6)
	c.line(red, 6, arc(badgeX, badgeY-7, 9, -180, 0)...)
	c.box(red, badgeX-15, badgeY-5, badgeX+15, badgeY+16, 4)
	c.circle(white, badgeX, badgeY+3, 4)
	c.line(white, 4, point{badgeX, badgeY + 3}, point{badgeX, badgeY + 10})
}
