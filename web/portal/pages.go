package portal

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/texts"
	"github.com/cardea-agent/cardea/web/verify"
)

// page is a page of the site.
type page struct {
	name string   // of the template, and of the text "page.NAME" that is its title
	open bool     // also for those who are not signed in
	data pageData // nil when the template needs none
}

// pageData finds what a page shows. It is not asked while the page is locked.
type pageData func(r *http.Request, v *visit) (any, error)

// view is what a template gets.
type view struct {
	*visit
	Title     string // of the organisation
	AgentPort int
	Page      string
	Path      string // of this page with its query, to come back to
	Locked    bool   // the page must show nothing of anybody's
	Problem   *problem
	Form      url.Values // what was typed before a problem; without passwords
	Data      any
	Languages []texts.Language
}

// problem is why the last form was refused, to be said on the page itself.
type problem struct {
	Code  code
	Text  string
	Try   string
	Field string // that the problem is about; empty if none
}

// refusal is a code of the portal's own as an error.
type refusal struct{ code code }

func (r refusal) Error() string { return "portal: " + string(r.code) }

// codeOf is the code of any error.
func codeOf(err error) code {
	if r, ok := errors.AsType[refusal](err); ok {
		return r.code
	}
	if e, ok := errors.AsType[*verify.Error](err); ok {
		return code(e.Code)
	}
	return code(accounts.CodeOf(err))
}

// show serves a page.
func (p *portal) show(pg page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := p.begin(r)
		if err == nil && !v.SignedIn && !pg.open {
			p.toSignIn(w, r, v)
			return
		}
		if err == nil {
			err = p.render(w, r, v, pg, nil)
		}
		if err != nil {
			p.fail(w, r, v, err)
		}
	}
}

// form serves what a page's form sends. do returns where to go next. When it
// refuses, the page is shown again with what was typed and why.
func (p *portal) form(pg page, do func(w http.ResponseWriter, r *http.Request, v *visit) (next string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		v, err := p.begin(r)
		if err == nil && !v.SignedIn && !pg.open {
			p.toSignIn(w, r, v)
			return
		}
		var next string
		if err == nil {
			next, err = do(w, r, v)
		}
		if err == nil {
			http.Redirect(w, r, next, http.StatusSeeOther)
			return
		}
		switch codeOf(err) {
		case codeInternal, codeSignedOut, code(accounts.CodeSessionExpired), code(accounts.CodePageLocked),
			code(accounts.CodeReauthenticationNeeded), codePageNotFound:
			p.fail(w, r, v, err)
		default:
			if shown := p.render(w, r, v, pg, err); shown != nil {
				p.fail(w, r, v, shown)
			}
		}
	}
}

// toSignIn sends to the sign-in page, and back after it.
func (p *portal) toSignIn(w http.ResponseWriter, r *http.Request, v *visit) {
	to := url.Values{}
	if v.Token != "" {
		to.Set("ended", string(codeSignedOut))
	}
	if r.Method == http.MethodGet && r.URL.Path != "/home" {
		to.Set("then", r.URL.RequestURI())
	}
	target := "/"
	if len(to) > 0 {
		target += "?" + to.Encode()
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}

// fail answers with a page of the code, where a form cannot say it itself.
func (p *portal) fail(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	c := codeOf(err)
	switch c {
	case codeSignedOut, code(accounts.CodeSessionExpired), code(accounts.CodeAccountInactive):
		http.Redirect(w, r, "/?ended="+string(c), http.StatusSeeOther)
		return
	case code(accounts.CodePageLocked):
		http.Redirect(w, r, localPath(r.PostFormValue("here")), http.StatusSeeOther) // which shows the lock
		return
	case code(accounts.CodeReauthenticationNeeded):
		p.toConfirm(w, r)
		return
	}
	if v == nil || v.Texts.Language == "" {
		v = &visit{Texts: p.texts[texts.Match(r.Header.Get("Accept-Language"))]}
	}
	p.Log.Error("a page was refused", "path", r.URL.Path, "code", string(c), "reason", err)
	a, _ := p.adviseSite(string(c), v.Texts)
	if shown := p.write(w, statusOf(err), view{visit: v, Page: "help-code", Path: "/home", Data: a}); shown != nil {
		p.Log.Error("a page cannot be written", "page", "help-code", "reason", shown)
		http.Error(w, word(v.Texts, "refused.internal"), http.StatusInternalServerError)
	}
}

// statusOf is the status of HTTP that says the same as an error, roughly.
func statusOf(err error) int {
	switch codeOf(err) {
	case codeInternal:
		return http.StatusInternalServerError
	case codeSignedOut, code(accounts.CodeSessionExpired):
		return http.StatusUnauthorized
	case codePageNotFound, code(accounts.CodeCardNotFound), code(accounts.CodeUserNotFound), code(accounts.CodeSignatureNotFound):
		return http.StatusNotFound
	case codeTooManyRequests, code(accounts.CodeTooManyAttempts):
		return http.StatusTooManyRequests
	case code(accounts.CodeFieldInvalid):
		return http.StatusUnprocessableEntity
	}
	return http.StatusForbidden
}

// render shows a page, with a problem if a form was refused. Of a locked
// session it shows the lock alone.
func (p *portal) render(w http.ResponseWriter, r *http.Request, v *visit, pg page, refused error) error {
	out := view{visit: v, Page: pg.name, Path: r.URL.RequestURI(), Locked: v.SignedIn && v.Session.Locked, Form: url.Values{}}
	if r.Method != http.MethodGet {
		out.Path = localPath(r.PostFormValue("here"))
	}
	if out.Locked {
		return p.write(w, http.StatusOK, out)
	}
	status := http.StatusOK
	if refused != nil {
		status = statusOf(refused)
		out.Problem, out.Form = p.problem(v, refused), maps.Clone(r.PostForm)
		out.Form.Del("password")
		setRetryAfter(w, refused)
		p.Log.Info("a form was refused", "page", pg.name, "code", string(out.Problem.Code), "reason", refused)
	}
	if pg.data != nil {
		var err error
		if out.Data, err = pg.data(r, v); err != nil {
			return err
		}
	}
	return p.write(w, status, out)
}

func (p *portal) problem(v *visit, err error) *problem {
	c := codeOf(err)
	found := &problem{Code: c, Text: word(v.Texts, "refused."+string(c)), Try: word(v.Texts, "refusedTry."+string(c))}
	if e, ok := errors.AsType[*accounts.Error](err); ok && e.Field != "" {
		found.Field = e.Field
		found.Text, found.Try = word(v.Texts, "field."+e.Field), ""
	}
	return found
}

// setRetryAfter says when to try again, where the error knows (RFC 9110, section
// 10.2.3).
func setRetryAfter(w http.ResponseWriter, err error) {
	if e, ok := errors.AsType[*accounts.Error](err); ok && e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
}

// write sends a page. Nothing of it is sent when it cannot be made.
func (p *portal) write(w http.ResponseWriter, status int, v view) error {
	v.Title, v.AgentPort, v.Languages = p.Title, p.AgentPort, texts.Languages
	var b bytes.Buffer
	if err := p.pages[v.Texts.Language][v.Page].ExecuteTemplate(&b, "layout", v); err != nil {
		return fmt.Errorf("the page %s: %w", v.Page, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(v.Texts.Language))
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
	return nil
}

// parsePages reads each page's template in each language. A page is the layout
// with the blocks that its own file defines.
func parsePages(all map[texts.Language]texts.Texts) map[texts.Language]map[string]*template.Template {
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		panic(err)
	}
	pages := map[texts.Language]map[string]*template.Template{}
	for l, t := range all {
		pages[l] = map[string]*template.Template{}
		layout := template.Must(template.New("").Funcs(template.FuncMap{
			"t": t.T, "date": date(t), "moment": moment(t), "tab": newTab, "size": size(t),
		}).ParseFS(files, "templates/layout.html"))
		for _, name := range names {
			if base := strings.TrimSuffix(path.Base(name), ".html"); base != "layout" {
				pages[l][base] = template.Must(template.Must(layout.Clone()).ParseFS(files, name))
			}
		}
	}
	return pages
}

// date writes a day, as in "2 January 2006".
func date(t texts.Texts) func(time.Time) (string, error) {
	return func(at time.Time) (string, error) {
		month, err := t.T("month." + strconv.Itoa(int(at.Month())))
		return fmt.Sprintf("%d %s %d", at.Day(), month, at.Year()), err
	}
}

// moment writes a time of day on a day.
func moment(t texts.Texts) func(time.Time) (string, error) {
	return func(at time.Time) (string, error) {
		day, err := date(t)(at.Local())
		return day + ", " + at.Local().Format("15:04"), err
	}
}

// size writes how long a document is, in the unit that suits it.
func size(t texts.Texts) func(int64) (string, error) {
	return func(bytes int64) (string, error) {
		unit, n := "bytes", float64(bytes)
		for _, larger := range []string{"kB", "MB", "GB"} {
			if n < 1000 {
				break
			}
			unit, n = larger, n/1000
		}
		digits := 1
		if unit == "bytes" || n >= 100 {
			digits = 0
		}
		return t.T("size."+unit, "n", strings.TrimSuffix(strconv.FormatFloat(n, 'f', digits, 64), ".0"))
	}
}

// tab is a link of the navigation.
type tab struct {
	Name, Path string
	Here       bool
}

func newTab(v view, name, path string) tab { return tab{name, path, v.Page == name} }
