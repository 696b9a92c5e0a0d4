package accounts

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/texts"
)

func TestAMailIsAFileThatMailProgramsRead(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "mail")
	at := time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)
	f := Folder{Path: folder, From: mail.Address{Name: "Ysbyty Mercy", Address: "no-reply@hospital.example"}, Clock: func() time.Time { return at }}
	m := Message{
		To: mail.Address{Name: "Siân Ŵyn", Address: "sian@hospital.example"}, Language: "cy",
		Subject: strings.Repeat("Cofrestrwyd cerdyn i’ch cyfrif ", 4), Body: "Helo,\n\n" + strings.Repeat("ŵ = ", 100) + "\n.\nFrom me\n",
	}
	check(t, f.Send(t.Context(), m))
	check(t, f.Send(t.Context(), m))
	files, err := os.ReadDir(folder)
	check(t, err)
	wants(t, len(files), 2)
	for _, file := range files {
		if !strings.HasPrefix(file.Name(), "20310506T120000.000-") || filepath.Ext(file.Name()) != ".eml" {
			t.Errorf("the file is called %s", file.Name())
		}
		info, err := file.Info()
		check(t, err)
		if runtime.GOOS != "windows" && info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", file.Name(), info.Mode())
		}
	}
	text, err := os.ReadFile(filepath.Join(folder, files[0].Name()))
	check(t, err)
	for line := range strings.SplitSeq(strings.TrimSuffix(string(text), "\r\n"), "\r\n") {
		if len(line) > 90 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("a line is %q", line)
		}
	}
	read, err := mail.ReadMessage(bytes.NewReader(text))
	check(t, err)
	to, err := read.Header.AddressList("To")
	check(t, err)
	wants(t, *to[0], m.To)
	from, err := read.Header.AddressList("From")
	check(t, err)
	wants(t, *from[0], f.From)
	subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	check(t, err)
	wants(t, subject, m.Subject)
	date, err := read.Header.Date()
	check(t, err)
	wants(t, date.Equal(at), true)
	wants(t, read.Header.Get("Content-Language"), "cy")
	body, err := io.ReadAll(quotedprintable.NewReader(read.Body))
	check(t, err)
	wants(t, strings.ReplaceAll(string(body), "\r\n", "\n"), m.Body)
}

func TestNoTextAddsAHeaderToAMail(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	bad := "Ann\r\nBcc: all@hospital.example\r\n\r\nbody"
	check(t, Folder{Path: folder, From: mail.Address{Name: bad, Address: "no-reply@hospital.example"}}.Send(t.Context(), Message{
		To: mail.Address{Name: bad, Address: "ann@hospital.example"}, Subject: bad, Body: bad, Language: "en",
	}))
	files, err := filepath.Glob(filepath.Join(folder, "*.eml"))
	check(t, err)
	file, err := os.Open(files[0])
	check(t, err)
	defer file.Close()
	read, err := mail.ReadMessage(file)
	check(t, err)
	names := slices.Sorted(maps.Keys(read.Header))
	wants(t, names, []string{
		"Auto-Submitted", "Content-Language", "Content-Transfer-Encoding", "Content-Type", "Date", "From",
		"Message-Id", "Mime-Version", "Subject", "To",
	})
}

func TestAMailThatCannotBeWrittenLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(path, nil, 0o600))
	if err := (Folder{Path: path}).Send(t.Context(), Message{}); err == nil {
		t.Error("a mail was written into a file")
	}
}

func TestAMailThatFailsUndoesNothingAndIsNoted(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := newSite(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	s.sent.fails = errors.New("no route to the mail server")
	token, id := s.ann()
	card := s.register(token, "Blue card", identity(t, "111122223333", 1))
	s.Close()
	_, err := s.store.Card(t.Context(), card.ID)
	check(t, err)
	line := s.last(id)
	wants(t, line.Action, ActionMailFailed)
	wants(t, line.Details, map[string]string{"mail": "cardRegistered"})
	if !strings.Contains(log.String(), "no route") || strings.Contains(log.String(), annsEmail) {
		t.Errorf("the log says %s", log.String())
	}
}

// One pass: a name cannot ask for another value.
func TestWhatAPersonNamedIsNoPlaceholder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.ann()
	s.register(token, "{name} {when} {site}", identity(t, "111122223333", 1))
	body := s.mails()[0].Body
	if !strings.Contains(body, "“{name} {when} {site}”") || !strings.Contains(body, "ar 2031-05-06 12:00 UTC.") {
		t.Errorf("the mail says %s", body)
	}
}

func TestAUserWhoseLanguageHasNoTextsGetsTheSitesOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, id := s.ann()
	check(t, s.store.SetLanguage(t.Context(), id, "br"))
	s.register(token, "Blue card", identity(t, "111122223333", 1))
	wants(t, s.mails()[0].Language, "en")
}

func TestAConfigurationThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	good := newSite(t).Config
	good.Limits = Limits{}
	_, err := New(good)
	check(t, err)
	for text, change := range map[string]func(*Config){
		"Store is missing":  func(c *Config) { c.Store = nil },
		"Mailer is missing": func(c *Config) { c.Mailer = nil },
		"Policy is missing": func(c *Config) { c.Policy = "" },
		`Language "fr"`:     func(c *Config) { c.Language = "fr" },
		"HashCost":          func(c *Config) { c.HashCost.Memory = 1 },
		"Limits.Account":    func(c *Config) { c.Limits.Account.Free = 5 },
		"Limits.Address":    func(c *Config) { c.Limits.Address = AttemptLimit{Free: 1, First: 2, Most: 1, Forget: 3} },
		"below zero":        func(c *Config) { c.Limits.Fresh = -1 },
		`no mail.failedSignIns.body in "cy"`: func(c *Config) {
			c.Texts = texts.ByKey()
			delete(c.Texts["cy"], "mail.failedSignIns.body")
		},
		`mail.cardRemoved.body in "en" asks for {count}`: func(c *Config) {
			c.Texts = texts.ByKey()
			c.Texts["en"]["mail.cardRemoved.body"] = "{count}"
		},
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestEveryMailHasItsKeysInBothLanguages(t *testing.T) {
	t.Parallel()
	wants(t, len(MailKeys()), 12)
	for language, words := range texts.ByKey() {
		maps.DeleteFunc(words, func(key, _ string) bool { return !strings.HasPrefix(key, "mail.") })
		wants(t, slices.Sorted(maps.Keys(words)), MailKeys())
		wants(t, slices.Contains([]string{"en", "cy"}, language), true)
	}
}
