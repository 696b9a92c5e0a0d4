package prompt

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// answers are a person's, kept in a test.
type answers struct {
	all []Site
	err error
}

func (a *answers) Sites() (Sites, error) { return Sites{Counts: true, Answers: a.all}, a.err }

func (a *answers) TakeBack(origin string) error {
	a.all = slices.DeleteFunc(a.all, func(s Site) bool { return s.Origin == origin })
	return a.err
}

// kept runs an agent that has a person's answers.
func kept(t *testing.T, all ...Site) (path string, a *answers) {
	t.Helper()
	path, a = socketPath(t), &answers{all: all}
	server, _ := startServer(t, path, io.Discard)
	server.cfg.Sites = a
	return path, a
}

var (
	yes = Site{"https://a.example", "https://a.example", true, time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)}
	no  = Site{"https://xn--bcher-kva.example", "https://bücher.example", false, yes.At}
)

func TestAPersonSeesTheirAnswersAndTakesThemBack(t *testing.T) {
	path, _ := kept(t, yes, no)
	got, err := ListSites(t.Context(), path)
	if err != nil || !got.Counts || !slices.Equal(got.Answers, []Site{yes, no}) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = TakeBackSite(t.Context(), path, yes.Origin)
	if err != nil || !slices.Equal(got.Answers, []Site{no}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAsManyAnswersAsThereMayBeAreTold(t *testing.T) {
	var all []Site
	for range 200 {
		all = append(all, Site{Origin: "https://" + strings.Repeat("a", 253), Readable: "https://" + strings.Repeat("ä", 253), At: yes.At})
	}
	path, _ := kept(t, all...)
	if got, err := ListSites(t.Context(), path); err != nil || !slices.Equal(got.Answers, all) {
		t.Errorf("%d, %v", len(got.Answers), err)
	}
}

func TestAnswersThatCannotBeReadAreSaidToBeSo(t *testing.T) {
	path, a := kept(t, yes)
	a.err = errors.New("damaged")
	if got, err := ListSites(t.Context(), path); !errors.Is(err, ErrAnswers) || got.Answers != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := TakeBackSite(t.Context(), path, yes.Origin); !errors.Is(err, ErrAnswers) {
		t.Error(err)
	}
	if _, err := ListSites(t.Context(), socketPath(t)); !errors.Is(err, ErrNoAgent) {
		t.Errorf("without an agent: %v", err)
	}
}

func TestAnAgentThatKeepsNothingHasNoAnswers(t *testing.T) {
	path := socketPath(t)
	startServer(t, path, io.Discard)
	if got, err := TakeBackSite(t.Context(), path, yes.Origin); err != nil || got.Counts || got.Answers != nil {
		t.Errorf("%+v, %v", got, err)
	}
}
