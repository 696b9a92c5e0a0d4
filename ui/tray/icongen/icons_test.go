package main

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

func TestTheCommittedIconsAreWhatIsDrawn(t *testing.T) {
	files, err := filepath.Glob("../icons/*.png")
	if err != nil || len(files) != len(pictures) {
		t.Errorf("%d files for %d pictures (%v): go generate ./ui/tray", len(files), len(pictures), err)
	}
	for name, draw := range pictures {
		f, err := os.Open(filepath.Join("../icons", name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		committed, err := png.Decode(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		drawn := render(draw)
		for y := range size {
			for x := range size {
				if !same(committed.At(x, y), drawn.At(x, y)) {
					t.Fatalf("%s differs at %d,%d: go generate ./ui/tray", name, x, y)
				}
			}
		}
	}
}

// same allows for rounding of the transparent edge, which PNG keeps unmultiplied.
func same(a, b color.Color) bool {
	r1, g1, b1, a1 := a.RGBA()
	r2, g2, b2, a2 := b.RGBA()
	near := func(x, y uint32) bool { return max(x, y)-min(x, y) <= 0x300 }
	return near(r1, r2) && near(g1, g2) && near(b1, b2) && near(a1, a2)
}

// TestIconsDifferWithoutColour compares how light the pictures are, as a person
// sees them who cannot tell colours apart.
func TestIconsDifferWithoutColour(t *testing.T) {
	grey := map[string]*image.Gray{}
	for name, draw := range pictures {
		src, g := render(draw), image.NewGray(image.Rect(0, 0, size, size))
		for y := range size {
			for x := range size {
				g.Set(x, y, src.At(x, y))
			}
		}
		grey[name] = g
	}
	for a := range grey {
		for b := range grey {
			if a >= b {
				continue
			}
			different := 0
			for i := range grey[a].Pix {
				if d := int(grey[a].Pix[i]) - int(grey[b].Pix[i]); d > 64 || d < -64 {
					different++
				}
			}
			if different < size*size/60 {
				t.Errorf("%s and %s differ in %d points only", a, b, different)
			}
		}
	}
}
