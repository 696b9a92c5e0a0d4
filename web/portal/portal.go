// Package portal is a small sign-in site for smartcards: a page to sign in on,
// two pages behind it, and the server's side of both. It is what a site's
// developer can read to see how the pieces meet: web/client in the page,
// web/verify on the server, and a session of the site's own in between.
//
// The page asks the agent on the person's computer for a token; the server
// checks it and begins a session, named by a cookie that scripts cannot read.
// While the card is out the page is covered and the server keeps its pages to
// itself, until the same card has signed again. What was typed into a page
// stays in it meanwhile.
//
// A PIN never comes near it: the agent's own window asks for it. The site keeps
// sessions in memory alone, knows no passwords, and never answers a request
// that another site's page made or that names another host.
//
// It is tested with tokens that the agent makes from virtual cards, and through
// a browser by cardea-demo --check.
package portal

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/cardea-agent/cardea/web/client"
	"github.com/cardea-agent/cardea/web/verify"
)

// Config is what a portal is made of. Origin, AgentPort and Verifier are
// required.
type Config struct {
	// Origin is the site's own, as browsers write it: https://signin.example.
	// The Verifier must accept it. http is for this computer only.
	Origin string
	// AgentPort is the port on which the agents of the site's users listen,
	// protocol.DefaultPort unless an administrator changed it.
	AgentPort int
	Verifier  *verify.Verifier
	// Title is the organisation's name, shown on every page.
	Title string
	// Log hears why a token was refused. It never hears a token. nil: nothing.
	Log *slog.Logger
}

// portal serves the pages.
type portal struct {
	Config
	secure   bool // the origin is https
	texts    texts
	pages    *template.Template
	sessions *sessions
}

//go:embed static templates texts.en.json
var files embed.FS

// New returns the site. It panics when Origin is not an origin: that is a
// mistake in the calling program, and verify.New says what is wrong with it.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Title == "" {
		c.Title = "Cardea"
	}
	p := &portal{
		Config: c, secure: strings.HasPrefix(c.Origin, "https://"),
		texts: english(), sessions: newSessions(),
	}
	p.pages = template.Must(template.New("").
		Funcs(template.FuncMap{"t": p.texts.page}).
		ParseFS(files, "templates/*.html"))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.signInPage)
	mux.HandleFunc("GET /home", p.sessionPage("home.html"))
	mux.HandleFunc("GET /notes", p.sessionPage("notes.html"))
	mux.HandleFunc("POST /challenge", p.challenge)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("POST /lock", p.lock)
	mux.HandleFunc("POST /resume", p.resume)
	mux.HandleFunc("POST /logout", p.logout)
	assets(mux, p.texts)
	return Guard(c.Origin, c.AgentPort, mux)
}

// assets serves scripts and styles, which are the same for everybody.
func assets(mux *http.ServeMux, t texts) {
	serve := func(name string, text []byte) {
		kind := "text/javascript; charset=utf-8"
		switch {
		case strings.HasSuffix(name, ".css"):
			kind = "text/css; charset=utf-8"
		case strings.HasSuffix(name, ".svg"):
			kind = "image/svg+xml"
		}
		mux.HandleFunc("GET /assets/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", "no-cache")
			_, _ = w.Write(text)
		})
	}
	static, err := fs.Glob(files, "static/*")
	if err != nil {
		panic(err)
	}
	for _, path := range static {
		serve(strings.TrimPrefix(path, "static/"), must(files.ReadFile(path)))
	}
	serve("cardea.js", must(client.Dist.ReadFile("dist/cardea.js")))
	serve("texts.js", t.script())
}

// must is for what is embedded in the program.
func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

// view is what a template shows.
type view struct {
	Title     string
	AgentPort int
	Page      string
	// Session is the agent's name for the session, for the page to attach to.
	Session string
	// Locked: the page must not show who is signed in, nor anything else.
	Locked bool
	Who    verify.Identity
}

func (p *portal) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.session(r); ok {
		http.Redirect(w, r, "/home", http.StatusSeeOther)
		return
	}
	p.render(w, "signin.html", view{Page: "signin.html"})
}

// sessionPage is a page for those who are signed in. Of a locked session it
// shows the lock alone.
func (p *portal) sessionPage(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, ok := p.session(r)
		if !ok {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		v := view{Page: name, Session: s.agentSession, Locked: s.locked}
		if !s.locked {
			v.Who = s.who
		}
		p.render(w, name, v)
	}
}

func (p *portal) render(w http.ResponseWriter, name string, v view) {
	v.Title, v.AgentPort = p.Title, p.AgentPort
	var b bytes.Buffer
	if err := p.pages.ExecuteTemplate(&b, name, v); err != nil {
		p.Log.Error("a page cannot be written", "page", name, "reason", err)
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = b.WriteTo(w)
}

// Guard lets through to next only requests that name the origin's own host and
// were not made by another site's page, and sends every answer with headers
// that keep scripts, frames and connections to what the site needs: its own,
// and the agent's port on this computer.
//
// The check of the host is what keeps a page out whose name was pointed at this
// server after it had loaded (DNS rebinding).
func Guard(origin string, agentPort int, next http.Handler) http.Handler {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		panic(fmt.Sprintf("portal: %q is not an origin", origin))
	}
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(origin); err != nil {
		panic(fmt.Sprintf("portal: %v", err))
	}
	// The client library dials this address alone. A policy cannot name an IPv6
	// address (CSP level 3, section 2.3.1).
	agent := fmt.Sprintf("ws://127.0.0.1:%d http://127.0.0.1:%[1]d", agentPort)
	headers := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
			"connect-src 'self' " + agent + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), microphone=(), geolocation=()",
		"Cache-Control":                "no-store",
	}
	if u.Scheme == "https" {
		headers["Strict-Transport-Security"] = "max-age=31536000"
	}
	guarded := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			// Added, so that a stricter policy of a server in front stays.
			w.Header().Add(name, value)
		}
		if r.Host != u.Host {
			http.Error(w, "this server has another name", http.StatusMisdirectedRequest)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}
