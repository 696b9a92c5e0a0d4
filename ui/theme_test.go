package main

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// luminance is relative luminance as in WCAG 2.2.
func luminance(c color.Color) float64 {
	r, g, b, _ := c.RGBA()
	part := func(v uint32) float64 {
		s := float64(v) / 0xffff
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*part(r) + 0.7152*part(g) + 0.0722*part(b)
}

func contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestWordsCanBeReadOnEveryGroundTheyStandOn(t *testing.T) {
	words := []fyne.ThemeColorName{theme.ColorNameForeground, theme.ColorNamePlaceHolder, theme.ColorNamePrimary,
		theme.ColorNameError, theme.ColorNameWarning}
	grounds := []fyne.ThemeColorName{theme.ColorNameBackground, theme.ColorNameHeaderBackground}
	for _, v := range []fyne.ThemeVariant{theme.VariantLight, theme.VariantDark} {
		for _, w := range words {
			for _, g := range grounds {
				if c := contrast(readable{}.Color(w, v), readable{}.Color(g, v)); c < 7 {
					t.Errorf("variant %d: %s on %s has contrast %.1f", v, w, g, c)
				}
			}
		}
		if c := contrast(readable{}.Color(theme.ColorNameForegroundOnPrimary, v), readable{}.Color(theme.ColorNamePrimary, v)); c < 7 {
			t.Errorf("variant %d: the main button's label has contrast %.1f", v, c)
		}
		if c := contrast(readable{}.Color(theme.ColorNameForeground, v), readable{}.Color(theme.ColorNameFocus, v)); c < 7 {
			t.Errorf("variant %d: the label of the button with the focus has contrast %.1f", v, c)
		}
		if c := contrast(readable{}.Color(theme.ColorNameInputBorder, v), readable{}.Color(theme.ColorNameInputBackground, v)); c < 3 {
			t.Errorf("variant %d: the field's edge has contrast %.1f", v, c)
		}
	}
}
