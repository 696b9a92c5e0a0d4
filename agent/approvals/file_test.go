package approvals

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const writerEnv = "CARDEA_TEST_APPROVALS_WRITER"

func TestMain(m *testing.M) {
	if path, name, ok := strings.Cut(os.Getenv(writerEnv), "="); ok {
		os.Exit(writeMany(path, name))
	}
	goleak.VerifyTestMain(m)
}

const site = "https://site.example"

// start is when the tests' clock begins.
var start = time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)

// newFile makes a file whose clock is the test's.
func newFile(t testing.TB) (f *File, clock *time.Time) {
	t.Helper()
	now := start
	f = Open(filepath.Join(t.TempDir(), "cardea", "origins.json"))
	f.now = func() time.Time { return now }
	return f, &now
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *File) wantAllowed(t *testing.T, origin string, want bool) {
	t.Helper()
	if got, err := f.Allowed(origin); got != want || err != nil {
		t.Errorf("%s is allowed: %v, %v; want %v", origin, got, err, want)
	}
}

func TestAnAnswerIsForOneOriginToTheLetter(t *testing.T) {
	f, _ := newFile(t)
	must(t, f.keep(site, Allowed, start))
	must(t, f.keep("https://other.example", Refused, start))
	f.wantAllowed(t, site, true)
	for _, origin := range []string{"https://other.example", "https://site.example:8443", "https://a.site.example", "http://site.example", ""} {
		f.wantAllowed(t, origin, false)
	}
}

func TestTheFileIsThePersonsAlone(t *testing.T) {
	f, _ := newFile(t)
	must(t, f.keep(site, Allowed, start))
	info, err := os.Stat(f.path)
	must(t, err)
	folder, err := os.Stat(filepath.Dir(f.path))
	must(t, err)
	if runtime.GOOS != "windows" && (info.Mode().Perm() != 0o600 || folder.Mode().Perm() != 0o700) {
		t.Errorf("modes %v and %v", info.Mode(), folder.Mode())
	}
	names, err := filepath.Glob(filepath.Join(filepath.Dir(f.path), "*"))
	must(t, err)
	hidden, err := filepath.Glob(filepath.Join(filepath.Dir(f.path), ".*"))
	must(t, err)
	if len(names) != 2 || len(hidden) != 0 {
		t.Errorf("left behind: %q %q", names, hidden)
	}
	if runtime.GOOS == "windows" {
		return
	}
	must(t, os.Chmod(f.path, 0o620))
	if allowed, err := f.Allowed(site); allowed || err == nil {
		t.Errorf("a file that others may write to allows a site: %v", err)
	}
	must(t, os.Chmod(f.path, 0o600))
	f.wantAllowed(t, site, true)
}

func TestAnAnswerThatAnotherProgramTookBackNoLongerCounts(t *testing.T) {
	agents, _ := newFile(t)
	must(t, agents.keep(site, Allowed, start))
	agents.wantAllowed(t, site, true)
	commands := Open(agents.path)
	commands.now = agents.now
	for _, want := range []Answer{Allowed, Refused, ""} { // a yes, the no that it became, and nothing
		if was, err := commands.Revoke(site); was != want || err != nil {
			t.Errorf("took %q back, %v; want %q", was, err, want)
		}
		agents.wantAllowed(t, site, false)
	}
	must(t, agents.keep(site, Allowed, start))
	agents.wantAllowed(t, site, true)
	must(t, os.Remove(agents.path))
	agents.wantAllowed(t, site, false)
}

func TestANoIsForgottenAfterADayAndAYesIsNot(t *testing.T) {
	f, clock := newFile(t)
	must(t, f.keep("https://no.example", Refused, start))
	must(t, f.keep(site, Allowed, start))
	*clock = start.Add(day - time.Second)
	if all, err := f.List(); len(all) != 2 || err != nil || all[0].Origin != "https://no.example" {
		t.Errorf("%v, %v", all, err)
	}
	*clock = start.Add(day)
	if all, err := f.List(); len(all) != 1 || err != nil || all[0].Origin != site {
		t.Errorf("%v, %v", all, err)
	}
}

func TestAFileInDoubtAllowsNothingAndIsLeftAsItIs(t *testing.T) {
	entry := func(origin, answer string) string {
		return fmt.Sprintf(`{"origin":%q,"answer":%q,"at":"2026-06-01T09:00:00Z"}`, origin, answer)
	}
	good := entry(site, "allowed")
	for name, text := range map[string]string{
		"nothing":         "",
		"garbage":         "\x00\x01",
		"another version": `{"version":2,"answers":[` + good + `],"asked":[]}`,
		"unknown name":    `{"version":1,"answers":[` + good + `],"asked":[],"more":1}`,
		"doubled name":    `{"version":1,"answers":[` + good + `],"answers":[],"asked":[]}`,
		"other case":      `{"version":1,"Answers":[` + good + `],"asked":[]}`,
		"wildcard":        `{"version":1,"answers":[` + good + `,` + entry("https://*.site.example", "allowed") + `],"asked":[]}`,
		"http":            `{"version":1,"answers":[` + good + `,` + entry("http://localhost", "allowed") + `],"asked":[]}`,
		"no name":         `{"version":1,"answers":[` + good + `,` + entry("https://xn--zzzzzz", "allowed") + `],"asked":[]}`,
		"slash":           `{"version":1,"answers":[` + good + `,` + entry("https://a.example/", "allowed") + `],"asked":[]}`,
		"another answer":  `{"version":1,"answers":[` + good + `,` + entry("https://a.example", "yes") + `],"asked":[]}`,
		"twice":           `{"version":1,"answers":[` + good + `,` + good + `],"asked":[]}`,
		"half":            `{"version":1,"answers":[` + good + `]`,
		"too long":        `{"version":1,"answers":[` + good + `],"asked":[]}` + strings.Repeat(" ", maxBytes),
	} {
		f, _ := newFile(t)
		must(t, os.MkdirAll(filepath.Dir(f.path), 0o700))
		must(t, os.WriteFile(f.path, []byte(text), 0o600))
		if allowed, err := f.Allowed(site); allowed || err == nil {
			t.Errorf("%s: allowed %v, %v", name, allowed, err)
		}
		if err := f.keep("https://b.example", Allowed, start); err == nil {
			t.Errorf("%s: it was written over", name)
		}
		if after, err := os.ReadFile(f.path); err != nil || string(after) != text {
			t.Errorf("%s: it was changed to %q, %v", name, after, err)
		}
	}
}

func TestThereIsRoomForHundredsOfAnswersAndNoMore(t *testing.T) {
	f, _ := newFile(t)
	c := content{}
	for i := range maxAnswers {
		c.Answers = append(c.Answers, Entry{fmt.Sprintf("https://site%d.example", i), Allowed, start})
	}
	must(t, os.MkdirAll(filepath.Dir(f.path), 0o700))
	must(t, f.write(c))
	if err := f.keep(site, Allowed, start); err == nil {
		t.Error("one more was kept")
	}
	f.wantAllowed(t, "https://site0.example", true)
	must(t, f.keep("https://site0.example", Refused, start))
	f.wantAllowed(t, "https://site0.example", false)
}

const many = 25

// writeMany is what another process does: it keeps answers and takes every
// second one back.
func writeMany(path, name string) int {
	f := Open(path)
	for i := range many {
		origin := fmt.Sprintf("https://%s%d.example", name, i)
		if err := f.keep(origin, Allowed, time.Now()); err != nil {
			return 1
		}
		if i%2 == 1 {
			if was, err := f.Revoke(origin); was != Allowed || err != nil {
				return 2
			}
		}
	}
	return 0
}

func TestNoAnswerIsLostWhenTwoProcessesWriteAtOnce(t *testing.T) {
	f := Open(filepath.Join(t.TempDir(), "origins.json"))
	self, err := os.Executable()
	must(t, err)
	var writers []*exec.Cmd
	for _, name := range []string{"a", "b"} {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), writerEnv+"="+f.path+"="+name)
		cmd.Stderr = &bytes.Buffer{}
		must(t, cmd.Start())
		writers = append(writers, cmd)
	}
	for _, cmd := range writers {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, cmd.Stderr)
		}
	}
	all, err := f.List()
	must(t, err)
	var want []string
	for _, name := range []string{"a", "b"} {
		for i := 0; i < many; i += 2 {
			want = append(want, fmt.Sprintf("https://%s%d.example", name, i))
		}
	}
	slices.Sort(want)
	var got []string
	for _, e := range all {
		if e.Answer == Allowed {
			got = append(got, e.Origin)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// What a file of answers allows is always an origin that the door could let in,
// and is written back as it was read.
func FuzzAFileOfAnswersAllowsWholeOriginsAlone(f *testing.F) {
	for _, seed := range []string{
		`{"version":1,"answers":[{"origin":"https://site.example","answer":"allowed","at":"2026-06-01T09:00:00Z"}],"asked":[{"origin":"https://b.example","at":"2026-06-01T09:00:00Z"}]}`,
		`{"version":1,"answers":[],"asked":[]}`,
		`{"version":1,"answers":[{"origin":"https://*.example.org","answer":"allowed","at":"2026-06-01T09:00:00Z"}],"asked":[]}`,
		`{}`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parse(text)
		if err != nil {
			return
		}
		for _, e := range c.Answers {
			if strings.ContainsAny(e.Origin, "*/ \n") && strings.Count(e.Origin, "/") != 2 || !strings.HasPrefix(e.Origin, "https://") {
				t.Errorf("%q is allowed", e.Origin)
			}
		}
		file := Open(filepath.Join(folder, "origins.json"))
		if err := file.write(c); err != nil {
			return // such as a year that cannot be written
		}
		again, err := load(file.path)
		if err != nil || !slices.EqualFunc(again.Answers, c.Answers, func(a, b Entry) bool {
			return a.Origin == b.Origin && a.Answer == b.Answer && a.At.Equal(b.At)
		}) {
			t.Errorf("%q was written back as %v, %v", text, again, err)
		}
	})
}
