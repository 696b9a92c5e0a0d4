package approvals

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/weborigin"
)

// The bounds of the file.
const (
	maxAnswers = 200
	maxAsked   = 64
	maxBytes   = 1 << 18
)

// version is that of the file's form. A file of another is not read.
const version = 1

// Answer is what the person said.
type Answer string

// The answers.
const (
	Allowed Answer = "allowed"
	Refused Answer = "refused"
)

// Entry is an answer about one origin.
type Entry struct {
	Origin string    `json:"origin"`
	Answer Answer    `json:"answer"`
	At     time.Time `json:"at"`
}

// content is the JSON text.
type content struct {
	Version int     `json:"version"`
	Answers []Entry `json:"answers"` // one of an origin
	Asked   []asked `json:"asked"`   // the oldest first; what is older than a day is dropped
}

// asked is a question that was put to the person, answered or not.
type asked struct {
	Origin string    `json:"origin"`
	At     time.Time `json:"at"`
}

// File keeps the answers in one file. It may be changed by several processes.
type File struct {
	path string
	now  func() time.Time

	mu   sync.Mutex // guards what follows: what the file said when it was seen last
	seen fs.FileInfo
	kept content
	err  error
}

// Open keeps answers in the file at path, which need not exist.
func Open(path string) *File { return &File{path: path, now: time.Now} }

// Allowed reports whether the person let an origin in. It is asked at each
// handshake, so the file is read again only when it is another one.
func (f *File) Allowed(origin string) (bool, error) {
	c, err := f.read()
	if err != nil {
		return false, err
	}
	e, found := c.answer(origin)
	return found && e.Answer == Allowed, nil
}

// List returns the answers that count, by origin.
func (f *File) List() ([]Entry, error) {
	c, err := f.read()
	if err != nil {
		return nil, err
	}
	c = c.pruned(f.now())
	slices.SortFunc(c.Answers, func(a, b Entry) int { return cmp.Compare(a.Origin, b.Origin) })
	return c.Answers, nil
}

// Revoke takes an answer back, and returns which it was; empty when there was
// none. A yes becomes a no, so that a page which is still open does not have the
// person asked at once; after a no they may be asked again. Agents that run
// notice it at the next handshake or request.
func (f *File) Revoke(origin string) (was Answer, err error) {
	err = f.change(func(c *content) error {
		i := slices.IndexFunc(c.Answers, func(e Entry) bool { return e.Origin == origin })
		if i < 0 {
			return nil
		}
		if was = c.Answers[i].Answer; was == Allowed {
			c.Answers[i] = Entry{origin, Refused, f.now()}
		} else {
			c.Answers = slices.Delete(c.Answers, i, i+1)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return was, nil
}

// TakeBack is Revoke for a person at their tray: a yes that is taken back has its
// line in the audit log.
func (f *File) TakeBack(origin string, audit signin.Audit) error {
	was, err := f.Revoke(origin)
	if err == nil && was == Allowed {
		audit.Record(signin.Event{What: EventRevoke, Origin: origin, Outcome: "ok"})
	}
	return err
}

// keep notes that a question was asked, and the answer if there was one.
func (f *File) keep(origin string, answer Answer, at time.Time) error {
	return f.change(func(c *content) error {
		c.Asked = append(c.Asked, asked{origin, at})
		if answer == "" {
			return nil
		}
		c.Answers = slices.DeleteFunc(c.Answers, func(e Entry) bool { return e.Origin == origin })
		c.Answers = append(c.Answers, Entry{origin, answer, at})
		if len(c.Answers) > maxAnswers {
			return errFull
		}
		return nil
	})
}

var errFull = errors.New("approvals: there are too many answers; take some back with: cardea-agent origins revoke ORIGIN")

func (c content) answer(origin string) (Entry, bool) {
	i := slices.IndexFunc(c.Answers, func(e Entry) bool { return e.Origin == origin })
	if i < 0 {
		return Entry{}, false
	}
	return c.Answers[i], true
}

// pruned leaves out what no longer counts, without changing c.
func (c content) pruned(now time.Time) content {
	c.Answers = slices.DeleteFunc(slices.Clone(c.Answers), func(e Entry) bool {
		return e.Answer == Refused && !recent(e.At, now, day)
	})
	c.Asked = slices.DeleteFunc(slices.Clone(c.Asked), func(a asked) bool { return !recent(a.At, now, day) })
	c.Asked = c.Asked[max(0, len(c.Asked)-maxAsked):]
	return c
}

// recent reports whether at is less than a while ago. What the clock says is
// still to come counts as now: a clock that was put back opens nothing.
func recent(at, now time.Time, while time.Duration) bool { return now.Sub(at) < while }

// read returns what the file says.
func (f *File) read() (content, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readLocked()
}

func (f *File) readLocked() (content, error) {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.seen, f.kept, f.err = nil, content{Version: version}, nil
	case err != nil:
		f.seen, f.kept, f.err = nil, content{}, fmt.Errorf("approvals: %w", err)
	case f.seen == nil || !sameFile(f.seen, info):
		f.kept, f.err = load(f.path)
		f.seen = info
	}
	return f.kept, f.err
}

// sameFile reports whether nothing was written since. The file is always
// replaced, so a change makes another file.
func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

func load(path string) (content, error) {
	file, err := os.Open(path)
	if err != nil {
		return content{}, fmt.Errorf("approvals: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return content{}, fmt.Errorf("approvals: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return content{}, fmt.Errorf("approvals: others may write to %s, so it says nothing", path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return content{}, fmt.Errorf("approvals: %w", err)
	}
	c, err := parse(text)
	if err != nil {
		return content{}, fmt.Errorf("approvals: %s: %w", path, err)
	}
	return c, nil
}

// parse reads the text strictly. A wildcard, http or any other form than a
// browser's is refused: a person's yes is for one origin.
func parse(text []byte) (content, error) {
	if len(text) > maxBytes {
		return content{}, fmt.Errorf("longer than %d bytes", maxBytes)
	}
	var c content
	if err := json.Unmarshal(text, &c, json.RejectUnknownMembers(true)); err != nil {
		return content{}, err
	}
	if c.Version != version {
		return content{}, fmt.Errorf("is of version %d", c.Version)
	}
	if len(c.Answers) > maxAnswers {
		return content{}, fmt.Errorf("has more than %d answers", maxAnswers)
	}
	seen := map[string]bool{}
	for _, e := range c.Answers {
		switch err := weborigin.Check(e.Origin, false); {
		case err != nil || !weborigin.IsValid(e.Origin):
			return content{}, fmt.Errorf("%.80q is no origin of a site", e.Origin)
		case e.Answer != Allowed && e.Answer != Refused:
			return content{}, fmt.Errorf("%.80q is no answer", e.Answer)
		case seen[e.Origin]:
			return content{}, fmt.Errorf("%.80q is there twice", e.Origin)
		}
		seen[e.Origin] = true
	}
	return c, nil
}

// change replaces the file, while no other process does. A file that cannot be
// read is left as it is.
func (f *File) change(edit func(*content) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("approvals: %w", err)
	}
	lock, err := os.OpenFile(f.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("approvals: %w", err)
	}
	defer lock.Close() // and with it the lock
	if err := exclusively(lock); err != nil {
		return fmt.Errorf("approvals: %s: %w", lock.Name(), err)
	}
	c, err := f.readLocked()
	if err != nil {
		return err
	}
	c = c.pruned(f.now())
	if err := edit(&c); err != nil {
		return err
	}
	if err := f.write(c); err != nil {
		return fmt.Errorf("approvals: %w", err)
	}
	f.seen = nil
	return nil
}

// write puts a new file in the old one's place, whole or not at all.
func (f *File) write(c content) (err error) {
	c.Version = version
	text, err := json.Marshal(c, jsontext.WithIndent("  "), json.FormatNilSliceAsNull(false))
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(f.path), ".origins-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(next.Name()))
		}
	}()
	_, err = next.Write(append(text, '\n'))
	if err == nil {
		err = next.Sync()
	}
	if err = errors.Join(err, next.Close()); err != nil {
		return err
	}
	return os.Rename(next.Name(), f.path)
}
