package main

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// readable is Fyne's theme with larger text and with colours whose contrast is
// 7:1 or better wherever they carry words (WCAG 2.2, level AAA), so that nobody
// has to look for a setting first. Light or dark is the system's choice, and
// FYNE_SCALE makes all of it larger.
type readable struct{}

type pair struct{ light, dark color.NRGBA }

func rgb(c uint32) color.NRGBA {
	return color.NRGBA{R: byte(c >> 16), G: byte(c >> 8), B: byte(c), A: 255} // #nosec G115 -- the byte is what is wanted
}

var colours = map[fyne.ThemeColorName]pair{
	theme.ColorNameBackground:          {rgb(0xffffff), rgb(0x14191f)},
	theme.ColorNameForeground:          {rgb(0x14212e), rgb(0xf4f7fa)},
	theme.ColorNamePlaceHolder:         {rgb(0x46535f), rgb(0xc3ccd5)},
	theme.ColorNamePrimary:             {rgb(0x00488f), rgb(0x9cccff)},
	theme.ColorNameForegroundOnPrimary: {rgb(0xffffff), rgb(0x06182b)},
	theme.ColorNameError:               {rgb(0x9b0f1c), rgb(0xffb4b4)},
	theme.ColorNameWarning:             {rgb(0x6d4100), rgb(0xffd27a)},
	theme.ColorNameHeaderBackground:    {rgb(0xeef2f6), rgb(0x222b35)},
	theme.ColorNameInputBackground:     {rgb(0xffffff), rgb(0x0c1014)},
	theme.ColorNameInputBorder:         {rgb(0x46535f), rgb(0xc3ccd5)},
	theme.ColorNameButton:              {rgb(0xe2e8ee), rgb(0x33404d)},
	theme.ColorNameDisabledButton:      {rgb(0xe9edf1), rgb(0x262f38)},
	theme.ColorNameDisabled:            {rgb(0x6b7783), rgb(0x97a3af)},
	theme.ColorNameFocus:               {rgb(0xffd54a), rgb(0x634b00)},
}

// Color is called by Fyne.
func (readable) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	p, ok := colours[name]
	switch {
	case !ok:
		return theme.DefaultTheme().Color(name, variant)
	case variant == theme.VariantDark:
		return p.dark
	}
	return p.light
}

// Size is called by Fyne.
func (readable) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return 16
	case theme.SizeNameHeadingText:
		return 22
	case theme.SizeNameInlineIcon:
		return 22
	case theme.SizeNameInnerPadding:
		return 6
	}
	return theme.DefaultTheme().Size(name)
}

// Font is called by Fyne.
func (readable) Font(s fyne.TextStyle) fyne.Resource { return theme.DefaultTheme().Font(s) }

// Icon is called by Fyne.
func (readable) Icon(n fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(n) }
