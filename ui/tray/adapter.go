package tray

import (
	"embed"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/systray"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
)

//go:generate go run ./icongen icons
//go:embed icons/*.png
var icons embed.FS

// Icon is the picture for a state. Pictures are told apart by shape.
func Icon(state signin.State) fyne.Resource { return picture(string(state)) }

// AppIcon is the picture of the program.
func AppIcon() fyne.Resource { return picture("app") }

func picture(name string) fyne.Resource {
	name += ".png"
	b, err := icons.ReadFile("icons/" + name)
	if err != nil {
		// The model shows no other states; the files are part of the program.
		panic(fmt.Sprintf("tray: %v", err))
	}
	return fyne.NewStaticResource(name, b)
}

// Adapter is the icon in the tray. Its methods are called on Fyne's goroutine.
type Adapter struct {
	app        desktop.App
	catalogue  *translations.Catalogue
	showStatus func()
	showSites  func()
	quit       func()
	shown      View
}

// NewAdapter puts an icon into the tray. It is nil where the platform has none,
// and Show on nil does nothing: the status window says it all.
func NewAdapter(app fyne.App, c *translations.Catalogue, showStatus, showSites, quit func()) *Adapter {
	d, ok := app.(desktop.App)
	if !ok {
		return nil
	}
	return &Adapter{app: d, catalogue: c, showStatus: showStatus, showSites: showSites, quit: quit}
}

// Show changes the tray to v, and only what is different: a menu that is set
// again closes under the person's mouse.
func (a *Adapter) Show(v View) {
	if a == nil || v == a.shown {
		return
	}
	if v.State != a.shown.State {
		a.app.SetSystemTrayIcon(Icon(v.State))
		systray.SetTooltip(v.Tooltip())
	}
	a.shown = v
	a.app.SetSystemTrayMenu(a.menu(v))
}

func (a *Adapter) menu(v View) *fyne.Menu {
	items := []*fyne.MenuItem{said(v.Headline), said(v.Advice)}
	if v.Readers != "" {
		items = append(items, fyne.NewMenuItemSeparator())
		for line := range strings.SplitSeq(v.Readers, "\n") {
			items = append(items, said(line))
		}
	}
	quit := fyne.NewMenuItem(a.catalogue.Say(translations.MenuQuit), a.quit)
	quit.IsQuit = true
	items = append(items, fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem(a.catalogue.Say(translations.MenuStatus), a.showStatus),
		fyne.NewMenuItem(a.catalogue.Say(translations.MenuSites), a.showSites),
		said(v.Version), quit)
	return fyne.NewMenu("Cardea", items...)
}

// said is a line that is only there to be read.
func said(text string) *fyne.MenuItem {
	item := fyne.NewMenuItem(text, nil)
	item.Disabled = true
	return item
}
