package accounts

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
)

// Message is a mail of plain text to one person.
type Message struct {
	To       mail.Address
	Language string
	Subject  string
	Body     string // lines end with \n
}

// Mailer sends mails. It may be called by many at once, and has a minute for
// each.
type Mailer interface {
	Send(ctx context.Context, m Message) error
}

// The kinds of mails. Each has the keys mail.KIND.subject and mail.KIND.body.
const (
	mailCardRegistered        = "cardRegistered"
	mailCardRemoved           = "cardRemoved"           // by the user
	mailCardRemovedByHelpdesk = "cardRemovedByHelpdesk" //
	mailFailedSignIns         = "failedSignIns"         // {count}

	mailPasswordChanged           = "passwordChanged" // by the user
	mailPasswordChangedByHelpdesk = "passwordChangedByHelpdesk"
)

// placeholders are what the kinds' texts may use: the user's name, the site's
// name and the time in all of them.
var placeholders = map[string][]string{
	mailCardRegistered:        {"name", "site", "when", "card"},
	mailCardRemoved:           {"name", "site", "when", "card"},
	mailCardRemovedByHelpdesk: {"name", "site", "when", "card"},
	mailFailedSignIns:         {"name", "site", "when", "count"},

	mailPasswordChanged:           {"name", "site", "when"},
	mailPasswordChangedByHelpdesk: {"name", "site", "when"},
}

// MailKeys returns the keys that each language of Config.Texts must have. The
// texts may use {name}, {site} and {when}; those about cards {card}, that
// about failed sign-ins {count}.
func MailKeys() []string {
	var keys []string
	for kind := range placeholders {
		keys = append(keys, "mail."+kind+".subject", "mail."+kind+".body")
	}
	slices.Sort(keys)
	return keys
}

var placeholder = regexp.MustCompile(`\{(\w*)\}`)

// checkTexts finds at the start what a mail would miss later.
func checkTexts(texts map[string]map[string]string) error {
	var errs []error
	for language, byKey := range texts {
		for kind, allowed := range placeholders {
			for _, part := range []string{"subject", "body"} {
				key := "mail." + kind + "." + part
				if byKey[key] == "" {
					errs = append(errs, fmt.Errorf("accounts: Config.Texts has no %s in %q", key, language))
				}
				for _, used := range placeholder.FindAllStringSubmatch(byKey[key], -1) {
					if !slices.Contains(allowed, used[1]) {
						errs = append(errs, fmt.Errorf("accounts: %s in %q asks for %s", key, language, used[0]))
					}
				}
			}
		}
	}
	return errors.Join(errs...)
}

// notice is a mail to be.
type notice struct {
	kind  string
	to    store.User
	at    time.Time
	card  string
	count int
}

// send sends a mail in the background: an answer that waited for it would tell
// a guesser that the account exists.
func (a *Accounts) send(ctx context.Context, n notice) {
	m := a.compose(n)
	a.mails.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err := a.Mailer.Send(ctx, m)
		if err == nil {
			return
		}
		a.Log.Error("a mail could not be sent", "kind", n.kind, "user", n.to.ID, "reason", err)
		line := store.Line{At: a.Clock(), Subject: n.to.ID, Action: ActionMailFailed, Details: map[string]string{"mail": n.kind}}
		if err := a.Store.AddLine(context.WithoutCancel(ctx), line); err != nil {
			a.Log.Error("a line of the audit trail is missing", "action", ActionMailFailed, "user", n.to.ID, "reason", err)
		}
	})
}

func (a *Accounts) compose(n notice) Message {
	language := n.to.Language
	if a.Texts[language] == nil {
		language = a.Language
	}
	fill := strings.NewReplacer(
		"{name}", n.to.Name, "{site}", a.Site, "{card}", n.card, "{count}", strconv.Itoa(n.count),
		"{when}", n.at.In(a.Location).Format("2006-01-02 15:04 MST"),
	)
	return Message{
		To: mail.Address{Name: n.to.Name, Address: n.to.Email}, Language: language,
		Subject: fill.Replace(a.Texts[language]["mail."+n.kind+".subject"]),
		Body:    fill.Replace(a.Texts[language]["mail."+n.kind+".body"]),
	}
}

// Folder is a Mailer that lays each message into a folder as a file NAME.eml,
// which its owner alone can read. It is for a demo, and for programs that pick
// messages up there.
type Folder struct {
	Path string // made if there is none
	From mail.Address
	// Clock is for tests; nil is time.Now.
	Clock func() time.Time
}

var _ Mailer = Folder{}

// Send implements Mailer. A file that has its name is complete.
func (f Folder) Send(_ context.Context, m Message) error {
	now := time.Now()
	if f.Clock != nil {
		now = f.Clock()
	}
	id := messageID(now)
	text, err := m.format(f.From, now, id)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.Path, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(f.Path, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(f.Path, id+".eml"))
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// messageID is a name that no other message has, and rises with time.
func messageID(now time.Time) string {
	return now.UTC().Format("20060102T150405.000") + "-" + rand.Text()
}

// format writes the message as RFC 5322 has it. No text can add a header: an
// address quotes its name, and a subject encodes what is not printable.
func (m Message) format(from mail.Address, now time.Time, id string) ([]byte, error) {
	_, domain, _ := strings.Cut(from.Address, "@")
	// One encoded word a line (RFC 2047, section 2).
	subject := strings.ReplaceAll(mime.QEncoding.Encode("utf-8", m.Subject), "?= =?", "?=\r\n =?")
	var b bytes.Buffer
	for _, header := range [][2]string{
		{"From", from.String()},
		{"To", m.To.String()},
		{"Subject", subject},
		{"Date", now.Format(time.RFC1123Z)},
		{"Message-ID", "<" + id + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: no holiday replies
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Language", m.Language},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", header[0], header[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	_, err := w.Write([]byte(strings.ReplaceAll(m.Body, "\n", "\r\n")))
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
