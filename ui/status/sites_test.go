package status

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/ui/translations"
)

// kept is what a person answered.
type kept struct {
	prompt.Sites
	err error
}

func (k *kept) List(context.Context) (prompt.Sites, error) { return k.Sites, k.err }

// TakeBack makes a no of a yes, as the agent does.
func (k *kept) TakeBack(_ context.Context, origin string) (prompt.Sites, error) {
	k.Answers = slices.Clone(k.Answers)
	i := slices.IndexFunc(k.Answers, func(s prompt.Site) bool { return s.Origin == origin })
	if k.Answers[i].Allowed {
		k.Answers[i].Allowed = false
	} else {
		k.Answers = slices.Delete(k.Answers, i, i+1)
	}
	return k.Sites, k.err
}

var answered = []prompt.Site{
	{Origin: "https://a.example", Readable: "https://a.example", Allowed: true, At: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)},
	{Origin: "https://xn--bcher-kva.example", Readable: "https://bücher.example", At: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)},
}

// showSites opens the window, with all that it does done at once.
func showSites(t *testing.T, lang string, k *kept) *Sites {
	t.Helper()
	s := NewSites(test.NewTempApp(t), translations.For(lang), k)
	s.do, s.start = func(f func()) { f() }, func(f func()) { f() }
	s.Show()
	return s
}

func (s *Sites) shows(t *testing.T, texts ...string) {
	t.Helper()
	shown := strings.Join(strings.Fields(test.RenderToMarkup(s.win.Canvas())), " ")
	for _, want := range texts {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown in\n%s", want, shown)
		}
	}
}

// press presses a key and lets it go.
func (s *Sites) press(name fyne.KeyName) {
	b := s.win.Canvas().Focused().(*button)
	ev := &fyne.KeyEvent{Name: name}
	b.KeyDown(ev)
	b.TypedKey(ev)
	b.KeyUp(ev)
}

func TestThePersonsAnswersAreShownWithWhatTakesThemBack(t *testing.T) {
	k := &kept{Sites: prompt.Sites{Counts: true, Answers: answered}}
	s := showSites(t, "en", k)
	s.shows(t, "https://a.example", "Allowed on 27/11/2026.", "Do not allow it any more",
		"https://xn--bcher-kva.example", "Written as: https://bücher.example", "Not allowed on 28/11/2026.", "Ask me again", "Close")
	if s.note.Visible() {
		t.Errorf("the note says %q", s.note.Text)
	}
	showSites(t, "cy", k).shows(t, "Caniatawyd ar 27/11/2026.", "Gofyn i mi eto", "Cau")
}

func TestAnAnswerIsTakenBackByKeyboardAlone(t *testing.T) {
	k := &kept{Sites: prompt.Sites{Counts: true, Answers: answered}}
	s := showSites(t, "en", k)
	s.press(fyne.KeyReturn) // the first has the focus
	if k.Answers[0].Allowed || len(k.Answers) != 2 {
		t.Errorf("left are %+v", k.Answers)
	}
	s.shows(t, "Not allowed on 27/11/2026.")
	s.win.Canvas().FocusNext()
	s.press(fyne.KeySpace)
	if len(k.Answers) != 1 || k.Answers[0].Origin != "https://a.example" {
		t.Errorf("left are %+v", k.Answers)
	}
	s.press(fyne.KeyEnter)
	s.shows(t, "You have not decided about any website.")
	s.press(fyne.KeyReturn) // what closes has the focus
}

func TestAKeyThatIsHeldTakesOneAnswerBack(t *testing.T) {
	k := &kept{Sites: prompt.Sites{Counts: true, Answers: []prompt.Site{answered[1], {Origin: "https://b.example"}, {Origin: "https://c.example"}}}}
	s := showSites(t, "en", k)
	ev := &fyne.KeyEvent{Name: fyne.KeyReturn}
	s.win.Canvas().Focused().(*button).KeyDown(ev)
	for range 5 {
		s.win.Canvas().Focused().TypedKey(ev)
	}
	if len(k.Answers) != 2 {
		t.Errorf("left are %+v", k.Answers)
	}
}

func TestWhyThereAreNoAnswersIsSaid(t *testing.T) {
	for text, k := range map[string]*kept{
		"You have not decided about any website.":                  {Sites: prompt.Sites{Counts: true}},
		"Your organisation does not let people decide":             {Sites: prompt.Sites{Answers: answered}},
		"Cardea cannot be reached.":                                {err: fmt.Errorf("%w: gone", prompt.ErrNoAgent)},
		"Your answers cannot be read or changed.":                  {err: prompt.ErrAnswers},
		"Cardea cannot be reached. Close this window, and open it": {err: errors.New("another")},
	} {
		s := showSites(t, "en", k)
		if !s.note.Visible() || !strings.HasPrefix(s.note.Text, text) {
			t.Errorf("%q is shown for %q", s.note.Text, text)
		}
	}
}

func TestAnAnswerOfTheAgentsThatComesTooLateIsDropped(t *testing.T) {
	k := &kept{Sites: prompt.Sites{Counts: true, Answers: answered}}
	s := showSites(t, "en", k)
	var later func()
	s.start = func(f func()) { later = f }
	s.Show()
	s.start = func(f func()) { f() }
	k.Answers = nil
	s.Show()
	k.Answers = answered
	later()
	if len(s.place) != 0 {
		t.Error("the older answer is shown")
	}
}

func TestARowThatGetsTheFocusIsScrolledIntoSight(t *testing.T) {
	k := &kept{Sites: prompt.Sites{Counts: true}}
	for i := range 30 {
		k.Answers = append(k.Answers, prompt.Site{Origin: fmt.Sprintf("https://%d.example", i), Readable: fmt.Sprintf("https://%d.example", i)})
	}
	s := showSites(t, "en", k)
	// Texts know their height when they know their width: a real window is laid
	// out again for that by itself.
	for _, height := range []float32{sitesHeight + 1, sitesHeight} {
		s.win.Resize(fyne.NewSize(sitesWidth, height))
	}
	s.Show()
	for _, i := range []int{29, 0, 15} {
		s.focus(i)
		row := s.rows.Objects[i]
		if top := row.Position().Y; top < s.scroll.Offset.Y || top+row.Size().Height > s.scroll.Offset.Y+s.scroll.Size().Height {
			t.Errorf("row %d is out of sight: it is at %v, and %v is shown from %v", i, top, s.scroll.Size().Height, s.scroll.Offset.Y)
		}
	}
}
