package status

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/ui/translations"
	"github.com/cardea-agent/cardea/ui/tray"
)

func TestTheStatusWindowSaysWhatTheTraySays(t *testing.T) {
	w := New(test.NewTempApp(t), translations.For("en"), func() {}, func() {})
	w.Show()
	w.Update(tray.View{State: signin.NoCard, Headline: "headline", Advice: "advice", Readers: "one\ntwo", ForIT: "ATR 3B 00", Help: "who helps", Version: "version"})
	shown := test.RenderToMarkup(w.win.Canvas())
	for _, want := range []string{"headline", "advice", "one", "two", "ATR 3B 00", "who helps", "version", "Quit", "Websites…", "Close"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown", want)
		}
	}
}
